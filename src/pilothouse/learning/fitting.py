"""Owns fitting: wordings in, cross-fitted chances and a head with proved thresholds out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Literal

from pilothouse.documents.claims import Marked, Task, heads
from pilothouse.learning.data.augment import variants
from pilothouse.learning.data.splits import folds_of
from pilothouse.learning.data.wordings import Wordings
from pilothouse.learning.net import fit_net
from pilothouse.learning.thresholds import Aims, fill_threshold, fit_scale, recall_threshold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "RICH",
    "STRENGTHS",
    "Crossed",
    "Joins",
    "Progress",
    "Sheet",
    "cross_fit",
    "fit_all",
    "limits_of",
    "sheet_of",
    "tau_of",
]

Layout = Literal["known", "new"]
Progress = Callable[[str], None]
STRENGTHS = (2.0, 8.0)
VARIANTS, RICH = 3, 4000
"""Made variants of a wording, and the count of wordings from which on people have varied enough."""
VARIANT_WEIGHT = 0.4
FOLDS = 5
CAUTION = 2.0
"""Weight of a wording that tightens: missing one is the expensive error."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Wordings as numbers, with their variants.

    Attributes:
        names: Skeletons.
        seen: What a head sees of each.
        extra: Variants by wording.
        vectors: One row a wording, zeros where there is none; None without an encoder.
        truths: Wordings by types.
        weights: Wordings by types; 0 where nobody had a say.
        asked: Wordings by types: how many texts had a say.
    """

    names: tuple[str, ...]
    seen: tuple[heads.Seen, ...]
    extra: tuple[tuple[heads.Seen, ...], ...]
    vectors: NDArray[np.float32] | None
    truths: NDArray[np.float32]
    weights: NDArray[np.float32]
    asked: NDArray[np.float32]

    def vector(self, at: int) -> NDArray[np.float32] | None:
        """Return a wording's vector, if it has one."""
        if self.vectors is None or not self.vectors[at].any():
            return None
        return self.vectors[at]


Joins = tuple["NDArray[np.float32]", "NDArray[np.float32]", "NDArray[np.float32]"]
"""Factors of words and of vectors, and a shift, one a type."""


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """What heads that never saw a wording's unit say of it.

    Attributes:
        scores: Wordings by types, before calibration; of words and vectors together.
        met: Share of known words of each wording.
        strength: The regularisation that predicted best.
        joins: By type, factors of words and vectors, and a shift.
    """

    scores: NDArray[np.float32]
    met: tuple[float, ...]
    strength: float
    joins: Joins


def sheet_of(
    wordings: Mapping[str, Wordings],
    types: Sequence[str],
    task: Task,
    vectors: Mapping[str, NDArray[np.float32]],
    *,
    seed: int,
) -> Sheet:
    """Return the wordings as numbers; each gets some made variants."""
    import numpy as np

    names = tuple(wordings)
    tight = {one.name for one in task.types if one.tightens}
    truths = np.zeros((len(names), len(types)), dtype=np.float32)
    weights = np.zeros_like(truths)
    asked = np.zeros_like(truths)
    for row, name in enumerate(names):
        one = wordings[name]
        for column, type_ in enumerate(types):
            claimed = one.claims(type_)
            truths[row, column] = claimed
            asked[row, column] = one.asked[type_]
            sure = abs(one.share(type_) - 0.5) * 2
            often = min(3.0, 1.0 + np.log1p(one.asked[type_]) / 3)
            weight = often * (0.2 + 0.8 * sure) if one.asked[type_] else 0.0
            weights[row, column] = weight * (CAUTION if claimed and type_ in tight else 1.0)
    rng = Random(seed)  # noqa: S311 - made variants, no secret
    made = VARIANTS if len(names) < RICH else 0
    extra = tuple(_variants(wordings[name].marked, task, rng, made) for name in names)
    size = len(next(iter(vectors.values()))) if vectors else 0
    rows: NDArray[np.float32] | None = None
    if size:
        rows = np.stack([vectors.get(name, np.zeros(size, dtype=np.float32)) for name in names])
    seen = tuple(wordings[name].seen for name in names)
    return Sheet(
        names=names, seen=seen, extra=extra, vectors=rows, truths=truths, weights=weights, asked=asked
    )


