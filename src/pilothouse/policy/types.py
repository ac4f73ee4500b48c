"""Owns the verdict: allow, ask a person, or deny, each with stable reason codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ALLOW", "Verdict"]

_STRICT = ("allow", "ask", "deny")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What policy says to one call; of several the strictest wins.

    Attributes:
        kind: ``allow``, ``ask`` (a person must decide) or ``deny``.
        reasons: Stable codes such as ``sink.steering:recipient``; empty when allowed.
    """

    kind: Literal["allow", "ask", "deny"]
    reasons: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether nothing stands in the way."""
        return self.kind == "allow"

    def __and__(self, other: Verdict) -> Verdict:
        """Return the stricter of two, with the reasons of both."""
        strict = self if _STRICT.index(self.kind) >= _STRICT.index(other.kind) else other
        return Verdict(kind=strict.kind, reasons=(*self.reasons, *other.reasons))


ALLOW = Verdict(kind="allow")
