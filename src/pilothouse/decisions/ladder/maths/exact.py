"""Owns the exact chance that a test promotes wrongly while somebody looks after every label. Pure.

A dynamic programme over the number of bad labels, no simulation: who stands above a rule's last limit can
never be promoted any more, so only the states below it are kept, and nothing is cut off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice, pairwise

from pilothouse.decisions.ladder.maths.evidence import log_evidence

__all__ = ["Rule", "clopper_pearson", "evidence_rule", "false_promotion", "labels_until", "wilson"]

Rule = Callable[[float, float], Iterator[int]]
"""Given eps and alpha: the most bad labels that still promote, after 1, 2, 3 ... labels; -1 is none."""


def evidence_rule(eps: float, alpha: float) -> Iterator[int]:
    """Promote when the evidence reaches ``1 / alpha``: ours."""
    wanted = -math.log(alpha)
    most, n = -1, 0
    while True:
        n += 1
        while log_evidence(n, most + 1, eps) >= wanted:
            most += 1
        yield most


def clopper_pearson(eps: float, alpha: float) -> Iterator[int]:
    """Promote when the exact upper bound of a fixed number of labels is below eps."""
    most, n, chance, below = -1, 0, 1.0, 1.0  # chance and sum of chances of (most + 1) bad ones among n
    while True:
        bad = most + 1
        below -= eps * chance
        chance *= (n + 1) / (n + 1 - bad) * (1 - eps)
        n += 1
        if below <= alpha:
            most += 1
            chance *= (n - bad) / (bad + 1) * eps / (1 - eps)
            below += chance
        yield most


def wilson(eps: float, alpha: float) -> Iterator[int]:
    """Promote when Wilson's approximate upper bound is below eps."""
    from statistics import NormalDist

    z = NormalDist().inv_cdf(1 - alpha)
    most, n = -1, 0
    while True:
        n += 1
        while _wilson_bound(n, most + 1, z) <= eps:
            most += 1
        yield most


def false_promotion(
    rule: Rule, *, eps: float, alpha: float, truth: float, labels: int, every: int = 1
) -> tuple[float, ...]:
    """Return the chance of having been promoted after 1, 2 ... ``labels`` labels, exactly.

    Args:
        rule: The test.
        eps: The error share it must refute.
        alpha: Its error budget.
        truth: The true error share.
        labels: How long one watches.
        every: Look after each so many labels.
    """
    limits = list(islice(rule(eps, alpha), labels))
    alive = [1.0] + [0.0] * max(0, limits[-1])
    promoted = 0.0
    curve: list[float] = []
    for n, limit in enumerate(limits, start=1):
        alive = [old * (1 - truth) + less * truth for less, old in pairwise((0.0, *alive))]
        if n % every == 0 and limit >= 0:
            promoted += math.fsum(alive[: limit + 1])
            alive[: limit + 1] = [0.0] * (limit + 1)
        curve.append(promoted)
    return tuple(curve)


def labels_until(curve: tuple[float, ...], share: float = 0.5) -> int | None:
    """Return after how many labels ``share`` of all units are promoted; None if never on this curve."""
    return next((n for n, chance in enumerate(curve, start=1) if chance >= share), None)


def _wilson_bound(n: int, k: int, z: float) -> float:
    share = k / n
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (share + z * z / (2 * n) + spread) / (1 + z * z / n)
