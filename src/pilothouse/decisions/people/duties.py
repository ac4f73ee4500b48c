"""Owns the separation of duties: who may not say yes because of what they asked, wrote, or did elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilothouse.decisions.people.quorum import Members, unmet
from pilothouse.decisions.proposal import Granted, Proposal
from pilothouse.decisions.types import Approval, Quorum
from pilothouse.kernel import DeniedError, Principal
from pilothouse.labels import Origin, leaves
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Tx

__all__ = [
    "Voice",
    "authors",
    "insufficient",
    "involved",
    "require_apart",
    "require_counted",
    "require_independent",
]

Q = load_queries("pilothouse.decisions")
TYPED = "typed"
PC = "pc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A person about to answer.

    Attributes:
        by: The person.
        stands_for: The colleague answered for; None for oneself.
        linked: Colleagues bound to the person by a delegation in force on this topic.
    """

    by: Principal
    stands_for: str | None = None
    linked: tuple[str, ...] = ()

    @property
    def people(self) -> frozenset[str]:
        """Everyone this voice stands for."""
        return frozenset({self.by.id, self.stands_for or self.by.id, *self.linked})


def authors(proposal: Proposal) -> frozenset[str]:
    """Return who typed a value that steers the effect, or the words it was chosen by."""
    steering = proposal.args.keys() if proposal.steering is None else set(proposal.steering)
    origins = (
        leaf
        for name, label in proposal.labels.items()
        if name == PC or name in steering
        for leaf in leaves(label)
    )
    return frozenset(leaf.object for leaf in origins if isinstance(leaf, Origin) and leaf.source == TYPED)


def involved(proposal: Proposal) -> frozenset[str]:
    """Return who asked, is acted for, or wrote what steers the effect."""
    return authors(proposal) | {proposal.proposer, proposal.on_behalf_of}


def require_independent(voice: Voice, proposal: Proposal) -> None:
    """Refuse whoever asks, is acted for, wrote what steers the effect, or is bound to one of them.

    Raises:
        DeniedError: ``decisions.self_approval``, ``decisions.linked`` or ``decisions.distinct``.
    """
    fault = _fault(proposal, voice.by.id, voice.people, voice.by.groups)
    if fault is not None:
        code, why = fault
        raise DeniedError(
            f"{voice.by.id!r} {why} {proposal.title!r} and may not approve it; ask a colleague",
            code=code,
            reasons=(code,),
        )


def _fault(
    proposal: Proposal, by: str, people: frozenset[str], groups: Collection[str]
) -> tuple[str, str] | None:
    own = involved(proposal)
    if by in own:
        return "decisions.self_approval", "asked for, or wrote what steers,"
    if not people.isdisjoint(own):
        return "decisions.linked", "is bound by a delegation to who asked for"
    apart = proposal.quorum.distinct_from
    if by in apart or not set(groups).isdisjoint(apart):
        return "decisions.distinct", f"is among {', '.join(apart)}, who are kept apart from"
    return None


def require_counted(voice: Voice, proposal: Proposal, given: Collection[Approval]) -> None:
    """Refuse a voice that stands for someone who spoke already.

    Raises:
        DeniedError: ``decisions.same_person``.
    """
    for other in given:
        if (
            other.verdict == "approve"
            and other.undone_at is None
            and not voice.people.isdisjoint(other.people)
        ):
            raise DeniedError(
                f"{voice.by.id!r} and {other.approver!r} count as one person for {proposal.title!r}, because "
                "one stands in for the other; ask somebody else",
                code="decisions.same_person",
                reasons=("decisions.same_person",),
            )


async def require_apart(tx: Tx, voice: Voice, proposal: Proposal) -> None:
    """Refuse who approved or performed, on the same thing, what must be kept apart from this.

    Raises:
        DeniedError: ``decisions.apart``.
    """
    if proposal.tool is None or not proposal.thing:
        return
    await tx.fetch_value(Q.lock_thing, {"thing": proposal.thing})
    people = sorted({voice.by.id, voice.stands_for or voice.by.id})
    values = {
        "id": proposal.id,
        "thing": proposal.thing,
        "tool": proposal.tool,
        "apart": [*proposal.apart],
        "people": people,
    }
    row = await tx.fetch_one(Q.apart, values)
    if row is not None:
        raise DeniedError(
            f"{voice.by.id!r} approved or performed {row['tool']!r} on the same thing, which is kept "
            f"apart from {proposal.tool!r}; ask a colleague",
            code="decisions.apart",
            reasons=(f"decisions.apart:{row['tool']}",),
        )


def insufficient(
    granted: Granted, *, quorum: Quorum | None = None, members: Members | None = None
) -> str | None:
    """Say why a set of approvals does not carry its proposal; None if it does. The door asks this.

    Args:
        granted: As found in the inbox.
        quorum: What the tool's declaration asks for today, beside what the proposal asked for.
        members: The groups somebody is in today; None goes by those noted with each approval.
    """
    proposal, approvals = granted.proposal, granted.approvals
    if proposal.seeded:
        return "it is a known-bad sample, which nothing executes"
    if granted.approval not in approvals:
        return "it is not among the voices that count"
    for one in approvals:
        if one.proposal != proposal.id or one.subject != granted.approval.subject:
            return f"the voice of {one.approver!r} was given to another call"
        groups = one.groups if members is None else members(one.approver)
        fault = _fault(proposal, one.approver, one.people, groups)
        if fault is not None:
            return f"{one.approver!r} {fault[1]} it"
    wanted = (proposal.quorum, *(() if quorum is None else (quorum,)))
    return next((why for why in (unmet(one, approvals, members=members) for one in wanted) if why), None)