def _variants(marked: Marked, task: Task, rng: Random, count: int) -> tuple[heads.Seen, ...]:
    return tuple(heads.see(one) for one in variants(marked, task, rng, count)) if count else ()


def _fit(sheet: Sheet, rows: Sequence[int], strength: float) -> heads.Weights:
    import numpy as np

    from pilothouse.learning.adapters.linear import fit_linear

    grams: list[Mapping[int, float]] = []
    source: list[int] = []
    scale: list[float] = []
    for row in rows:
        for number, seen in enumerate((sheet.seen[row], *sheet.extra[row])):
            grams.append(seen.grams)
            source.append(row)
            scale.append(VARIANT_WEIGHT if number else 1.0)
    words = frozenset(word for row in rows for word in sheet.seen[row].words)
    index = np.array(source)
    return fit_linear(
        grams,
        sheet.truths[index],
        sheet.weights[index] * np.array(scale, dtype=np.float32)[:, None],
        strength=strength,
        words=words,
    )


def _fit_net(sheet: Sheet, rows: Sequence[int], seed: int) -> heads.Net | None:
    """Return a net over the vectors of those rows that have one."""
    import numpy as np

    if sheet.vectors is None:
        return None
    used = np.array([row for row in rows if sheet.vectors[row].any()], dtype=np.int64)
    return fit_net(sheet.vectors[used], sheet.truths[used], sheet.weights[used], seed=seed)


def fit_all(sheet: Sheet, crossed: Crossed, *, seed: int) -> tuple[heads.Weights, heads.Blend | None]:
    """Return a head's weights and net from every wording of the sheet."""
    rows = range(len(sheet.names))
    weights = _fit(sheet, rows, crossed.strength)
    net = _fit_net(sheet, rows, seed)
    return weights, None if net is None else heads.Blend(net, *crossed.joins)


def cross_fit(
    sheet: Sheet,
    units: Mapping[str, str],
    *,
    seed: int,
    progress: Progress,
    strengths: Sequence[float] = STRENGTHS,
    joins: Joins | None = None,
) -> Crossed:
    """Return what heads say of wordings whose units they were not trained on, joined as given if so."""
    folds = folds_of(sheet.names, units, count=FOLDS, seed=seed)
    best: tuple[float, Crossed] | None = None
    nets = _crossed_nets(sheet, folds, seed)
    for strength in strengths:
        crossed = _joined(sheet, _crossed(sheet, folds, strength), nets, joins)
        loss = _loss(sheet, crossed)
        progress(f"cross-fitted {FOLDS} folds at strength {strength:g}: log-loss {loss:.4f}")
        if best is None or loss < best[0]:
            best = (loss, crossed)
    if best is None:
        raise AssertionError("no strength tried")
    return best[1]


