"""Owns the bounds printed beside counts: the rule of three and its exact relatives."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log, log1p

__all__ = ["Rate", "upper_bound"]


def upper_bound(hits: int, n: int, *, level: float = 0.95) -> float:
    """Return the one-sided exact (Clopper-Pearson) upper bound of a share.

    With no hit it is ``1 - (1 - level) ** (1 / n)``, about 3/n: the rule of three.
    """
    if n == 0 or hits >= n:
        return 1.0
    low, high = max(hits / n, 1e-12), 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(hits, n, middle) > 1 - level:
            low = middle
        else:
            high = middle
    return high


def _at_most(hits: int, n: int, p: float) -> float:
    """Return the chance of at most ``hits`` of ``n``; in logarithms, so that no term underflows."""
    if p >= 1.0:
        return 0.0
    whole = lgamma(n + 1)
    return sum(
        exp(whole - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p))
        for k in range(hits + 1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A count out of n with the bound that belongs beside it."""

    hits: int
    n: int

    @property
    def share(self) -> float:
        """Hits by n, 0 for an empty n."""
        return self.hits / self.n if self.n else 0.0

    @property
    def bound(self) -> float:
        """At 95 %, the true share is at most this."""
        return upper_bound(self.hits, self.n)

    def words(self, *, per: int = 100) -> str:
        """Say the share per 100 or 1,000 with n and, beside a zero, the rule-of-three bound."""
        unit = "%" if per == 100 else "per 1,000"
        text = f"{self.share * per:.1f} {unit} ({self.hits}/{self.n})"
        return f"{text}, at most {self.bound * per:.1f} at 95 %" if self.hits == 0 else text

    def to_json(self) -> dict[str, float | int]:
        """Return hits, n, share and bound."""
        return {
            "hits": self.hits,
            "n": self.n,
            "share": round(self.share, 6),
            "upper_95": round(self.bound, 6),
        }
