"""Owns the inbox: what people see of the queue and everything they can do with an item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.decisions.answering.answers import Answers
from pilothouse.decisions.answering.batch import approve_together
from pilothouse.decisions.answering.clockwork import Clockwork
from pilothouse.decisions.answering.handling import Handling
from pilothouse.decisions.answering.held import Held, hold
from pilothouse.decisions.answering.saying import Saying
from pilothouse.decisions.answering.turn import Turns
from pilothouse.decisions.asking.blind import Lot
from pilothouse.decisions.asking.propose import store
from pilothouse.decisions.asking.seeds import note, plant, require_rare
from pilothouse.decisions.items import InboxFilter, Item, ItemView, Page
from pilothouse.decisions.people.access import AREA, require_person
from pilothouse.decisions.people.standing import Delegations
from pilothouse.decisions.ports import Follower, Previewer, Reminder, Resumer
from pilothouse.decisions.proposal import Proposal
from pilothouse.decisions.queue import Queue
from pilothouse.decisions.types import Answer
from pilothouse.kernel import (
    RIGHTS,
    Authority,
    ConflictError,
    Principal,
    UsageError,
    require,
)
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.decisions.answering.turn import Act
    from pilothouse.decisions.settings import DecisionsSettings
    from pilothouse.storage import Database, Tx

__all__ = ["Inbox"]

Q = load_queries("pilothouse.decisions")


class Inbox:
    """The queue of what people are asked.

    Every verb takes who acts; a person sees and answers what ``decisions:<topic>`` grants or what is
    addressed to them. What may not be seen does not exist, what may not be read is masked. Deadlines and
    leases go by the database's clock.

    Args:
        database: Where the queue is.
        authority: Says what people may do and read today.
        resumer: Resumes waiting runs.
        previewer: Shows what an edited call would do.
        settings: Leases, lifetimes, the grace, blind draws.

    Attributes:
        delegations: Who stands in for whom.
    """

    def __init__(
        self,
        database: Database,
        *,
        authority: Authority = RIGHTS,
        resumer: Resumer | None = None,
        previewer: Previewer | None = None,
        settings: DecisionsSettings | None = None,
    ) -> None:
        from pilothouse.decisions.settings import DecisionsSettings

        self._database = database
        self._authority = authority
        self._settings = settings or DecisionsSettings()
        self._answers = Answers(lifetime=self._settings.approval_lifetime, grace=self._settings.grace)
        self._answers.resumer = resumer
        self._queue = Queue(database, authority=authority)
        self._turns = Turns(database, self._answers, authority=authority)
        self._saying = Saying(self._answers)
        self._handling = Handling(authority=authority, previewer=previewer)
        self._clockwork = Clockwork(database, self._answers, self._turns)
        self._lot = Lot(share=self._settings.blind_share)
        self.delegations = Delegations(database, authority=authority)

    def bind(
        self,
        *,
        resumer: Resumer | None = None,
        previewer: Previewer | None = None,
        reminder: Reminder | None = None,
    ) -> None:
        """Bind who resumes runs, previews edited calls, reminds people; what is None stays as it is."""
        self._answers.resumer = resumer or self._answers.resumer
        self._handling.previewer = previewer or self._handling.previewer
        self._clockwork.reminder = reminder or self._clockwork.reminder

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
        if proposal.parent is not None or proposal.seeded:
            raise UsageError(
                f"proposal {proposal.title!r} names a parent or is a sample; only Inbox.edit may replace a "
                "proposal, and only Inbox.seed plants samples",
                code="decisions.proposal",
            )
        await store(tx, proposal, blind=await self._lot.falls_on(tx, proposal))

    async def seed(
        self, tx: Tx, proposal: Proposal, by: Principal, *, fault: str, unit: str = ""
    ) -> Proposal:
        """Plant a known-bad sample that looks like ``proposal``; no door ever executes it.

        Args:
            tx: The caller's transaction.
            proposal: A decision about a tool, wrong in one respect.
            by: Who plants it, with the right ``decisions:seed``.
            fault: What is wrong with it, told to the person who answered.
            unit: Under which name the catch is counted; empty means the tool, as the ladder counts.

        Raises:
            DeniedError: ``policy.denied``.
            UsageError: ``decisions.seed``, and as for ``propose``.
            LimitError: ``decisions.seeded_often``: more than one in ``seeded_every`` items of the topic.
        """
        require(by, f"{AREA}seed", authority=self._authority)
        sample, unit = plant(proposal, fault=fault), unit or str(proposal.tool)
        await require_rare(tx, sample.area, every=self._settings.seeded_every)
        await store(tx, sample, blind=await self._lot.falls_on(tx, sample))
        await note(tx, sample, by, unit=unit, fault=fault)
        return sample

    async def list(self, principal: Principal, filter: InboxFilter | None = None) -> Page:
        """Return a page of what ``principal`` may see."""
        return await self._queue.list(principal, filter or InboxFilter())

    async def show(self, id: UUID, principal: Principal) -> ItemView:
        """Return one item with its proposal, as far as ``principal`` may read it now.

        Raises:
            UsageError: ``decisions.not_found``.
        """
        return await self._queue.show(id, principal)

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
            await hold(tx, id, by, self._authority)
            await tx.execute(Q.release_item, {"id": id, "by": by.id})
            return (await hold(tx, id, by, self._authority)).item

    async def approve(
        self,
        id: UUID,
        by: Principal,
        *,
        typed: str | None = None,
        reason: str = "",
        version: int | None = None,
        screen: str | None = None,
    ) -> Answer:
        """Say yes. Approving twice returns the stored answer.

        Args:
            id: The proposal.
            by: The person.
            typed: At tier 4 the identifier, or at least its last four characters.
            reason: Optional words.
            version: The ``Item.version`` that was looked at.
            screen: Hash of what the person saw, such as ``ItemView.screen``; kept with the approval.

        Returns:
            The answer; ``pending`` while the quorum needs more people.

        Raises:
            DeniedError: ``decisions.not_a_person``, ``decisions.unreadable``, ``decisions.self_approval``,
                ``decisions.linked``, ``decisions.distinct``, ``decisions.same_person``, ``decisions.apart``.
            UsageError: ``decisions.not_confirmed`` or ``decisions.not_found``.
            ConflictError: Answered otherwise, moved, claimed, delegated, edited, expired or withdrawn.
        """
        act = self._saying.yes(by, typed=typed, reason=reason, screen=screen)
        return await self._turns.take(id, by, version, act, said=self._saying.said("approve", by))

    async def approve_many(
        self, ids: Sequence[UUID], by: Principal, *, reason: str = "", screen: str | None = None
    ) -> tuple[Answer, ...]:
        """Say yes to several of one shape: all of them or, if one is refused, none; an approval row for each.

        Args:
            ids: At most 20 open proposals of the same tool, version, argument names and tier 1 or 2.
            by: The person.
            reason: Optional words.
            screen: Hash of what the person saw.

        Raises:
            UsageError: ``decisions.batch``: too many, of different shapes, of tier 3 or 4, or blind.
            DeniedError: As for ``approve``.
            ConflictError: As for ``approve``.
        """
        act = self._saying.yes(by, typed=None, reason=reason, screen=screen)
        return await approve_together(self._turns, ids, by, act, said=self._saying.said("approve", by))

    async def reject(
        self,
        id: UUID,
        by: Principal,
        reason: str,
        *,
        version: int | None = None,
        screen: str | None = None,
    ) -> Answer:
        """Say no, with a reason. Rejecting twice returns the stored answer.

        Raises:
            UsageError: ``decisions.reason_missing`` or ``decisions.not_found``.
            DeniedError: ``decisions.not_a_person``.
            ConflictError: As for ``approve``.
        """
        act = self._saying.no(by, reason, screen=screen)
        return await self._turns.take(id, by, version, act, said=self._saying.said("reject", by))

    async def undo(self, id: UUID, by: Principal) -> Item:
        """Take one's own answer back: while more voices are needed, or within the grace; it is asked again.

        Raises:
            DeniedError: ``decisions.not_a_person``.
            ConflictError: ``decisions.undo``: ``by`` gave no answer, or something followed from it already.
            UsageError: ``decisions.not_found``.
        """
        require_person(by)
        async with self._database.transaction() as tx:
            held = await hold(tx, id, by, self._authority)
            await self._saying.undo(tx, held, by)
            return (await hold(tx, id, by, self._authority)).item

    async def edit(
        self, id: UUID, by: Principal, args: Mapping[str, Any], *, version: int | None = None
    ) -> Proposal:
        """Replace an open proposal by one with other arguments, which must be answered itself.

        Whoever changes an argument that steers the effect becomes its proposer and may not approve it.

        Raises:
            UsageError: ``decisions.edit``: nothing changed, other names, or nothing can preview the call.
            ConflictError: As for ``approve``; ``decisions.superseded`` if it was edited otherwise.
        """
        act = self._handling.edit(by, args)
        return await self._turns.take(id, by, version, act, said=self._handling.edited_so(args))

    async def snooze(self, id: UUID, by: Principal, until: datetime, *, version: int | None = None) -> Item:
        """Hide an item from everyone's list until a time before its deadline.

        Raises:
            UsageError: ``decisions.snooze``: the time has passed or lies beyond the deadline.
        """
        return await self._change(id, by, self._handling.snooze(by, until), version)

    async def delegate(self, id: UUID, by: Principal, to: Principal, *, version: int | None = None) -> Item:
        """Hand an item to one colleague, who alone may answer it then; recorded as "B for A".

        Anyone who may answer can take it over by delegating it to themselves. A delegate can only hand it
        back. Taken over or handed back it is everyone's again.

        Raises:
            UsageError: ``decisions.delegate``: the colleague may not answer it.
            DeniedError: ``decisions.linked``: whoever asked does not choose who answers.
            ConflictError: As for ``approve``.
        """
        act = self._handling.delegate(by, to)
        return await self._change(id, by, act, version, take_over=to.id == by.id)

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
        """Do what time asks for; call it every second or so. Return the answers *no* that were given.

        Answers whose grace has passed are handed on, people are reminded, others are asked as well, and items
        past their deadline are answered *no*, each in its own transaction.

        Raises:
            PilothouseError: Some could not be done (the first error); the others were.
        """
        return await self._clockwork.tick(limit=limit)

    async def _change(
        self,
        id: UUID,
        by: Principal,
        change: Act[None],
        version: int | None = None,
        *,
        take_over: bool = False,
    ) -> Item:
        async def changed(tx: Tx, held: Held) -> Item:
            await change(tx, held)
            return (await hold(tx, id, by, self._authority)).item

        return await self._turns.take(id, by, version, changed, said=_nothing_said, take_over=take_over)


async def _nothing_said(tx: Tx, held: Held) -> None:
    return None
