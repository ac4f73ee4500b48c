"""Owns looking at the queue: pages filtered by rights in the database, one item as a person may see it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.decisions.answering.held import not_found
from pilothouse.decisions.items import InboxFilter, ItemView, Page, approval_of, item_of, proposal_of
from pilothouse.decisions.people.access import AREA, addressed, may_see
from pilothouse.decisions.people.sight import (
    blinded,
    masked,
    masked_approval,
    masked_item,
    undisguised,
    unread,
)
from pilothouse.kernel import Authority, Principal
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["Queue"]

Q = load_queries("pilothouse.decisions")


class Queue:
    """Shows each person what is theirs to see; nothing is changed here."""

    def __init__(self, database: Database, *, authority: Authority) -> None:
        self._database = database
        self._authority = authority

    async def list(self, principal: Principal, wanted: InboxFilter) -> Page:
        """Return a page of what ``principal`` may see; what may not be read is neither shown nor searched."""
        topics = [row["topic"] for row in await self._database.fetch_all(Q.topics)]
        closing = await self._database.fetch_all(Q.closed_sets, {"state": wanted.state})
        acls = sorted({acl for row in closing for acl in row["readers"]})
        closed = unread(self._authority, principal, acls)
        seen = [topic for topic in topics if self._authority.may(principal, AREA + topic)]
        return await self._page(principal, wanted, seen, closed)

    async def _page(
        self, principal: Principal, wanted: InboxFilter, topics: list[str], closed: frozenset[str]
    ) -> Page:
        values = _parameters(principal, wanted, topics, closed)
        rows = await self._database.fetch_all(Q.list_items, values)
        if not rows and wanted.offset:
            first = await self._page(principal, replace(wanted, offset=0, limit=1), topics, closed)
            return Page(items=(), total=first.total)
        items = tuple(masked_item(item_of(row, row["now"]), closed & {*row["readers"]}) for row in rows)
        return Page(items=items, total=rows[0]["total"] if rows else 0)

    async def show(self, id: UUID, principal: Principal) -> ItemView:
        """Return one item with its proposal, masked and without advice where that must wait.

        Raises:
            UsageError: ``decisions.not_found``.
        """
        row = await self._database.fetch_one(Q.show_item, {"id": id})
        asked = () if row is None else (row["asked_of"], *row["also"])
        if row is None or not may_see(principal, topic=row["topic"], asked=asked, authority=self._authority):
            raise not_found(id)
        closed = unread(self._authority, principal, row["readers"])
        whole, item = proposal_of(row), masked_item(item_of(row, row["now"]), closed)
        voices = [approval_of(one) for one in await self._database.fetch_all(Q.approvals_of, {"id": id})]
        done = item.state != "open" or any(
            one.approver == principal.id and one.undone_at is None for one in voices
        )
        proposal = masked(whole, closed)
        if not done:
            proposal = undisguised(blinded(proposal) if item.blind else proposal)
        elif not closed:
            item = replace(item, verdict=whole.verdict)
        fresh = [one for one in whole.evidence if one.fresh_until is None or one.fresh_until > row["now"]]
        return ItemView(
            item=item,
            proposal=proposal,
            approvals=tuple(masked_approval(one, closed) for one in voices if done or not item.blind),
            stale=tuple(one.name for one in whole.evidence if one not in fresh),
            closed=tuple(sorted(closed)),
            fault=await self._fault(id) if done and whole.seeded and not closed else "",
        )

    async def _fault(self, id: UUID) -> str:
        return str(await self._database.fetch_value(Q.seed, {"id": id}) or "")


def _parameters(
    principal: Principal, wanted: InboxFilter, topics: list[str], closed: Collection[str]
) -> dict[str, Any]:
    return {
        "topics": topics,
        "addressed": sorted(addressed(principal)),
        "unread": sorted(closed),
        "state": wanted.state,
        "topic": wanted.topic,
        "tier": wanted.tier,
        "verdict": wanted.verdict,
        "asked_of": wanted.asked_of,
        "run": wanted.run,
        "words": wanted.words,
        "due_before": wanted.due_before,
        "mine": principal.id if wanted.mine else None,
        "free": principal.id if wanted.free else None,
        "snoozed": wanted.snoozed,
        "sort": wanted.sort,
        "limit": wanted.limit,
        "offset": wanted.offset,
    }
