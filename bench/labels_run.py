"""What labels cost a port run: their share of the process's CPU, and the run with and without them.

Run: python bench/labels_run.py [--size small] [--seed 7] [--rounds 3]

*Share*: in a whole discharge run of a made port (gather, weigh, ask), everything that exists only for labels
is timed by the thread's CPU clock: finding the place of a call, joins, the labels of what sources gave, their
stored form. Timing itself is counted in, so the share is an upper bound. *With and without* runs the same
project in alternation with all of that replaced by one constant; the least CPU time of each is compared.
Goal: under 2 %.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import port_rig as rig

from pilothouse.labels import signed

CONSTANT = signed("bench", "1")
SPENT: dict[str, list[int]] = {}
_inside = False


def _parts() -> list[tuple[Any, str, Any]]:
    """Return every function that exists for labels alone: owner, name, and what stands in for it."""
    from pilothouse import connectors
    from pilothouse.connectors import types
    from pilothouse.engine import verbs
    from pilothouse.engine.running import children, gathering, labelling, scope, segment, steps, waiting
    from pilothouse.workflows import deciding, declare, performing, running, tools
    from pilothouse.workflows.flow import collect
    from pilothouse.workflows.flow.live import Live

    named = [(module, "site_of", None) for module in (deciding, declare, performing, running, tools)]
    methods = {
        "inputs": CONSTANT, "pc": CONSTANT, "returned": CONSTANT, "label": CONSTANT, "note": None,
        "asked": None, "performed": None, "answered_args": {}, "bound_call": "named", "beginning_of": None,
    }  # fmt: skip
    named += [(Live, name, stand) for name, stand in methods.items()]
    named += [(declare, "known_slice", "keep"), (declare, "carried", ()), (verbs, "run_labels", "keep")]
    named += [(types, "result_label", CONSTANT), (connectors, "result_label", CONSTANT)]
    named += [(collect.Collected, "add", None), (scope.Scope, "see", None), (segment.Segment, "see", None)]
    modules = (segment, steps, children, gathering, waiting, labelling)
    for module in modules:
        for name, stand in (("label_text", "null"), ("label_from", CONSTANT), ("run_labels_text", None)):
            if hasattr(module, name):
                named.append((module, name, stand))
    return named


@contextmanager
def timed() -> Iterator[None]:
    """Time every part for labels, once where one calls another."""

    def clocked(name: str, found: Callable[..., Any]) -> Callable[..., Any]:
        spent = SPENT.setdefault(name, [0, 0])

        @functools.wraps(found)
        def call(*args: Any, **kwargs: Any) -> Any:
            global _inside  # noqa: PLW0603 - one thread runs the workflows
            if _inside:
                return found(*args, **kwargs)
            _inside, began = True, time.thread_time_ns()
            try:
                return found(*args, **kwargs)
            finally:
                spent[0] += time.thread_time_ns() - began
                spent[1] += 1
                _inside = False

        return call

    with _replaced(lambda owner, name, _: clocked(f"{owner.__name__}.{name}", getattr(owner, name))):
        yield


@contextmanager
def without() -> Iterator[None]:
    """Put constants in the place of all labels."""

    def constant(owner: Any, name: str, stand: Any) -> Callable[..., Any]:
        if stand == "keep":
            return getattr(owner, name)
        if stand == "named":
            return lambda self, made, used, position, word, names, order: dict.fromkeys(names, CONSTANT)
        return lambda *args, **kwargs: stand

    with _replaced(constant):
        yield


@contextmanager
def _replaced(make: Callable[[Any, str, Any], Callable[..., Any]]) -> Iterator[None]:
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in _parts()]
    for owner, name, stand in _parts():
        setattr(owner, name, make(owner, name, stand))
    try:
        yield
    finally:
        for owner, name, found in before:
            setattr(owner, name, found)


async def once(run: Path) -> tuple[float, int]:
    """Make one discharge run until every box is asked about; return CPU seconds and boxes."""
    from pilothouse.app import open_studio
    from pilothouse.workflows import said
    from pilothouse_port.flow import discharge

    async with open_studio(run) as studio:
        port, _ = rig.place(run)
        key = f"bench:{time.time_ns()}"
        gc.collect()
        began = time.process_time()
        me = studio.principal
        begun = await discharge.start(port, key=key, options={"principal": me, "label": said(me, key)})
        while True:
            await asyncio.sleep(0.1)
            parent = await studio.engine.get(begun.id)
            kids = await studio.engine.runs(parent=begun.id, limit=10_000)
            assert parent.state != "failed", parent.reason
            if parent.state == "parked" and not any(kid.state in ("ready", "running") for kid in kids):
                return time.process_time() - began, len(kids)


def main() -> None:
    """Print the share, then the comparison."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="small")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as out,
        rig.world(Path(out), seed=options.seed, size=options.size) as run,
    ):
        asyncio.run(once(run))
        with timed():
            whole, boxes = asyncio.run(once(run))
        spent = {name: (ns / 1e9, calls) for name, (ns, calls) in SPENT.items() if calls}
        print(f"{boxes} boxes, {whole:.2f} CPU-s, labels {sum(s for s, _ in spent.values()):.4f} CPU-s")
        for name, (seconds, calls) in sorted(spent.items(), key=lambda item: -item[1][0])[:8]:
            print(f"  {name:55} {seconds * 1e3:8.1f} ms {calls:7} calls")
        share = sum(s for s, _ in spent.values()) / whole
        both: dict[str, list[float]] = {"with": [], "without": []}
        for number in range(options.rounds * 2):
            word = ("with", "without")[number % 2]
            if word == "with":
                both[word].append(asyncio.run(once(run))[0])
            else:
                with without():
                    both[word].append(asyncio.run(once(run))[0])
        plain, bare = min(both["with"]), min(both["without"])
        print(f"with {plain:.2f} CPU-s, without {bare:.2f} CPU-s: {(plain / bare - 1) * 100:+.1f} % (noisy)")
        print(
            json.dumps({"bench": "labels_run", "share": round(share, 5), "goal": 0.02, "met": share < 0.02})
        )


if __name__ == "__main__":
    main()
