"""Owns calibration and thresholds: temperature, and Learn-then-Test for recall and precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pilothouse.decisions import binomial_tail, select

__all__ = ["Aims", "fill_threshold", "fit_scale", "recall_threshold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aims:
    """What thresholds must prove.

    Attributes:
        recall: Of ``tighten``; with too few wordings to prove it, the best of ``recalls`` that can be.
        recalls: Tried after it, from strict to lax.
        precision: Of ``fill``.
        delta: Chance of being wrong about each.
        clear: Highest chance of a type that tightens at which a new wording is called harmless.
    """

    recall: float = 0.99
    recalls: tuple[float, ...] = (0.98, 0.95, 0.9, 0.8)
    precision: float = 0.99
    delta: float = 0.1
    clear: float = 0.02


def fit_scale(scores: Sequence[float], truths: Sequence[bool]) -> tuple[float, float]:
    """Return temperature and shift of the least log-loss (Guo et al. 2017; a shift as in Platt).

    With few cases both stay near 1 and 0: a prior of a few pseudo-cases holds them.
    """
    slope, shift = 1.0, 0.0
    if not any(truths) or all(truths):
        return 1.0, 0.0
    for _ in range(50):
        g0, g1, h00, h01, h11 = 4.0 * (slope - 1.0), shift, 4.0, 0.0, 1.0
        for score, truth in zip(scores, truths, strict=True):
            p = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score * slope + shift))))
            error, weight = p - truth, p * (1 - p)
            g0, g1 = g0 + error * score, g1 + error
            h00, h01, h11 = h00 + weight * score * score, h01 + weight * score, h11 + weight
        det = h00 * h11 - h01 * h01
        step0, step1 = (h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det
        slope = max(0.05, min(20.0, slope - step0))
        shift = max(-20.0, min(20.0, shift - step1))
        if abs(step0) + abs(step1) < 1e-6:
            break
    return 1.0 / slope, shift


def recall_threshold(positives: Sequence[float], aims: Aims, *, noise: float = 0.0) -> tuple[float, float]:
    """Return the highest threshold that keeps the recall, and the recall it proves (0 if none can be).

    Which recall can be proved at all follows from the number of wordings alone, so it is chosen before any
    score is looked at. Then thresholds are tried upwards from the lowest score, until the first that fails.

    Args:
        positives: Chances given to wordings that do claim the type, none of them trained on.
        aims: What to prove.
        noise: Share of labels "claims it" that are known to be wrong; so many more may be missed.
    """
    ranked = sorted(positives)
    n = len(ranked)
    for recall in (aims.recall, *aims.recalls):
        eps = 1.0 - recall + noise
        # Provable at all, were no label wrong: noise must not make few examples look like many.
        if n == 0 or binomial_tail(n, 0, 1.0 - recall) > aims.delta:
            continue
        best = ranked[0]
        for missed in range(1, n):
            if binomial_tail(n, missed, eps) > aims.delta:
                break
            best = ranked[missed]
        return min(best, 0.5), recall
    # Nothing can be proved: half of the lowest chance ever given to one, and nobody relies on it.
    return (min(ranked[0] * 0.5, 0.5) if ranked else 0.5), 0.0


def fill_threshold(cases: Sequence[tuple[float, bool]], aims: Aims) -> float:
    """Return the lowest chance to fill on, infinite where the precision cannot be proved.

    Args:
        cases: Chance and whether the text claims the type, of texts none of which was trained on.
        aims: What to prove.
    """
    likely = [(p, not truth) for p, truth in cases if p > 0.5]
    if not likely:
        return math.inf
    return select(likely, eps=1.0 - aims.precision, delta=aims.delta).threshold
