"""Owns who may see an item, who may answer it, and what typing at tier 4 means. Pure."""

from __future__ import annotations

from collections.abc import Collection

from pilothouse.decisions.proposal import Proposal
from pilothouse.kernel import Authority, DeniedError, Principal, UsageError

__all__ = ["AREA", "addressed", "may_see", "require_confirmed", "require_person"]

AREA = "decisions:"
TYPED = 4


def addressed(principal: Principal) -> frozenset[str]:
    """Return the names that ``principal`` answers to; an agent that acts for a person answers to none."""
    if principal.agent is not None:
        return frozenset()
    return frozenset({principal.id, *principal.groups} - {""})


def may_see(principal: Principal, *, topic: str, asked: Collection[str], authority: Authority) -> bool:
    """Whether an item exists for ``principal``: by ``decisions:<topic>``, or because it is addressed.

    Args:
        principal: Who looks.
        topic: The item's.
        asked: Every name the item is addressed to.
        authority: Says what may be done today.
    """
    return not addressed(principal).isdisjoint(asked) or authority.may(principal, AREA + topic)


def require_person(principal: Principal) -> None:
    """Refuse everyone but people, and agents that act for people.

    Raises:
        DeniedError: ``decisions.not_a_person``.
    """
    if principal.kind != "person" or principal.agent is not None:
        what = principal.kind if principal.agent is None else f"agent ({principal.agent.id!r})"
        raise DeniedError(
            f"{principal.id!r} is a {what}; only a person may answer, so sign in as one",
            code="decisions.not_a_person",
            reasons=("decisions.not_a_person",),
        )


def require_confirmed(proposal: Proposal, typed: str | None) -> None:
    """At tier 4 the identifier must have been typed: all of it, or at least its last four characters.

    Raises:
        UsageError: ``decisions.not_confirmed``; never repeats what should have been typed.
    """
    expected = proposal.thing
    if proposal.tier < 4 or not expected:
        return
    given = (typed or "").strip().casefold()
    if len(given) >= min(TYPED, len(expected)) and expected.endswith(given):
        return
    raise UsageError(
        f"{proposal.title!r} is of tier 4: type the last {TYPED} characters of its identifier; got {typed!r}",
        code="decisions.not_confirmed",
    )
