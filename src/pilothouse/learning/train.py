"""Owns training a head: examples in; files, card and figures on what was kept aside out."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.documents.claims import Encoder, Generator, Reader, Task, heads, load_head, save_head
from pilothouse.kernel import DataError
from pilothouse.labels import Label
from pilothouse.learning.card import write_card
from pilothouse.learning.data.examples import Examples
from pilothouse.learning.data.noise import believed, carried_by, noise_of, settled, wrong_share
from pilothouse.learning.data.splits import held_out, known_out
from pilothouse.learning.data.wordings import Reading, Wordings, collect, prepare_all, units_of
from pilothouse.learning.fitting import (
    RICH,
    STRENGTHS,
    Crossed,
    Joins,
    Progress,
    Sheet,
    cross_fit,
    fit_all,
    limits_of,
    sheet_of,
    tau_of,
)
from pilothouse.learning.measure import chances, rungs
from pilothouse.learning.thresholds import Aims

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Trained", "train_heads"]

ASIDE = 0.2
ROUNDS = 2
"""Of finding the sentence that carries the claim of a text labelled as a whole, each with better heads."""
FEWEST = 8
"""Wordings below which nothing can be told apart."""
MOST_MEASURED = 1500
LEAST_MET = 0.4
"""Share of known words below which nobody calls a sentence harmless, whatever the examples say."""


Fitted = tuple[heads.Weights, heads.Blend | None]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained head and where its files lie.

    Attributes:
        folder: Holds ``head.json``, ``weights.npz``, ``card.json`` and ``card.md``.
        card: What people should know of it.
    """

    head: heads.Head
    folder: Path
    card: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Split:
    train: list[Reading]
    known: list[Reading]
    test: list[Reading]
    wordings: dict[str, Wordings]
    units: dict[str, str]
    kept: frozenset[str]


async def train_heads(
    task: Task,
    examples: Examples,
    out: Path,
    *,
    encoder: Encoder | None = None,
    encoded: frozenset[str] = frozenset({"en"}),
    generator: Generator | None = None,
    aims: Aims | None = None,
    aside: float = ASIDE,
    joins: Mapping[str, Sequence[float]] | None = None,
    seed: int = 0,
    progress: Progress = lambda _: None,
) -> Trained:
    """Train a head for a task; the same examples, task, encoder and seed give the same head.

    Args:
        task: Its types, concepts and rules.
        examples: Labelled texts; about 3 % wrong labels are borne where wordings come back.
        out: Folder of all heads; the head gets ``out/<task>/<version>``.
        encoder: Gives vectors of sentences in ``encoded`` languages.
        encoded: Languages the encoder was measured in.
        generator: A promoted text model, only to report what it adds.
        aims: What thresholds must prove.
        aside: Share of new wordings, and of known texts, that nothing is fitted on: the card's figures.
        joins: By type, how words and vectors are joined and shifted to chances, where that was learnt on
            hands that neither heads nor encoder had met; needed for an encoder tuned on these examples.
        seed: Of splits and variants.
        progress: Told each step in words.

    Raises:
        DataError: ``learning.too_few``: fewer than eight distinct wordings, or none that claims anything.
    """
    wanted = aims or Aims()
    types = tuple(one.name for one in task.types if not one.mention)
    split = _split(examples, task, types, aside, seed, progress)
    vectors = await _vectors(split.wordings, encoder, encoded)
    given = _joins(joins, types) if vectors else None
    sheet, crossed, fitted = _fitted(split, types, task, vectors, seed, progress, given)
    spoken = encoded if vectors else frozenset[str]()
    head = _head(
        task, types, sheet, crossed, fitted, split, examples, wanted, encoder, spoken, given is not None
    )
    progress(
        f"fitted {len(sheet.names)} wordings; measuring on {len(split.test)} new and "
        f"{len(split.known)} known texts"
    )
    card = await _card(
        head, task, examples, split, sheet, crossed, encoder, generator, aims=wanted, seed=seed
    )
    return _kept(head, card, out, task, encoder)


def _split(
    examples: Examples, task: Task, types: Sequence[str], aside: float, seed: int, progress: Progress
) -> _Split:
    readings = prepare_all(examples, task)
    every = collect(readings, types)
    strange = sorted({one for example in examples for one in example.labels} - set(types))
    if strange:
        progress(f"labels that are no type of {task.name!r} count as none: {', '.join(strange)}")
    claimed = sum(any(one.claims(t) for t in types) for one in every.values())
    if len(every) < FEWEST or not claimed:
        raise DataError(
            f"{len(examples)} examples hold {len(every)} distinct sentences, {claimed} of which claim one of "
            f"{', '.join(types)}; at least {FEWEST} are needed",
            code="learning.too_few",
        )
    units = units_of(every)
    kept = held_out(every, units, types, share=aside, seed=seed)
    test = [one for one in readings if any(units[name] in kept for name in one.said.values())]
    rest = [one for one in readings if all(units[name] not in kept for name in one.said.values())]
    out_of = known_out(rest, share=aside, seed=seed)
    train = [one for one, out in zip(rest, out_of, strict=True) if not out]
    wordings = collect(train, types)
    known = [
        one
        for one, out in zip(rest, out_of, strict=True)
        if out and all(name in wordings for name in one.said.values())
    ]
    progress(
        f"{len(examples)} texts, {len(every)} wordings in {len(set(units.values()))} layouts; "
        f"{len(kept)} layouts and {len(known)} known texts kept aside"
    )
    return _Split(train=train, known=known, test=test, wordings=wordings, units=units, kept=kept)


