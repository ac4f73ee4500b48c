"""Owns what speaks for demotion: the e-detector over audited cases, and drift of inputs without labels. Pure.

Shiryaev-Roberts e-detector (Shin, Ramdas, Rinaldo 2022): while the error share is at most eps, the mean
number of cases between two alarms is at least ``1 / alarm``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from pilothouse.kernel import UsageError

__all__ = ["COLD", "alarmed", "detect", "ks", "mean", "psi", "step"]

FACTORS: Final = (2, 5, 10)
COLD: Final = (0.0, 0.0, 0.0)
TERMS: Final = 100
FLOOR: Final = 1e-4


def step(state: Sequence[float], wrong: bool, eps: float) -> tuple[float, ...]:
    """Return the detector's state after one more audited case.

    Args:
        state: One figure for each suspected error share: 2, 5 and 10 times eps, at most one half.
        wrong: Whether the case was bad.
        eps: The error share that is still fine.
    """
    shares = [min(factor * eps, (1 + eps) / 2) for factor in FACTORS]
    ratios = [share / eps if wrong else (1 - share) / (1 - eps) for share in shares]
    return tuple((old + 1) * ratio for old, ratio in zip(state, ratios, strict=True))


def mean(state: Sequence[float]) -> float:
    """Return the figure that is compared with ``1 / alarm``."""
    return math.fsum(state) / len(state)


def alarmed(state: Sequence[float], alarm: float) -> bool:
    """Whether the state calls for a demotion."""
    return mean(state) >= 1 / alarm


def detect(cases: Iterable[bool], *, eps: float, alarm: float = 1e-3) -> int | None:
    """Return after how many cases the detector first calls; None if it does not."""
    state: Sequence[float] = COLD
    for number, wrong in enumerate(cases, start=1):
        state = step(state, wrong, eps)
        if alarmed(state, alarm):
            return number
    return None


def psi(reference: Sequence[float], recent: Sequence[float]) -> float:
    """Return the population stability index of two histograms over the same bins.

    Above 0.25 the inputs have changed, as practice has it.

    Raises:
        UsageError: ``ladder.samples``: no bins, other bins, or an empty histogram.
    """
    if len(reference) != len(recent) or sum(reference) <= 0 or sum(recent) <= 0:
        raise UsageError(
            f"psi needs two filled histograms over the same bins, got {len(reference)!r} and {len(recent)!r} "
            f"bins with {sum(reference)!r} and {sum(recent)!r} cases",
            code="ladder.samples",
        )
    total = 0.0
    for old, new in zip(reference, recent, strict=True):
        before, after = max(old / sum(reference), FLOOR), max(new / sum(recent), FLOOR)
        total += (after - before) * math.log(after / before)
    return total


def ks(reference: Sequence[float], recent: Sequence[float]) -> tuple[float, float]:
    """Return the distance of Kolmogorov and Smirnov between two samples, and its chance without a change.

    The chance is asymptotic; take at least 30 values each.

    Raises:
        UsageError: ``ladder.samples``: a sample is empty.
    """
    if not reference or not recent:
        raise UsageError("ks needs two samples with values; give both", code="ladder.samples")
    old, new = sorted(reference), sorted(recent)
    widest, i, j = 0.0, 0, 0
    for value in sorted({*old, *new}):
        while i < len(old) and old[i] <= value:
            i += 1
        while j < len(new) and new[j] <= value:
            j += 1
        widest = max(widest, abs(i / len(old) - j / len(new)))
    size = math.sqrt(len(old) * len(new) / (len(old) + len(new)))
    return widest, _kolmogorov((size + 0.12 + 0.11 / size) * widest)


def _kolmogorov(distance: float) -> float:
    """Return the chance of a larger distance; its series does not converge near zero, where it is 1."""
    if distance < 0.3:
        return 1.0
    terms = [(-1) ** (j - 1) * math.exp(-2 * j * j * distance * distance) for j in range(1, TERMS + 1)]
    return min(1.0, max(0.0, 2 * math.fsum(terms)))
