"""Owns tuning an encoder to what a project's sentences claim: labelled texts in, low-rank changes out.

A frozen encoder knows what sentences mean, not what matters here; a tuned one lays apart what a task keeps
apart, in every language it knows. One tuning serves several tasks. The wordings and their weights are those
that heads are trained on: votes of labelled texts, never an answer key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from pilothouse.documents.claims import Marked, Task, heads
from pilothouse.kernel import DataError
from pilothouse.learning.adapters.torch_child import train_child
from pilothouse.learning.data.augment import variants
from pilothouse.learning.data.noise import believed, carried_by
from pilothouse.learning.data.wordings import Wordings, collect, prepare_all, units_of
from pilothouse.learning.fitting import STRENGTHS, Crossed, Sheet, cross_fit, sheet_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pilothouse.learning.data.examples import Examples

__all__ = ["Tunable", "Tuning", "tune_encoder"]

DELTA = "delta.npz"
_SCRIPT = Path(__file__).parent / "adapters" / "encoder_train.py"


class Tunable(Protocol):
    """An encoder whose network can be trained on."""

    async def unpacked(self, texts: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return the network as numbers and the tokens of texts."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How an encoder is tuned.

    Attributes:
        folder: Of the job; ``delta.npz`` appears there.
        rank: Of each change.
        layers: So many of the last layers are changed; what the others make of a sentence is made once.
        rate: Highest learning rate.
        epochs: How often each wording is seen.
        batch: Sentences a step.
        ways: Made variants of each wording, of which an epoch sees one.
        start: Changes of an earlier tuning to go on from.
        python: Interpreter with the extra ``train``; None takes the setting, then this one.
    """

    folder: Path
    rank: int = 16
    layers: int = 6
    rate: float = 1e-3
    epochs: int = 3
    batch: int = 16
    ways: int = 1
    seed: int = 0
    threads: int = 1
    start: Path | None = None
    python: Path | None = None


@dataclass(slots=True)
class _Sentences:
    texts: list[str] = field(default_factory=list[str])
    owners: list[int] = field(default_factory=list[int])
    truths: list[dict[int, float]] = field(default_factory=list[dict[int, float]])
    weights: list[dict[int, float]] = field(default_factory=list[dict[int, float]])


async def tune_encoder(
    tasks: Sequence[tuple[Task, Examples]],
    encoder: Tunable,
    tuning: Tuning,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Path:
    """Tune an encoder to the types of some tasks and return the file of its changes.

    Args:
        tasks: Each with its labelled texts.
        encoder: Whose weights are changed; the file fits no others.
        tuning: How.
        progress: Told each step in words.

    Raises:
        DataError: ``learning.too_few``: no wording claims anything.
        UsageError: ``learning.no_train``: the interpreter lacks the extra ``train``.
        UnavailableError: ``learning.failed``: the training died; the message says of what.
    """
    import numpy as np

    sentences = _Sentences()
    columns = 0
    for task, examples in tasks:
        types = tuple(one.name for one in task.types if not one.mention)
        wordings, sheet = _wordings(task, types, examples, tuning.seed, progress)
        _add(sentences, task, wordings, sheet, columns, tuning)
        columns += len(types)
    if not any(one > 0.5 for truth in sentences.truths for one in truth.values()):
        raise DataError("no wording claims anything; label more texts", code="learning.too_few")
    arrays = await encoder.unpacked(sentences.texts)
    truths, weights = (np.zeros((len(sentences.truths), columns), np.float32) for _ in range(2))
    for row, (truth, weight) in enumerate(zip(sentences.truths, sentences.weights, strict=True)):
        truths[row, list(truth)] = list(truth.values())
        weights[row, list(weight)] = list(weight.values())
    tuning.folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        tuning.folder / "arrays.npz",
        owners=np.array(sentences.owners),
        truths=truths,
        weights=weights / weights[weights > 0].mean(),
        allow_pickle=False,
        **arrays,
    )
    progress(f"{len(truths)} wordings written {len(sentences.texts)} ways; tuning {tuning.epochs} epochs")
    await _run(tuning, progress)
    return tuning.folder / DELTA


def _wordings(
    task: Task, types: Sequence[str], examples: Examples, seed: int, progress: Callable[[str], None]
) -> tuple[dict[str, Wordings], Sheet]:
    """Return the wordings of texts, with the sentence found that carries each claim, and whom to believe."""
    readings = prepare_all(examples, task)
    found = collect(readings, types)
    units = units_of(found)

    def again() -> Crossed:
        sheet = sheet_of(found, types, task, {}, seed=seed)
        crossed = cross_fit(sheet, units, seed=seed, progress=progress, strengths=STRENGTHS[:1])
        found.update(collect(readings, types, carried_by(readings, sheet, crossed, types)))
        return crossed

    again()
    crossed = again()
    sheet = sheet_of(found, types, task, {}, seed=seed)
    return found, replace(sheet, weights=believed(sheet, crossed))


def _add(
    sentences: _Sentences,
    task: Task,
    wordings: Mapping[str, Wordings],
    sheet: Sheet,
    first: int,
    tuning: Tuning,
) -> None:
    """Add the wordings of a task; what other tasks ask of them nobody said."""
    rng = Random(tuning.seed)  # noqa: S311 - made variants, no secret
    for row, name in enumerate(sheet.names):
        told = {first + at: float(one) for at, one in enumerate(sheet.weights[row]) if one > 0}
        if not told:
            continue
        marked = wordings[name].marked
        ways: list[Marked] = [marked, *variants(marked, task, rng, tuning.ways)]
        sentences.texts += [heads.spoken(one) for one in ways]
        sentences.owners += [len(sentences.truths)] * len(ways)
        sentences.weights.append(told)
        sentences.truths.append({at: float(sheet.truths[row, at - first]) for at in told})


async def _run(tuning: Tuning, progress: Callable[[str], None]) -> None:
    told = {
        "rank": tuning.rank,
        "layers": tuning.layers,
        "rate": tuning.rate,
        "epochs": tuning.epochs,
        "batch": tuning.batch,
        "seed": tuning.seed,
        "threads": tuning.threads,
        "start": str(tuning.start) if tuning.start is not None else "",
    }
    path = tuning.folder / "job.json"
    path.write_text(json.dumps(told), encoding="utf-8")

    def said(line: Mapping[str, Any]) -> None:
        if line.get("event") == "step":
            spent = f"{line['cpu_seconds']:.0f} CPU-s"
            progress(f"step {line['step']} of {line['steps']}: loss {line['loss']}, {spent}")

    await train_child(
        _SCRIPT, path, name=tuning.folder.name, python=tuning.python, threads=tuning.threads, told=said
    )