def _fitted(
    split: _Split,
    types: tuple[str, ...],
    task: Task,
    vectors: Mapping[str, NDArray[np.float32]],
    seed: int,
    progress: Progress,
    given: Joins | None = None,
) -> tuple[Sheet, Crossed, Fitted]:
    """Find which sentences carry the claims and which labels to believe, some rounds; then fit on those."""
    trusted = sheet = sheet_of(split.wordings, types, task, vectors, seed=seed)
    for _ in range(ROUNDS):
        crossed = cross_fit(
            trusted, split.units, seed=seed, progress=progress, strengths=STRENGTHS[:1], joins=given
        )
        carried = carried_by(split.train, sheet, crossed, types)
        trusted = replace(sheet, weights=believed(sheet, crossed))
        if not carried:
            break
        progress(f"{len(carried)} texts: the sentence that carries the claim was found")
        again = collect(split.train, types, carried)
        split.wordings.update({name: one for name, one in again.items() if name in split.wordings})
        sheet = sheet_of(split.wordings, types, task, vectors, seed=seed)
        trusted = replace(sheet, weights=believed(sheet, crossed))
    strengths = STRENGTHS if len(sheet.names) < RICH else STRENGTHS[:1]
    crossed = cross_fit(trusted, split.units, seed=seed, progress=progress, strengths=strengths, joins=given)
    trusted = replace(sheet, weights=believed(sheet, crossed))
    progress(f"{int((trusted.weights < sheet.weights).sum())} labels that others contradict are left out")
    return sheet, crossed, fit_all(trusted, crossed, seed=seed)


def _joins(joins: Mapping[str, Sequence[float]] | None, types: Sequence[str]) -> Joins | None:
    """Return what is given by type as columns; a type that is left out goes by its words alone."""
    import numpy as np

    if joins is None:
        return None
    rows = np.array([joins.get(name, (1.0, 0.0, 0.0)) for name in types], dtype=np.float32)
    return rows[:, 0], rows[:, 1], rows[:, 2]


async def _vectors(
    wordings: Mapping[str, Wordings], encoder: Encoder | None, encoded: frozenset[str]
) -> dict[str, NDArray[np.float32]]:
    if encoder is None:
        return {}
    names = [name for name, one in wordings.items() if one.language in encoded]
    if not names:
        return {}
    rows = await encoder.encode([heads.spoken(wordings[name].marked) for name in names], kind="query")
    return dict(zip(names, rows, strict=True))


def _text_cases(
    readings: Sequence[Reading], sheet: Sheet, fitted: Fitted, split: _Split, types: Sequence[str]
) -> list[list[tuple[float, bool]]]:
    """Return, by type, the highest score of each text and whether it claims the type."""
    places = {name: row for row, name in enumerate(sheet.names)}
    cases: list[list[tuple[float, bool]]] = [[] for _ in types]
    for one in readings:
        rows = [places[name] for name in one.said.values() if name in places]
        if not rows:
            continue
        scores = [_score(fitted, sheet, row) for row in rows]
        truth = settled(one, split.wordings, types)
        for column, type_ in enumerate(types):
            cases[column].append((max(float(score[column]) for score in scores), type_ in truth))
    return cases


def _score(fitted: Fitted, sheet: Sheet, row: int) -> NDArray[np.float32]:
    weights, blend = fitted
    words, vector = weights.score(sheet.seen[row]), sheet.vector(row)
    return words if blend is None or vector is None else blend.joined(words[None], vector[None])[0]


