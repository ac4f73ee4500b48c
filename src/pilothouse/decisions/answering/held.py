"""Owns one item locked inside a transaction, and what must hold before a person may change it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.decisions.items import Item, item_of, proposal_of
from pilothouse.decisions.people.access import AREA, may_see
from pilothouse.decisions.people.duties import Voice
from pilothouse.decisions.people.sight import masked_item, unread
from pilothouse.decisions.people.standing import bonds_of
from pilothouse.decisions.proposal import Proposal
from pilothouse.decisions.types import Answer, Verdict
from pilothouse.kernel import RIGHTS, Authority, ConflictError, Principal, UsageError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Tx

__all__ = ["Held", "hold", "not_found", "require_changeable"]

Q = load_queries("pilothouse.decisions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An item whose row is locked until the transaction ends.

    Attributes:
        item: As it stands, masked for who holds it.
        proposal: What is asked, in full.
        subject: What an approval will bind.
        now: The database's clock, read after the lock was got.
        closed: ACL ids that who holds it does not satisfy.
        bonds: (giver, taker) of every delegation in force that binds who holds it, on this topic.
        able: Whether who holds it has the right to answer, not only because it is addressed.
    """

    item: Item
    proposal: Proposal
    subject: str
    now: datetime
    closed: frozenset[str] = frozenset()
    bonds: tuple[tuple[str, str], ...] = ()
    able: bool = False

    @property
    def late(self) -> bool:
        """Whether the deadline has passed, so that the only answer left is *no*."""
        return self.item.deadline is not None and self.item.deadline <= self.now

    def same(self, verdict: Verdict) -> Answer | None:
        """Return the stored answer if it says ``verdict`` (a double click, a second clerk of one mind)."""
        answer = self.item.answer
        return answer if answer is not None and answer.verdict == verdict else None

    def voice(self, by: Principal) -> Voice:
        """Return whom ``by`` answers for: a colleague whose item it is, where a delegation says so."""
        item = self.item
        linked = tuple(sorted({name for bond in self.bonds for name in bond} - {by.id}))
        if item.delegated_to == by.id:
            return Voice(by=by, stands_for=item.delegated_by, linked=linked)
        asked = (item.delegated_to, item.asked_of, *item.also)
        givers = [giver for giver, taker in self.bonds if taker == by.id and giver in asked]
        if not givers or not self.able or by.id in asked:
            return Voice(by=by, linked=linked)
        return Voice(by=by, stands_for=givers[0], linked=linked)

    def stands_in(self, by: Principal) -> bool:
        """Whether ``by`` stands in for the person to whom the item was handed."""
        return self.able and (self.item.delegated_to, by.id) in self.bonds


async def hold(tx: Tx, id: UUID, by: Principal | None, authority: Authority = RIGHTS) -> Held:
    """Lock the item ``id``.

    Args:
        tx: The transaction that keeps the lock.
        id: The proposal.
        by: Who asks; None for the system itself.
        authority: Says what ``by`` may see and read today.

    Raises:
        UsageError: ``decisions.not_found``: it is not there, or not for ``by`` to see.
    """
    row = await tx.fetch_one(Q.lock_item, {"id": id})
    asked = () if row is None else (row["asked_of"], *row["also"])
    if row is None or not (by is None or may_see(by, topic=row["topic"], asked=asked, authority=authority)):
        raise not_found(id)
    now: datetime = await tx.fetch_value(Q.clock)
    closed = frozenset[str]() if by is None else unread(authority, by, row["readers"])
    return Held(
        item=masked_item(item_of(row, now), closed),
        proposal=proposal_of(row),
        subject=row["subject"],
        now=now,
        closed=closed,
        bonds=() if by is None else await bonds_of(tx, by, row["topic"]),
        able=by is not None and authority.may(by, AREA + row["topic"]),
    )


def not_found(id: UUID) -> UsageError:
    """Return the error for an item that is not there; one that may not be seen gives the same."""
    return UsageError(
        f"there is no proposal {str(id)!r} in your inbox; list it again", code="decisions.not_found"
    )


def require_changeable(held: Held, by: Principal, version: int | None, *, take_over: bool = False) -> None:
    """Refuse to change an item that was answered, moved, or is another person's now.

    Args:
        held: The locked item.
        by: Who wants to change it.
        version: The version that was looked at; None if that does not matter.
        take_over: Whether ``by`` takes it from a delegate.

    Raises:
        ConflictError: ``decisions.superseded``, ``decisions.answered``, ``decisions.moved``,
            ``decisions.claimed`` or ``decisions.delegated``.
    """
    item = held.item
    if item.state == "superseded":
        raise _conflict(
            item, "was edited and is asked anew; answer the new proposal", code="decisions.superseded"
        )
    if item.state != "open":
        who = item.answer.by if item.answer else "system"
        raise _conflict(
            item,
            f"was already answered: {item.state} by {who!r}; nothing was changed",
            code="decisions.answered",
        )
    if version is not None and version != item.version:
        raise _conflict(
            item,
            f"changed from version {version!r} to {item.version!r}; look at it again",
            code="decisions.moved",
        )
    if not take_over and item.delegated_to not in (None, by.id) and not held.stands_in(by):
        raise _conflict(
            item,
            f"was delegated to {item.delegated_to!r}; delegate it to yourself to answer",
            code="decisions.delegated",
        )
    if item.claimed_by not in (None, by.id):
        raise _conflict(
            item, f"is held by {item.claimed_by!r} until {item.claimed_until}; wait", code="decisions.claimed"
        )


def _conflict(item: Item, what: str, *, code: str) -> ConflictError:
    return ConflictError(f"{item.title!r} {what}", code=code)
