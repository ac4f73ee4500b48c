"""Owns who may see an item, who may answer it, and what typing at tier 4 means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilothouse.decisions.proposal import Proposal
from pilothouse.kernel import DeniedError, Principal, UsageError

__all__ = ["Reach", "may_see", "reach", "require_confirmed", "require_independent", "require_person"]

AREA = "decisions:"
TYPED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """A principal's rights over the inbox in a form that SQL can apply.

    Attributes:
        exact: Topics granted by name.
        prefixes: Beginnings of topics granted by a trailing ``*``.
        addressed: Names the principal answers to: its id and its groups.
    """

    exact: tuple[str, ...]
    prefixes: tuple[str, ...]
    addressed: tuple[str, ...]


def reach(principal: Principal) -> Reach:
    """Return what ``principal`` may see; ``may_see`` says the same for one item."""
    exact: list[str] = []
    prefixes: list[str] = []
    for right in sorted(principal.rights):
        stem = right[:-1]
        if not right.endswith("*"):
            if right.startswith(AREA):
                exact.append(right[len(AREA) :])
        elif AREA.startswith(stem):
            prefixes.append("")
        elif stem.startswith(AREA):
            prefixes.append(stem[len(AREA) :])
    addressed = sorted({principal.id, *principal.groups} - {""})
    return Reach(exact=tuple(exact), prefixes=tuple(prefixes), addressed=tuple(addressed))


def may_see(principal: Principal, *, topic: str, asked_of: str) -> bool:
    """Whether an item exists for ``principal``: by ``decisions:<topic>``, or because it is addressed."""
    addressed = asked_of != "" and (asked_of == principal.id or asked_of in principal.groups)
    return addressed or principal.may(AREA + topic)


def require_person(principal: Principal) -> None:
    """Refuse everyone but people.

    Raises:
        DeniedError: ``decisions.not_a_person``.
    """
    if principal.kind != "person":
        raise DeniedError(
            f"{principal.id!r} is a {principal.kind}; only a person may answer, so sign in as one",
            code="decisions.not_a_person",
            reasons=("decisions.not_a_person",),
        )


def require_independent(principal: Principal, proposal: Proposal) -> None:
    """Refuse whoever asks, is acted for, or wrote what steers the effect.

    Raises:
        DeniedError: ``decisions.self_approval``.
    """
    if principal.id in (proposal.proposer, proposal.on_behalf_of):
        raise DeniedError(
            f"{principal.id!r} asked for {proposal.title!r} and may not approve it; ask a colleague",
            code="decisions.self_approval",
            reasons=("decisions.self_approval",),
        )


def require_confirmed(proposal: Proposal, typed: str | None) -> None:
    """At tier 4 the identifier must have been typed: all of it, or at least its last four characters.

    Raises:
        UsageError: ``decisions.not_confirmed``; never repeats what should have been typed.
    """
    expected = confirmation(proposal.preview)
    if proposal.tier < 4 or not expected:
        return
    given = (typed or "").strip().casefold()
    if len(given) >= min(TYPED, len(expected)) and expected.endswith(given):
        return
    raise UsageError(
        f"{proposal.title!r} is of tier 4: type the last {TYPED} characters of its identifier; got {typed!r}",
        code="decisions.not_confirmed",
    )


def confirmation(preview: Mapping[str, Any]) -> str:
    """Return what is to be typed, or nothing if the preview names no identifier."""
    return str(preview.get("confirm") or "").strip().casefold()