def _parts(folds: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the rows of each fold and all others."""
    for fold in range(FOLDS):
        out = [row for row, one in enumerate(folds) if one == fold]
        rest = [row for row, one in enumerate(folds) if one != fold]
        if out and rest:
            yield out, rest


def _crossed(sheet: Sheet, folds: Sequence[int], strength: float) -> Crossed:
    import numpy as np

    scores = np.zeros_like(sheet.truths)
    met = [0.0] * len(sheet.names)
    for out, rest in _parts(folds):
        weights = _fit(sheet, rest, strength)
        for row in out:
            scores[row] = weights.score(sheet.seen[row])
            met[row] = weights.met(sheet.seen[row])
    count = sheet.truths.shape[1]
    alone = (np.ones(count, np.float32), np.zeros(count, np.float32), np.zeros(count, np.float32))
    return Crossed(scores=scores, met=tuple(met), strength=strength, joins=alone)


def _crossed_nets(sheet: Sheet, folds: Sequence[int], seed: int) -> NDArray[np.float32] | None:
    import numpy as np

    if sheet.vectors is None:
        return None
    scores = np.zeros_like(sheet.truths)
    for out, rest in _parts(folds):
        net = _fit_net(sheet, rest, seed)
        assert net is not None
        scores[out] = net.score(sheet.vectors[out])
    return scores


def _joined(
    sheet: Sheet, words: Crossed, nets: NDArray[np.float32] | None, given: Joins | None = None
) -> Crossed:
    """Return the scores of words and vectors joined as given, or so that together they predict best."""
    import numpy as np

    from pilothouse.learning.adapters.linear import fit_join

    if nets is None or sheet.vectors is None:
        return words
    spoken: NDArray[np.bool_] = np.any(sheet.vectors, axis=1)
    joins = given or fit_join(words.scores, nets, sheet.truths, sheet.weights * spoken[:, None])
    joined = words.scores * joins[0] + nets * joins[1] + joins[2]
    scores = np.where(spoken[:, None], joined, words.scores).astype(np.float32)
    return replace(words, scores=scores, joins=joins)


def _loss(sheet: Sheet, crossed: Crossed) -> float:
    import numpy as np

    p = 1.0 / (1.0 + np.exp(-np.clip(crossed.scores, -15, 15)))
    right = np.where(sheet.truths >= 0.5, p, 1 - p)
    return float(-(np.log(right) * sheet.weights).sum() / max(1.0, float(sheet.weights.sum())))


def limits_of(
    sheet: Sheet,
    crossed: Crossed,
    known: Sequence[Sequence[tuple[float, bool]]],
    types: Sequence[str],
    aims: Aims,
    *,
    noise: float,
    calibrated: bool = False,
) -> dict[str, dict[Layout, heads.Limits]]:
    """Return thresholds and calibration by type and layout.

    Args:
        sheet: The wordings.
        crossed: What heads that never saw them say: each distinct wording is one case of a new layout.
        known: By type, score and truth of texts of known wordings that were kept aside.
        types: In the order of the columns.
        aims: What to prove.
        noise: Share of wrong labels among those that claim something.
        calibrated: The scores are chances already, of hands that nothing was fitted on.
    """
    limits: dict[str, dict[Layout, heads.Limits]] = {}
    for column, type_ in enumerate(types):
        asked = [row for row in range(len(sheet.names)) if sheet.weights[row, column] > 0]
        new = _limits(
            [(float(crossed.scores[row, column]), bool(sheet.truths[row, column] >= 0.5)) for row in asked],
            aims,
            noise,
            calibrated,
        )
        # Where no known text claims it, what holds for new wordings holds for known ones all the more.
        claimed = any(truth for _, truth in known[column])
        limits[type_] = {
            "known": _limits(known[column], aims, noise, calibrated) if claimed else new,
            "new": new,
        }
    return limits


def _limits(scored: Sequence[tuple[float, bool]], aims: Aims, noise: float, calibrated: bool) -> heads.Limits:
    temperature, shift = 1.0, 0.0
    if not calibrated:
        temperature, shift = fit_scale([s for s, _ in scored], [t for _, t in scored])
    bare = heads.Limits(tighten=0.5, temperature=temperature, shift=shift)
    cases = [(bare.chance(score), truth) for score, truth in scored]
    tighten, proven = recall_threshold([p for p, truth in cases if truth], aims, noise=noise)
    return replace(bare, tighten=tighten, fill=max(fill_threshold(cases, aims), tighten), proven=proven)


def tau_of(wordings: Mapping[str, Wordings], units: Mapping[str, str]) -> float:
    """Return from which likeness on a wording is known: the 5 % quantile within units, left one out."""
    names = list(wordings)
    memory = heads.Memory(
        [
            heads.Wording(
                wordings[n].seen.shingles,
                wordings[n].seen.signature,
                wordings[n].count,
                frozenset({units[n]}),
            )
            for n in names
        ],
        1.0,
    )
    likeness: list[float] = []
    for at, name in enumerate(names):
        nearest, found = memory.nearest(wordings[name].seen, but=at)
        if nearest is not None and units[name] in nearest.types:
            likeness.append(found)
    if len(likeness) < 20:
        return 0.75
    return min(0.9, max(0.65, sorted(likeness)[len(likeness) // 20]))
