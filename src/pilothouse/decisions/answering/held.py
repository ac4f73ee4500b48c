"""Owns one item locked inside a transaction, and what must hold before a person may change it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.decisions.items import Item, item_of, proposal_of
from pilothouse.decisions.people.access import may_see
from pilothouse.decisions.proposal import Proposal
from pilothouse.decisions.types import Answer, Verdict
from pilothouse.kernel import ConflictError, Principal, UsageError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Tx

__all__ = ["Held", "hold", "not_found", "require_changeable"]

Q = load_queries("pilothouse.decisions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An item whose row is locked until the transaction ends.

    Attributes:
        item: As it stands.
        proposal: What is asked.
        subject: What an approval will bind.
        now: The database's clock, read after the lock was got.
    """

    item: Item
    proposal: Proposal
    subject: str
    now: datetime

    @property
    def late(self) -> bool:
        """Whether the deadline has passed, so that the only answer left is *no*."""
        return self.item.deadline is not None and self.item.deadline <= self.now

    def same(self, verdict: Verdict) -> Answer | None:
        """Return the stored answer if it says ``verdict`` (a double click, a second clerk of one mind)."""
        answer = self.item.answer
        return answer if answer is not None and answer.verdict == verdict else None


async def hold(tx: Tx, id: UUID, by: Principal | None) -> Held:
    """Lock the item ``id``.

    Args:
        tx: The transaction that keeps the lock.
        id: The proposal.
        by: Who asks; None for the system itself.

    Raises:
        UsageError: ``decisions.not_found``: it is not there, or not for ``by`` to see.
    """
    row = await tx.fetch_one(Q.lock_item, {"id": id})
    visible = row is not None and (by is None or may_see(by, topic=row["topic"], asked_of=row["asked_of"]))
    if row is None or not visible:
        raise not_found(id)
    now: datetime = await tx.fetch_value(Q.clock)
    return Held(item=item_of(row, now), proposal=proposal_of(row), subject=row["subject"], now=now)


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
    if not take_over and item.delegated_to not in (None, by.id):
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
