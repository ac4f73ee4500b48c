"""Owns the nouns of a LoRA training: examples, the job, what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilothouse.kernel import DataError

__all__ = ["Example", "LoraJob", "LoraResult", "Score", "read_examples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What is asked and what should be answered; ``layout`` is the form it is written in."""

    prompt: str
    completion: str
    layout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraJob:
    """One training.

    Attributes:
        name: Of the adapter.
        train: What to learn from.
        held_out: What to measure on; a layout that is not in ``train`` counts as new.
        folder: Where adapter, card and checkpoint go; the same folder again goes on where it stopped.
        schema: JSON Schema of the answers: they are generated under its grammar.
        longest: Tokens of the longest example; longer ones are left out and counted.
        cpu_seconds: Budget; when it ends, a checkpoint is kept and ``LimitError`` raised.
        python: Interpreter with the extra ``train``; default that of ``PILOTHOUSE_LEARNING_PYTHON``, else the
            one that runs us.
    """

    name: str
    train: Sequence[Example] = ()
    held_out: Sequence[Example] = ()
    folder: Path = Path()
    schema: Mapping[str, Any] | None = None
    rank: int = 16
    alpha: int = 32
    rate: float = 1e-3
    epochs: int = 3
    batch: int = 4
    longest: int = 256
    seed: int = 0
    threads: int = 1
    cpu_seconds: float = 3600.0
    python: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Right answers of ``n``: whole, and by field where answers are JSON objects."""

    n: int
    exact: int
    fields: int
    of_fields: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraResult:
    """A trained adapter.

    Attributes:
        adapter: GGUF file, beside which the base stays as it was.
        card: Data, figures and cost; JSON, for the registry. ``figures`` has ``before`` and ``after``, each
            with ``known`` and ``new``, all as served, in one process.
    """

    adapter: Path
    sha256: str
    size: int
    card: Mapping[str, Any]


def read_examples(path: Path) -> list[Example]:
    """Read a file of one JSON object a line: ``prompt``, ``completion``, and optionally ``layout``.

    Raises:
        DataError: ``learning.examples``: a line is no such object; the message names it.
    """
    found: list[Example] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
            found.append(
                Example(
                    prompt=str(one["prompt"]),
                    completion=str(one["completion"]),
                    layout=str(one.get("layout", "")),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"line {number} of {str(path)!r} is no example with prompt and completion ({error})",
                code="learning.examples",
            ) from error
    return found
