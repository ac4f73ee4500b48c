"""Owns LoRA adapters of the local text model: tokens by the server, training in a child, figures as served.

``python -m pilothouse.learning.adapters.lora --train FILE --held-out FILE --out FOLDER`` does the same from a
command line. Nothing here imports a training library; the child needs the extra ``train``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.kernel import DataError, LimitError, UsageError
from pilothouse.learning.adapters.lora_served import ProgressCall, figures, tokens
from pilothouse.learning.adapters.lora_types import Example, LoraJob, LoraResult, Score, read_examples
from pilothouse.learning.adapters.torch_child import train_child

if TYPE_CHECKING:
    from pilothouse.models.runtime import Adapter, Weights

__all__ = ["CARD", "Example", "LoraJob", "LoraResult", "Score", "open_adapter", "read_examples", "train_lora"]

CARD = "card.json"

_TRAIN = Path(__file__).parent / "lora_train.py"


async def train_lora(job: LoraJob, base: Weights, *, progress: ProgressCall | None = None) -> LoraResult:
    """Train an adapter in a process of its own, then measure it as it is served.

    Args:
        job: What to learn, and within which budget.
        base: The open pack whose weights are adapted.
        progress: Told of each step and of each measured answer.

    Raises:
        UsageError: ``learning.no_train``: the interpreter lacks the extra ``train``; ``learning.empty``: no
            example has a usable length.
        LimitError: ``learning.budget``: the CPU budget ended first; the same job again goes on.
        UnavailableError: ``learning.failed``: the training died; the message says of what.
    """
    report = progress or _silent
    job.folder.mkdir(parents=True, exist_ok=True)
    gguf = base.only(".gguf")
    examples, left_out = await tokens(job, base)
    if not examples:
        raise UsageError(
            f"none of {len(job.train)} examples has at most {job.longest} tokens; raise `longest`",
            code="learning.empty",
        )
    told = {
        "name": job.name,
        "base": str(gguf),
        "base_sha256": hashlib.sha256(gguf.read_bytes()).hexdigest(),
        "examples": examples,
        "rank": job.rank,
        "alpha": job.alpha,
        "rate": job.rate,
        "epochs": job.epochs,
        "batch": job.batch,
        "seed": job.seed,
        "threads": job.threads,
        "cpu_seconds": job.cpu_seconds,
        "checkpoint_every": 25,
    }
    path = job.folder / "job.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    cost = await _child(job, path, report)
    adapter = job.folder / "adapter.gguf"
    measured = await figures(job, base, adapter, report)
    digest = hashlib.sha256(adapter.read_bytes()).hexdigest()
    card = _card(job, base, told, left_out=left_out, cost=cost, figures=measured)
    card["adapter"] = {"sha256": digest, "size": adapter.stat().st_size}
    (job.folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return LoraResult(adapter=adapter, sha256=digest, size=adapter.stat().st_size, card=card)


def open_adapter(folder: Path, base: Weights) -> Adapter:
    """Return a trained adapter whose every byte is the one its card names, for the base it was trained on.

    Raises:
        DataError: ``learning.adapter``: there is none, its bytes are others, or it belongs to another base.
    """
    from pilothouse.models.runtime import Adapter

    path = folder / "adapter.gguf"
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        wanted, trained_on = card["adapter"]["sha256"], card["base"]["hash"]
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{str(folder)!r} holds no adapter ({error})", code="learning.adapter") from error
    if actual != wanted:
        raise DataError(
            f"{str(path)!r} is not the adapter its card names ({wanted[:16]}..., not {actual[:16]}...)",
            code="learning.adapter",
        )
    if trained_on != base.hash:
        raise DataError(
            f"{str(path)!r} was trained on {card['base']['name']!r} {trained_on[:16]}..., not on "
            f"{base.name!r} {base.hash[:16]}...; train it again",
            code="learning.adapter",
        )
    return Adapter(name=str(card["name"]), path=path)


def _silent(what: str, done: int, total: int) -> None:
    """Show nothing."""


async def _child(job: LoraJob, path: Path, report: ProgressCall) -> dict[str, Any]:
    began = time.monotonic()
    seen = 0

    def told(line: Mapping[str, Any]) -> None:
        nonlocal seen
        if line.get("event") == "step":
            seen += int(line["tokens"])
            report("train", int(line["step"]), int(line["steps"]))

    last = await train_child(_TRAIN, path, name=job.name, python=job.python, threads=job.threads, told=told)
    if last["event"] == "stopped":
        raise LimitError(
            f"training {job.name!r} used its {job.cpu_seconds:.0f} CPU seconds; raise the budget and start "
            "it again: it goes on where it stopped",
            code="learning.budget",
        )
    return {**last, "tokens": seen, "seconds": time.monotonic() - began}


def _card(
    job: LoraJob,
    base: Weights,
    told: Mapping[str, Any],
    *,
    left_out: int,
    cost: Mapping[str, Any],
    figures: Mapping[str, Any],
) -> dict[str, Any]:
    text = "".join(f"{one.prompt}\0{one.completion}\0" for one in job.train)
    return {
        "learner": "lora",
        "name": job.name,
        "base": {"name": base.name, "hash": base.hash, "sha256": told["base_sha256"]},
        "recipe": {name: told[name] for name in ("rank", "alpha", "rate", "epochs", "batch", "seed")},
        "data": {
            "examples": len(job.train),
            "left_out_as_too_long": left_out,
            "layouts": len({one.layout for one in job.train}),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        },
        "cost": {
            "seconds": round(float(cost["seconds"]), 1),
            "cpu_seconds": round(float(cost["cpu_seconds"]), 1),
            "tokens": cost["tokens"],
            "peak_bytes": cost["peak_bytes"],
        },
        "figures": figures,
        "limits": "Reads the layouts it was trained on; `new` says what it does with others. It never words.",
    }


def _command_line() -> None:
    import argparse

    from pilothouse.registry.packs import open_store

    parser = argparse.ArgumentParser(prog="python -m pilothouse.learning.adapters.lora", description=__doc__)
    parser.add_argument("--name", default="adapter")
    parser.add_argument("--pack", default="smollm2", help="pack whose weights are adapted")
    parser.add_argument("--train", type=Path, required=True, help="JSONL of prompt, completion, layout")
    parser.add_argument("--held-out", type=Path, required=True, help="JSONL of the same form, to measure on")
    parser.add_argument("--out", type=Path, required=True, help="folder of adapter and card")
    parser.add_argument("--schema", type=Path, help="JSON Schema of the answers")
    parser.add_argument("--python", type=Path, help="interpreter with [train]")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--longest", type=int, default=256, help="tokens of the longest example")
    parser.add_argument("--cpu-seconds", type=float, default=3600.0)
    told = parser.parse_args()
    job = LoraJob(
        name=told.name,
        train=read_examples(told.train),
        held_out=read_examples(told.held_out),
        folder=told.out,
        schema=None if told.schema is None else json.loads(told.schema.read_text(encoding="utf-8")),
        epochs=told.epochs,
        rate=told.rate,
        batch=told.batch,
        longest=told.longest,
        cpu_seconds=told.cpu_seconds,
        python=told.python,
    )

    def show(what: str, done: int, total: int) -> None:
        sys.stderr.write(f"\r{what} {done}/{total} ")
        sys.stderr.flush()

    result = asyncio.run(train_lora(job, open_store().open(told.pack), progress=show))
    sys.stdout.write(
        json.dumps({**result.card, "adapter": str(result.adapter), "sha256": result.sha256}) + "\n"
    )


if __name__ == "__main__":
    _command_line()
