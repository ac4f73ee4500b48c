"""Owns the inbox: what people see of the queue and everything they can do with an item."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.answering.answers import Answers, NotWaitingError
from pilothouse.decisions.answering.held import Held, hold, not_found, require_changeable
from pilothouse.decisions.asking.propose import edited, store
from pilothouse.decisions.items import InboxFilter, Item, ItemView, Page, approval_of, item_of, proposal_of
from pilothouse.decisions.people.access import (
    may_see,
    reach,
    require_confirmed,
    require_independent,
    require_person,
)
from pilothouse.decisions.ports import Follower, Previewer, Resumer
from pilothouse.decisions.proposal import Proposal
from pilothouse.decisions.types import Answer, Verdict
from pilothouse.kernel import ConflictError, Principal, UsageError, encode
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.decisions.settings import DecisionsSettings
    from pilothouse.storage import Database, Tx

__all__ = ["Inbox"]

Q = load_queries("pilothouse.decisions")
T = TypeVar("T")
TRIES = 3


class Inbox:
    """The queue of what people are asked.

    Every verb takes who acts; a person sees and answers what ``decisions:<topic>`` grants or what is
    addressed to them. What may not be seen does not exist. Deadlines and leases go by the database's clock.
    """

    def __init__(
        self,
        database: Database,
        *,
        resumer: Resumer | None = None,
        previewer: Previewer | None = None,
        settings: DecisionsSettings | None = None,
    ) -> None:
        from pilothouse.decisions.settings import DecisionsSettings

        self._database = database
        self._settings = settings or DecisionsSettings()
        self._previewer = previewer
        self._answers = Answers(lifetime=self._settings.approval_lifetime)
        self._answers.resumer = resumer

    def bind(self, *, resumer: Resumer | None = None, previewer: Previewer | None = None) -> None:
        """Bind who resumes waiting runs and who previews edited calls; what is None stays as it is."""
        self._answers.resumer = resumer or self._answers.resumer
        self._previewer = previewer or self._previewer

    def follow(self, kind: str, follower: Follower) -> None:
        """Hand the answers to proposals of ``kind`` to ``follower``, inside their transaction."""
        self._answers.followers[kind] = follower

    async def propose(self, tx: Tx, proposal: Proposal) -> None:
        """Ask ``proposal`` inside the caller's transaction; the same one again changes nothing.

        Raises:
            UsageError: ``decisions.proposal``: something is missing or contradicts itself.
            LimitError: ``decisions.too_large``.
            ConflictError: ``decisions.proposal_id``: the id was used for another proposal.
        """
        if proposal.parent is not None:
            raise UsageError(
                f"proposal {proposal.title!r} names a parent; only Inbox.edit may replace a proposal",
                code="decisions.proposal",
            )
        await store(tx, proposal)

    async def list(self, principal: Principal, filter: InboxFilter | None = None) -> Page:
        """Return a page of what ``principal`` may see."""
        wanted = filter or InboxFilter()
        rows = await self._database.fetch_all(Q.list_items, _parameters(principal, wanted))
        if not rows and wanted.offset:
            first = await self.list(principal, replace(wanted, offset=0, limit=1))
            return Page(items=(), total=first.total)
        items = tuple(item_of(row, row["now"]) for row in rows)
        return Page(items=items, total=rows[0]["total"] if rows else 0)

    async def show(self, id: UUID, principal: Principal) -> ItemView:
        """Return one item with its proposal.

        Raises:
            UsageError: ``decisions.not_found``.
        """
        row = await self._database.fetch_one(Q.show_item, {"id": id})
        if row is None or not may_see(principal, topic=row["topic"], asked_of=row["asked_of"]):
            raise not_found(id)
        proposal, now = proposal_of(row), row["now"]
        verdicts = await self._database.fetch_all(Q.approvals_of, {"id": id})
        stale = [item.name for item in proposal.evidence if item.fresh_until and item.fresh_until <= now]
        return ItemView(
            item=item_of(row, now),
            proposal=proposal,
            approvals=tuple(approval_of(verdict) for verdict in verdicts),
            stale=tuple(stale),
        )

    async def claim(self, id: UUID, by: Principal, *, lease: float | None = None) -> Item:
        """Lock an open item to ``by`` for ``lease`` seconds; claiming it again renews the lease.

        Raises:
            ConflictError: ``decisions.claimed`` by another person, ``decisions.answered`` and so on.
        """
        seconds = self._settings.lease if lease is None else lease

        async def change(tx: Tx, held: Held) -> None:
            await tx.execute(Q.claim_item, {"id": id, "by": by.id, "lease": seconds})

        return await self._change(id, by, change)

    async def claim_next(self, by: Principal, filter: InboxFilter | None = None) -> Item | None:
        """Claim the first item that ``by`` could answer now; None if there is none."""
        page = await self.list(by, replace(filter or InboxFilter(), free=True, state="open"))
        for item in page.items:
            try:
                return await self.claim(item.id, by)
            except ConflictError:
                # A colleague was faster; the next item will do.
                continue
        return None

    async def release(self, id: UUID, by: Principal) -> Item:
        """Give an item back; nothing happens unless ``by`` holds it."""
        async with self._database.transaction() as tx:
            await hold(tx, id, by)
            await tx.execute(Q.release_item, {"id": id, "by": by.id})
            return (await hold(tx, id, by)).item

    async def approve(
        self,
        id: UUID,
        by: Principal,
        *,
        typed: str | None = None,
        reason: str = "",
        version: int | None = None,
    ) -> Answer:
        """Say yes. Approving twice returns the stored answer.

        Args:
            id: The proposal.
            by: The person.
            typed: At tier 4 the identifier, or at least its last four characters.
            reason: Optional words.
            version: The ``Item.version`` that was looked at.

        Raises:
            DeniedError: ``decisions.not_a_person`` or ``decisions.self_approval``.
            UsageError: ``decisions.not_confirmed`` or ``decisions.not_found``.
            ConflictError: Answered otherwise, moved, claimed, delegated, edited, expired or withdrawn.
        """

        async def verdict(tx: Tx, held: Held) -> Answer:
            require_independent(by, held.proposal)
            require_confirmed(held.proposal, typed)
            return await self._answers.by_person(tx, held, "approve", by, reason)

        return await self._settle(id, by, version, verdict, said=_said("approve"))

    async def reject(self, id: UUID, by: Principal, reason: str, *, version: int | None = None) -> Answer:
        """Say no, with a reason. Rejecting twice returns the stored answer.

        Raises:
            UsageError: ``decisions.reason_missing`` or ``decisions.not_found``.
            DeniedError: ``decisions.not_a_person``.
            ConflictError: As for ``approve``.
        """
        words = reason.strip()
        if not words:
            raise UsageError(
                f"rejecting needs a reason, got {reason!r}; say in a few words why",
                code="decisions.reason_missing",
            )

        async def verdict(tx: Tx, held: Held) -> Answer:
            return await self._answers.by_person(tx, held, "reject", by, words)

        return await self._settle(id, by, version, verdict, said=_said("reject"))

    async def edit(
        self, id: UUID, by: Principal, args: Mapping[str, Any], *, version: int | None = None
    ) -> Proposal:
        """Replace an open proposal by one with other arguments, which must be answered itself.

        Whoever changes an argument that steers the effect becomes its proposer and may not approve it.

        Raises:
            UsageError: ``decisions.edit``: nothing changed, other names, or nothing can preview the call.
            ConflictError: As for ``approve``; ``decisions.superseded`` if it was edited otherwise.
        """

        async def replaced(tx: Tx, held: Held) -> Proposal:
            child = edited(held.proposal, by, args, self._previewer)
            await tx.execute(Q.supersede_item, {"id": id})
            await store(tx, child)
            await self._log(tx, held, by, "edited", {"child": str(child.id)})
            return child

        async def said(tx: Tx, held: Held) -> Proposal | None:
            row = await tx.fetch_one(Q.child_of, {"id": id})
            child = None if row is None else proposal_of(row)
            return child if child is not None and encode(child.args) == encode(dict(args)) else None

        return await self._settle(id, by, version, replaced, said=said)

    async def snooze(self, id: UUID, by: Principal, until: datetime, *, version: int | None = None) -> Item:
        """Hide an item from everyone's list until a time before its deadline.

        Raises:
            UsageError: ``decisions.snooze``: the time has passed or lies beyond the deadline.
        """

        async def change(tx: Tx, held: Held) -> None:
            deadline = held.item.deadline
            if until.tzinfo is None or until <= held.now or (deadline is not None and until >= deadline):
                raise UsageError(
                    f"cannot snooze until {until!r}: give a time zone, later than {held.now} and before the "
                    f"deadline {deadline}",
                    code="decisions.snooze",
                )
            await tx.execute(Q.snooze_item, {"id": id, "until": until})
            await self._log(tx, held, by, "snoozed", {"until": until.isoformat()})

        return await self._change(id, by, change, version)

    async def delegate(self, id: UUID, by: Principal, to: Principal, *, version: int | None = None) -> Item:
        """Hand an item to one colleague, who alone may answer it then; recorded as "B for A".

        Anyone who may answer can take it over by delegating it to themselves. A delegate can only hand it
        back. Taken over or handed back it is everyone's again.

        Raises:
            UsageError: ``decisions.delegate``: the colleague may not answer it.
            ConflictError: As for ``approve``.
        """

        async def change(tx: Tx, held: Held) -> None:
            item = held.item
            able = to.kind == "person" and may_see(to, topic=item.topic, asked_of=item.asked_of)
            if not able or to.id in (held.proposal.proposer, held.proposal.on_behalf_of):
                raise UsageError(
                    f"{to.id!r} may not answer {item.title!r}; choose a person who may",
                    code="decisions.delegate",
                )
            if item.delegated_to == by.id != to.id and to.id != item.delegated_by:
                raise UsageError(
                    f"{item.title!r} was delegated to you by {item.delegated_by!r}; hand it back, not on",
                    code="decisions.delegate",
                )
            back = to.id in (by.id, item.delegated_by)
            names = {"by": None, "to": None} if back else {"by": by.id, "to": to.id}
            await tx.execute(Q.delegate_item, {"id": id, **names})
            await self._log(tx, held, by, "delegated", {"to": to.id})

        return await self._change(id, by, change, version, take_over=to.id == by.id)

    async def withdraw(self, tx: Tx, run: str, key: str, *, reason: str, by: str = "system") -> int:
        """Take back what a wait of a run asked, inside the caller's transaction; return how many.

        The run is not resumed: whoever withdraws knows already (another subject of its wait came first).
        """
        rows = await tx.fetch_all(Q.open_for_wait, {"run": run, "key": key})
        for row in rows:
            held = await hold(tx, row["proposal"], None)
            await self._answers.withdrawn(tx, held, by=by, reason=reason)
        return len(rows)

    async def expire(self, *, limit: int = 100) -> tuple[Answer, ...]:
        """Answer *no* to items past their deadline, each in its own transaction; return the answers.

        Raises:
            PilothouseError: Some could not be answered (the first error); the others were.
        """
        rows = await self._database.fetch_all(Q.due_items, {"limit": limit})
        answers: list[Answer] = []
        failed: Exception | None = None
        for row in rows:
            try:
                answer = await self._expire(row["proposal"])
            except Exception as error:
                failed = failed or error
                continue
            answers += [answer] if answer is not None else []
        if failed is not None:
            raise failed
        return tuple(answers)

    async def _expire(self, id: UUID) -> Answer | None:
        async with self._database.transaction() as tx:
            held = await hold(tx, id, None)
            if held.item.state != "open" or not held.late:
                return None
            return await self._answers.by_silence(tx, held)

    async def _change(
        self,
        id: UUID,
        by: Principal,
        change: Callable[[Tx, Held], Awaitable[None]],
        version: int | None = None,
        *,
        take_over: bool = False,
    ) -> Item:
        async def changed(tx: Tx, held: Held) -> Item:
            await change(tx, held)
            return (await hold(tx, id, by)).item

        return await self._settle(id, by, version, changed, said=_nothing_said, take_over=take_over)

    async def _settle(
        self,
        id: UUID,
        by: Principal,
        version: int | None,
        act: Callable[[Tx, Held], Awaitable[T]],
        *,
        said: Callable[[Tx, Held], Awaitable[T | None]],
        take_over: bool = False,
    ) -> T:
        """Run ``act`` on the locked item, unless the same was said before or its time has passed."""
        require_person(by)
        tries = 1
        while True:
            try:
                return await self._settle_once(id, by, version, act, said=said, take_over=take_over)
            except NotWaitingError as gone:
                await self._gone(id, gone.message)
                raise
            except ConflictError as error:
                # The engine may meet the wait by another subject at this moment and lock its rows first.
                if error.code != "storage.serialization" or tries == TRIES:
                    raise
                tries += 1

    async def _settle_once(
        self,
        id: UUID,
        by: Principal,
        version: int | None,
        act: Callable[[Tx, Held], Awaitable[T]],
        *,
        said: Callable[[Tx, Held], Awaitable[T | None]],
        take_over: bool,
    ) -> T:
        async with self._database.transaction() as tx:
            held = await hold(tx, id, by)
            before = await said(tx, held)
            if before is not None:
                return before
            require_changeable(held, by, version, take_over=take_over)
            if not held.late:
                return await act(tx, held)
            await self._answers.by_silence(tx, held)
        raise ConflictError(
            f"{held.item.title!r} was due {held.item.deadline} and expired as no; ask again if need be",
            code="decisions.expired",
        )

    async def _gone(self, id: UUID, reason: str) -> None:
        """Withdraw an item that no run waits for, unless someone did already."""
        async with self._database.transaction() as tx:
            held = await hold(tx, id, None)
            if held.item.state == "open":
                await self._answers.withdrawn(tx, held, by="system", reason=reason)

    async def _log(self, tx: Tx, held: Held, by: Principal, what: str, body: Mapping[str, Any]) -> None:
        entry = AuditEntry(
            kind=f"decisions.{what}",
            actor=by.id,
            run=held.proposal.run,
            proposal=held.item.id,
            refs=(held.subject,),
            body=body,
        )
        await append(tx, entry)


async def _nothing_said(tx: Tx, held: Held) -> None:
    return None


def _said(verdict: Verdict) -> Callable[[Tx, Held], Awaitable[Answer | None]]:
    async def said(tx: Tx, held: Held) -> Answer | None:
        return held.same(verdict)

    return said


def _parameters(principal: Principal, wanted: InboxFilter) -> dict[str, Any]:
    sight = reach(principal)
    return {
        "exact": [*sight.exact],
        "prefixes": [*sight.prefixes],
        "addressed": [*sight.addressed],
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
