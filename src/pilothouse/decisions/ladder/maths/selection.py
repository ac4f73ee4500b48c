"""Owns selective action: which cases are sure enough to act on: Learn-then-Test (arXiv 2110.01052)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pilothouse.kernel import UsageError

__all__ = ["Selection", "binomial_tail", "select"]

STEPS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The widest set of cases whose error share is proved to be below eps.

    Attributes:
        threshold: Act where the confidence is at least this; infinite if nothing was proved.
        share: Share of the labelled cases at or above it: the business case. The rest goes to a person.
        n: Labels at or above it.
        k: Bad ones among them.
        p: The last passing test's chance, were the error share eps.
    """

    threshold: float
    share: float
    n: int
    k: int
    p: float


NOTHING: Final = Selection(threshold=math.inf, share=0.0, n=0, k=0, p=1.0)


def select(cases: Sequence[tuple[float, bool]], *, eps: float, delta: float) -> Selection:
    """Return the lowest confidence to act on, wrong about it with chance at most ``delta``.

    Thresholds are the top 5, 10 ... 100 % by confidence, tried from the strictest that could pass with the
    labels there are (their number needs no verdicts) until the first that does not.

    Args:
        cases: Confidence and whether the case was bad; labels drawn like the cases to come.
        eps: The error share among acted-on cases to be refuted.
        delta: Chance of being wrong about it.

    Raises:
        UsageError: ``ladder.counts``.
    """
    if not 0 < eps < 1 or not 0 < delta < 1:
        raise UsageError(
            f"eps and delta must lie between 0 and 1, got {eps!r} and {delta!r}", code="ladder.counts"
        )
    ranked = sorted(cases, key=lambda case: -case[0])
    least = math.log(delta) / math.log1p(-eps)
    best = NOTHING
    for step in range(1, STEPS + 1):
        found = _at(ranked, step, eps)
        if found.n < least:
            continue
        if found.p > delta:
            break
        best = found
    return best


def binomial_tail(n: int, k: int, share: float) -> float:
    """Return the chance of at most ``k`` bad ones among ``n`` at the error share ``share``."""
    if share >= 1:
        return 0.0 if k < n else 1.0
    if share <= 0:
        return 1.0
    odds = math.log(share) - math.log1p(-share)
    logarithm = n * math.log1p(-share)
    terms: list[float] = []
    for bad in range(min(k, n) + 1):
        terms.append(math.exp(logarithm))
        if bad < n:
            logarithm += math.log((n - bad) / (bad + 1)) + odds
    return min(1.0, math.fsum(terms))


def _at(ranked: Sequence[tuple[float, bool]], step: int, eps: float) -> Selection:
    """Return the test at the top ``step`` of 20; equals are acted on alike, so ties belong to it."""
    total = len(ranked)
    size = math.ceil(total * step / STEPS)
    if size == 0:
        return NOTHING
    threshold = ranked[size - 1][0]
    wrong = [bad for confidence, bad in ranked if confidence >= threshold]
    n, k = len(wrong), sum(wrong)
    return Selection(threshold=threshold, share=n / total, n=n, k=k, p=binomial_tail(n, k, eps))
