"""Owns scope: a body with steps and waits of its own that one entry answers for once it has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from pilothouse.engine.errors import Diverged, error_text
from pilothouse.engine.ports import NewEntry
from pilothouse.engine.running.labelling import label_from, label_text
from pilothouse.engine.running.scope import CURRENT, Scope, ScopeKind, here
from pilothouse.engine.running.values import dump, wire
from pilothouse.engine.types import Entry
from pilothouse.labels import Label

__all__ = ["scope"]

Body = Callable[[], Awaitable[Any]]
Told = Callable[[Label | None], None]


async def scope(
    name: str,
    body: Body,
    *,
    inputs: Any = None,
    label: Callable[[], Label | None] | None = None,
    on_label: Told | None = None,
) -> Any:
    """Run ``body`` in a scope of its own; a replay does not descend into one that has ended.

    Steps inside are recorded one by one, and the body may wait where its caller may. Inside a step it is
    simply run.

    Args:
        name: Registered name; a replay must ask for the same.
        body: Async function without arguments.
        inputs: What it depends on; compared at replay.
        label: Tells the label of what it came to; default the join of all that was recorded inside.
        on_label: Gets that label, at the first run and at every replay.

    Raises:
        PilothouseError: What the body raised, as one of the six kinds or as StepError.
    """
    outer = here(name)
    if outer.kind == "step":
        return await body()
    _, digest = wire(inputs, path=f"{name} inputs")
    key = outer.take(name)
    try:
        # A recorded single entry at this key belongs to another call.
        outer.segment.scope_entry(key)
        entry = _ended(outer, f"{key}.0", name, digest)
        if entry is None:
            entry = await _run(outer, f"{key}.0", name, body, digest, label)
        outer.recorded += 1
        outer.last = entry.ended or outer.last
        found = None if entry.label is None else label_from(entry.label)
        outer.see(found)
        if on_label is not None:
            on_label(found)
        return await outer.segment.value(entry)
    finally:
        outer.free()


def _ended(outer: Scope, path: str, name: str, digest: bytes) -> Entry | None:
    entry = outer.segment.scope_entry(path)
    if entry is not None and (entry.name != name or entry.input_hash != digest):
        raise outer.segment.leave(
            Diverged(path, f"scope {entry.name!r}", f"scope {name!r} with other inputs")
        )
    return entry


async def _run(
    outer: Scope,
    path: str,
    name: str,
    body: Body,
    digest: bytes,
    label: Callable[[], Label | None] | None,
) -> Entry:
    segment = outer.segment
    place = Scope(segment, kind=cast("ScopeKind", outer.kind), path=path, last=outer.last)
    token = CURRENT.set(place)
    try:
        result, error = await body(), None
    except Exception as raised:
        result, error = None, raised
    finally:
        CURRENT.reset(token)
    # What ended the segment counts, not what a tool made of it.
    segment.check_live()
    await segment.before_new(place, path, f"the end of scope {name!r}")
    seen = label() if label is not None else place.label
    text = None if error else dump(result, path=f"{name} result")
    entry = NewEntry(
        key=path, seq=segment.take_seq(), kind="scope", name=name, input_hash=digest, output=text,
        outcome="error" if error else "ok", error=error_text(error) if error else None,
        label=None if seen is None else label_text(seen),
    )  # fmt: skip
    return await segment.record(entry)
