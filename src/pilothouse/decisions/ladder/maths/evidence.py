"""Owns the promotion test: evidence from two integers, its needs, its bound, its budget. Pure.

A mixture of four bets against the claim "the error share is at least eps": a test martingale, so that
looking after every label costs nothing (Ville 1939; Waudby-Smith and Ramdas 2024). With ``c`` the bet's
guess as a fraction of eps, ``E(n, k) = mean of c^k * ((1 - c * eps) / (1 - eps))^(n - k)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from pilothouse.kernel import UsageError

__all__ = [
    "evidence",
    "labels_more",
    "labels_needed",
    "log_evidence",
    "log_evidence_weighted",
    "reserve_weight",
    "spent",
    "upper_bound",
]

GUESSES: Final = (0.0, 1 / 8, 1 / 4, 1 / 2)
BASEL: Final = 6 / math.pi**2
HALVINGS: Final = 50
MOST_LABELS: Final = 1 << 62
NEVER: Final = -math.inf


def log_evidence(n: int, k: int, eps: float) -> float:
    """Return the natural logarithm of the evidence that the error share is below ``eps``.

    Args:
        n: Labels.
        k: Bad ones among them.
        eps: The error share to be refuted, between 0 and 1.

    Raises:
        UsageError: ``ladder.counts``: the three do not fit together.
    """
    if not 0 <= k <= n or not 0 < eps < 1:
        raise UsageError(
            f"evidence needs 0 <= k <= n and 0 < eps < 1, got n={n!r}, k={k!r}, eps={eps!r}",
            code="ladder.counts",
        )
    return _mean([_bet(n, k, guess, eps) for guess in GUESSES])


def evidence(n: int, k: int, eps: float) -> float:
    """Return the evidence itself; overflows to infinity, so compare logarithms.

    Raises:
        UsageError: ``ladder.counts``.
    """
    logarithm = log_evidence(n, k, eps)
    return math.exp(logarithm) if logarithm < 709 else math.inf


def labels_needed(eps: float, alpha: float, k: int = 0) -> int:
    """Return how many labels with ``k`` bad ones reach ``1 / alpha``.

    Raises:
        UsageError: ``ladder.counts``.
    """
    wanted = _threshold(alpha)
    low, high = k - 1, k + 1
    while log_evidence(high, k, eps) < wanted and high < MOST_LABELS:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if log_evidence(middle, k, eps) >= wanted:
            high = middle
        else:
            low = middle
    return high


def labels_more(n: int, k: int, eps: float, alpha: float) -> int:
    """Return how many further labels, all good, reach ``1 / alpha``."""
    return max(0, labels_needed(eps, alpha, k) - n)


def upper_bound(n: int, k: int, alpha: float) -> float:
    """Return the largest error share that the labels do not refute; valid at every look.

    Raises:
        UsageError: ``ladder.counts``.
    """
    wanted = _threshold(alpha)
    # The evidence grows with eps whatever n and k, so the refuted shares are one interval up to 1.
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if log_evidence(n, k, middle) < wanted:
            low = middle
        else:
            high = middle
    return high


def spent(alpha: float, weight: float, number: int) -> float:
    """Return what the ``number``-th test of a class with ``weight`` may spend of ``alpha``.

    Over all numbers of all classes it adds up to at most ``alpha``, if the weights add up to at most 1.

    Raises:
        UsageError: ``ladder.counts``.
    """
    if number < 1:
        raise UsageError(f"tests are numbered from 1, got {number!r}", code="ladder.counts")
    return alpha * weight * BASEL / number**2


def reserve_weight(reserve: float, number: int) -> float:
    """Return the weight of the ``number``-th unforeseen class; all together weigh at most ``reserve``."""
    return spent(reserve, 1.0, number)


def log_evidence_weighted(counts: Iterable[tuple[int, int, float]], eps: float) -> float:
    """Return the evidence when cases are audited with unequal known chances.

    Args:
        counts: For each chance: cases seen (audited or not), bad ones found among the audited, the chance.
        eps: The error share to be refuted.

    Raises:
        UsageError: ``ladder.counts``.
    """
    rows = list(counts)
    if not 0 < eps < 1 or any(not 0 <= k <= n or not 0 < chance <= 1 for n, k, chance in rows):
        raise UsageError(
            f"evidence needs cases >= bad >= 0 and chances in (0, 1], got {rows!r} and eps={eps!r}",
            code="ladder.counts",
        )
    rarest = min((chance for _, _, chance in rows), default=1.0)
    # No bet may lose more than all there is, even when the rarest case turns out bad.
    most = 1 / (1 / rarest - eps)
    stakes = [(1 - guess) * most for guess in GUESSES]
    return _mean([_staked(rows, stake, eps) for stake in stakes])


def _staked(rows: list[tuple[int, int, float]], stake: float, eps: float) -> float:
    total = 0.0
    for n, k, chance in rows:
        total += (n - k) * math.log1p(stake * eps)
        left = 1 + stake * (eps - 1 / chance)
        if k:
            # Rounding leaves a crumb where the stake is all there is.
            total += k * math.log(left) if left > 1e-12 else NEVER
    return total


def _bet(n: int, k: int, guess: float, eps: float) -> float:
    good = (n - k) * (math.log1p(-guess * eps) - math.log1p(-eps))
    if k == 0:
        return good
    return k * math.log(guess) + good if guess else NEVER


def _mean(logarithms: list[float]) -> float:
    top = max(logarithms)
    return top + math.log(math.fsum(math.exp(each - top) for each in logarithms) / len(logarithms))


def _threshold(alpha: float) -> float:
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must lie between 0 and 1, got {alpha!r}", code="ladder.counts")
    return -math.log(alpha)
