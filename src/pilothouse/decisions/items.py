"""Owns the queue's nouns and how they are stored: an item, its view, a filter, a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from pilothouse.decisions.proposal import Proposal
from pilothouse.decisions.types import Answer, Approval, ItemState
from pilothouse.kernel import UsageError, content_hash, decode

__all__ = ["InboxFilter", "Item", "ItemView", "Page", "Sort", "approval_of", "item_of", "proposal_of"]

Sort = Literal["urgency", "newest", "oldest", "tier", "title"]
MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxFilter:
    """Which items, in which order; everything is filtered, sorted and cut by the database.

    Attributes:
        state: None means every state.
        topic: The tool, or the workflow of a judgement.
        tier: 1 to 4.
        verdict: What the rules advised.
        asked_of: The group or principal addressed.
        run: Items of one run.
        words: Part of the title, case ignored.
        due_before: Only with a deadline before this.
        mine: Only what the principal claimed or was delegated.
        free: Only what the principal could answer now: neither claimed by nor delegated to another.
        snoozed: Also what is snoozed.
        sort: ``urgency`` is deadline, then tier, then age.
        limit: At most 200.
        offset: How many to skip.

    Raises:
        UsageError: ``decisions.page``.
    """

    state: ItemState | None = "open"
    topic: str | None = None
    tier: int | None = None
    verdict: str | None = None
    asked_of: str | None = None
    run: str | None = None
    words: str | None = None
    due_before: datetime | None = None
    mine: bool = False
    free: bool = False
    snoozed: bool = False
    sort: Sort = "urgency"
    limit: int = 50
    offset: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST or self.offset < 0:
            raise UsageError(
                f"limit {self.limit!r}, offset {self.offset!r}: ask for 1 to {MOST} items from 0 on",
                code="decisions.page",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the queue.

    Attributes:
        id: The proposal's id.
        title: The proposal's title.
        topic: The tool, or the workflow of a judgement.
        verdict: What the rules advised.
        tier: 1 to 4.
        state: Where it stands.
        version: Raised by every change; hand it back to be told when something moved meanwhile.
        asked_of: The group or principal addressed.
        run: The waiting run.
        proposed_at: When it was asked.
        deadline: When silence becomes *no*.
        snoozed_until: Hidden until then; None if not hidden now.
        claimed_by: Who holds it now; None if nobody does.
        claimed_until: Until when.
        delegated_to: Who alone may answer it.
        delegated_by: Who handed it over.
        answer: What was answered.
        needed: How many people must say yes.
        given: How many have.
        also: Who is asked as well, because nobody answered in time.
        reminded: How many steps of the escalation are done.
        undo_until: Until when the last person may take the answer back; None if nobody may.
        blind: Whether the advice is hidden until the person has answered.
        hidden: Whether it rests on something the viewer may not read; then title and advice are masked.
    """

    id: UUID
    title: str
    topic: str
    verdict: str
    tier: int
    state: ItemState
    version: int
    asked_of: str
    run: str | None
    proposed_at: datetime
    deadline: datetime | None
    snoozed_until: datetime | None
    claimed_by: str | None
    claimed_until: datetime | None
    delegated_to: str | None
    delegated_by: str | None
    answer: Answer | None
    needed: int = 1
    given: int = 0
    also: tuple[str, ...] = ()
    reminded: int = 0
    undo_until: datetime | None = None
    blind: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """One item with everything a person needs to answer it.

    Attributes:
        item: Its line in the queue.
        proposal: What is asked, with evidence and reasons.
        approvals: Verdicts given so far.
        stale: Names of evidence past ``fresh_until``; the door reads all of it again anyway.
        closed: ACL ids the viewer does not satisfy; what they close is masked, and there is no *yes*.
        fault: What was wrong with a planted sample, shown once it is answered.
    """

    item: Item
    proposal: Proposal
    approvals: tuple[Approval, ...]
    stale: tuple[str, ...]
    closed: tuple[str, ...] = ()
    fault: str = ""

    @property
    def screen(self) -> str:
        """SHA-256 of everything shown; hand it back with the answer."""
        shown = {
            "proposal": self.proposal,
            "approvals": [one.id for one in self.approvals],
            "stale": self.stale,
            "closed": self.closed,
        }
        return content_hash(shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of the queue.

    Attributes:
        items: The lines.
        total: How many there are without ``limit`` and ``offset``.
    """

    items: tuple[Item, ...]
    total: int


def item_of(row: Mapping[str, Any], now: datetime) -> Item:
    """Return the noun of a stored item as it stands at ``now``."""
    claimed = row["claimed_until"] is not None and row["claimed_until"] > now
    snoozed = row["snoozed_until"] is not None and row["snoozed_until"] > now
    return Item(
        id=row["proposal"],
        title=row["title"],
        topic=row["topic"],
        verdict=row["verdict"],
        tier=row["tier"],
        state=row["state"],
        version=row["version"],
        asked_of=row["asked_of"],
        run=row["run"],
        proposed_at=row["proposed_at"],
        deadline=row["deadline"],
        snoozed_until=row["snoozed_until"] if snoozed else None,
        claimed_by=row["claimed_by"] if claimed else None,
        claimed_until=row["claimed_until"] if claimed else None,
        delegated_to=row["delegated_to"],
        delegated_by=row["delegated_by"],
        answer=None if row["answer"] is None else cast("Answer", decode(row["answer"])),
        needed=row["needed"],
        given=row["given"],
        also=tuple(row["also"]),
        reminded=row["steps"],
        undo_until=row["tell_at"],
        blind=row["blind"],
    )


def proposal_of(row: Mapping[str, Any]) -> Proposal:
    """Return the proposal stored in ``row["body"]``."""
    return cast("Proposal", decode(row["body"]))


def approval_of(row: Mapping[str, Any]) -> Approval:
    """Return the noun of a stored approval."""
    fields: dict[str, Any] = {name: row[name] for name in Approval.__dataclass_fields__}
    fields |= {"groups": tuple(row["groups"]), "linked": tuple(row["linked"])}
    return Approval(**fields)