def _head(
    task: Task,
    types: tuple[str, ...],
    sheet: Sheet,
    crossed: Crossed,
    fitted: Fitted,
    split: _Split,
    examples: Examples,
    aims: Aims,
    encoder: Encoder | None,
    encoded: frozenset[str],
    calibrated: bool = False,
) -> heads.Head:
    known = _text_cases(split.known[::2], sheet, fitted, split, types)
    limits = limits_of(
        sheet, crossed, known, types, aims, noise=wrong_share(split.wordings), calibrated=calibrated
    )
    wordings = [
        heads.Wording(
            one.seen.shingles, one.seen.signature, one.count, frozenset(t for t in types if one.claims(t))
        )
        for one in split.wordings.values()
    ]
    made = f"{examples.version}|{task.version}|{encoder.version if encoder else ''}|{aims}|{limits}"
    version = hashlib.sha256(made.encode()).hexdigest()[:12]
    return heads.Head(
        name=f"{task.name}@{version}",
        task=task.name,
        types=types,
        tightening=frozenset(one.name for one in task.types if one.tightens and not one.mention),
        weights=fitted[0],
        limits=limits,
        met=max(LEAST_MET, sorted(crossed.met)[len(crossed.met) // 20]),
        clear=aims.clear,
        memory=heads.Memory(wordings, tau_of(split.wordings, split.units)),
        blend=fitted[1],
        encoder=encoder.version if encoder is not None and encoded else "",
        encoded=encoded,
        label=examples.label,
    )


async def _card(
    head: heads.Head,
    task: Task,
    examples: Examples,
    split: _Split,
    sheet: Sheet,
    crossed: Crossed,
    encoder: Encoder | None,
    generator: Generator | None,
    *,
    aims: Aims,
    seed: int,
) -> dict[str, Any]:
    base = encoder if head.encoder else None
    readers = {"rules": Reader(task), "+heads": Reader(task, heads=head, encoder=base)}
    if generator is not None:
        readers["+model"] = Reader(task, heads=head, encoder=base, generator=generator)
    aside = {"new": split.test[:MOST_MEASURED], "known": split.known[1::2][:MOST_MEASURED]}
    measured: dict[str, Any] = {}
    for layout, cuts in aside.items():
        truths = [settled(one, split.wordings, head.types) for one in cuts]
        measured[layout] = await rungs(readers, cuts, truths, examples.label)
    return {
        "name": head.name,
        "task": task.name,
        "task_version": task.version,
        "types": list(head.types),
        "encoder": head.encoder,
        "label": _label(examples.label),
        "readers": sorted(examples.label.readers),
        "integrity": examples.label.integrity.name.lower(),
        "seed": seed,
        "aims": {
            "recall": aims.recall,
            "precision": aims.precision,
            "delta": aims.delta,
            "clear": aims.clear,
        },
        "data": _data(examples, split),
        "rungs": measured,
        "chances": _chances(head, split, sheet, crossed),
        "limits": json.loads(json.dumps(_limits(head))),
    }


def _label(label: Label) -> object:
    from pilothouse.kernel import encode

    return encode(label)


def _limits(head: heads.Head) -> dict[str, Any]:
    return {
        name: {
            layout: {
                "tighten": round(one.tighten, 5),
                "fill": None if one.fill == float("inf") else round(one.fill, 5),
                "proven": one.proven,
                "temperature": round(one.temperature, 4),
            }
            for layout, one in by.items()
        }
        for name, by in head.limits.items()
    }


def _data(examples: Examples, split: _Split) -> dict[str, Any]:
    languages = Counter(one.language or "?" for one in split.wordings.values())
    return {
        "hash": examples.version,
        "texts": len(examples),
        "licence": examples.licence,
        "wordings": len(split.wordings),
        "units": len({split.units[name] for name in split.wordings}),
        "kept_aside": {"new": len(split.test), "known": len(split.known), "layouts": len(split.kept)},
        "languages": dict(sorted(languages.items())),
        "labels": dict(sorted(Counter(t for one in examples for t in (one.labels or {"-"})).items())),
        "noise": noise_of(split.train, split.wordings),
    }


def _chances(head: heads.Head, split: _Split, sheet: Sheet, crossed: Crossed) -> dict[str, Any]:
    """Cross-fitted chances of distinct new wordings, and those of known texts that chose no threshold."""
    new: dict[str, list[tuple[float, bool]]] = {}
    known: dict[str, list[tuple[float, bool]]] = {}
    texts = _text_cases(split.known[1::2], sheet, (head.weights, head.blend), split, head.types)
    for column, name in enumerate(head.types):
        limits = head.limits[name]
        new[name] = [
            (
                limits["new"].chance(float(crossed.scores[row, column])),
                bool(sheet.truths[row, column] >= 0.5),
            )
            for row in range(len(sheet.names))
            if sheet.weights[row, column] > 0
        ]
        known[name] = [(limits["known"].chance(score), truth) for score, truth in texts[column]]
    return {"new": chances(new), "known": chances(known)}


def _kept(head: heads.Head, card: dict[str, Any], out: Path, task: Task, encoder: Encoder | None) -> Trained:
    """Write all files beside the place and move them there at once; what is read back is what is returned."""
    folder = out / task.name / head.name.rpartition("@")[2]
    work = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    card["weights_sha256"] = save_head(head, work)
    write_card(card, work)
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)
    return Trained(head=load_head(folder, task, encoder=encoder), folder=folder, card=card)
