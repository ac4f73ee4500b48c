"""Owns figures of a reader: calibration error, Brier score, risk against coverage, precision and recall."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Cases", "area", "brier", "calibration_error", "precision_at_coverage", "recall_precision"]

Cases = Sequence[tuple[float, bool]]
"""Chance given and what was true."""


def calibration_error(cases: Cases, *, bins: int = 15) -> float:
    """Return the expected calibration error over bins of equal mass."""
    ranked = sorted(cases)
    if not ranked:
        return 0.0
    total = 0.0
    for number in range(bins):
        part = ranked[len(ranked) * number // bins : len(ranked) * (number + 1) // bins]
        if part:
            total += abs(sum(p for p, _ in part) - sum(truth for _, truth in part))
    return total / len(ranked)


def brier(cases: Cases) -> float:
    """Return the mean squared error of the chances."""
    return sum((p - truth) ** 2 for p, truth in cases) / len(cases) if cases else 0.0


def area(cases: Cases) -> float:
    """Return the area under risk against coverage: mean error share of the surest k, over all k."""
    ranked = sorted(cases, key=lambda case: -abs(case[0] - 0.5))
    wrong, total = 0, 0.0
    for number, (p, truth) in enumerate(ranked, start=1):
        wrong += (p >= 0.5) != truth
        total += wrong / number
    return total / len(ranked) if ranked else 0.0


def precision_at_coverage(cases: Cases, coverage: float) -> float:
    """Return how often the surest share of cases is right."""
    ranked = sorted(cases, key=lambda case: -abs(case[0] - 0.5))[: max(1, round(len(cases) * coverage))]
    return sum((p >= 0.5) == truth for p, truth in ranked) / len(ranked) if ranked else 0.0


def recall_precision(found: int, wanted: int, right: int) -> tuple[float, float]:
    """Return recall and precision of counts; 1 where there was nothing to find or nothing was said."""
    return (right / wanted if wanted else 1.0), (right / found if found else 1.0)
