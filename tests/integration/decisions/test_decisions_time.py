"""What time does: an answer may be taken back for a while, people are reminded, others are asked as well."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from pilothouse.audit import entries
from pilothouse.decisions import (
    Answer,
    DecisionsSettings,
    Escalation,
    Inbox,
    InboxFilter,
    Item,
    Proposal,
    Quorum,
    find_approval,
    find_decision,
    use_approval,
)
from pilothouse.effects.testing import AMIRA, BO, FakeResumer, ask, soon
from pilothouse.kernel import ConflictError, DataError, DeniedError, Principal, UsageError
from pilothouse.storage import Database, Tx

LEAD = Principal(id="lead.kim", groups=frozenset({"leads"}))
LONG, SHORT = 60.0, 0.15


@pytest.fixture
def run() -> FakeResumer:
    return FakeResumer()


def _inbox(database: Database, run: FakeResumer, grace: float = 0.0) -> Inbox:
    return Inbox(database, resumer=run, settings=DecisionsSettings(grace=grace))


def _conflict(code: str) -> Any:
    return pytest.raises(ConflictError, match=rf"\[decisions\.{code}\]")


async def _yes(inbox: Inbox, proposal: Proposal, who: Principal = AMIRA) -> Answer:
    return await inbox.approve(proposal.id, who, typed="4565")


async def _kinds(database: Database, proposal: Proposal) -> list[str]:
    log = await entries(database, proposals=[proposal.id])
    return [item.entry.kind.removeprefix("decisions.") for item in log]


# -- taking an answer back


async def test_nothing_follows_from_an_answer_until_its_grace_has_passed(
    database: Database, run: FakeResumer
) -> None:
    inbox = _inbox(database, run, SHORT)
    proposal = await ask(database, inbox)
    answer = await _yes(inbox, proposal)
    assert answer.approved
    item = (await inbox.show(proposal.id, AMIRA)).item
    assert (item.state, run.got) == ("approved", [])
    assert item.undo_until is not None
    assert await inbox.expire() == ()
    assert run.got == []
    await asyncio.sleep(SHORT)
    await inbox.expire()
    await inbox.expire()
    assert run.got == [("run-1", "2", answer)]
    assert (await inbox.show(proposal.id, AMIRA)).item.undo_until is None
    with _conflict("undo"):
        await inbox.undo(proposal.id, AMIRA)


async def test_an_answer_taken_back_is_asked_again_and_its_approval_opens_nothing(
    database: Database, run: FakeResumer
) -> None:
    inbox = _inbox(database, run, LONG)
    proposal = await ask(database, inbox)
    answer = await _yes(inbox, proposal)
    item = await inbox.undo(proposal.id, AMIRA)
    assert (item.state, item.answer, item.given, item.undo_until) == ("open", None, 0, None)
    assert answer.approval is not None
    found = await find_approval(database, answer.approval)
    assert found is not None
    assert found.approvals == ()
    async with database.transaction() as tx:
        with pytest.raises(ConflictError, match="took it back"):
            await use_approval(tx, answer.approval, effect="e", subject=found.approval.subject)
    again = await _yes(inbox, proposal)
    assert again.approval != answer.approval
    assert await _kinds(database, proposal) == ["proposed", "approved", "undone", "approved"]
    with pytest.raises(DataError, match="never changed"):
        await database.execute("update decisions_approval set undone_at = null")


async def test_the_door_is_shut_during_the_grace(database: Database, run: FakeResumer) -> None:
    inbox = _inbox(database, run, LONG)
    answer = await _yes(inbox, await ask(database, inbox))
    assert answer.approval is not None
    found = await find_approval(database, answer.approval)
    assert found is not None
    assert found.approval.not_before - found.approval.at == timedelta(seconds=LONG)
    assert found.approval.expiry - found.approval.not_before == timedelta(days=1)
    async with database.transaction() as tx:
        with pytest.raises(ConflictError, match="time has not come"):
            await use_approval(tx, answer.approval, effect="e", subject=found.approval.subject)


async def test_a_no_can_be_taken_back_too(database: Database, run: FakeResumer) -> None:
    inbox = _inbox(database, run, LONG)
    proposal = await ask(database, inbox)
    await inbox.reject(proposal.id, AMIRA, "slip of the mouse")
    assert (await inbox.undo(proposal.id, AMIRA)).state == "open"


async def test_only_ones_own_answer_is_taken_back(database: Database, run: FakeResumer) -> None:
    inbox = _inbox(database, run, LONG)
    proposal = await ask(database, inbox, quorum=Quorum(count=2))
    with _conflict("undo"):
        await inbox.undo(proposal.id, AMIRA)
    await _yes(inbox, proposal, AMIRA)
    await _yes(inbox, proposal, BO)
    # The one who did not close it may not reopen it.
    with _conflict("undo"):
        await inbox.undo(proposal.id, AMIRA)
    item = await inbox.undo(proposal.id, BO)
    assert (item.state, item.given) == ("open", 1)
    assert (await inbox.undo(proposal.id, AMIRA)).given == 0
    with pytest.raises(DeniedError):
        await inbox.undo(proposal.id, Principal(id=BO.id, kind="service", groups=BO.groups))
    with pytest.raises(UsageError, match="no proposal"):
        await inbox.undo(proposal.id, Principal(id="stranger"))


async def test_without_grace_a_voice_may_be_taken_back_only_while_more_are_needed(
    database: Database, run: FakeResumer
) -> None:
    inbox = _inbox(database, run)
    proposal = await ask(database, inbox, quorum=Quorum(count=2))
    await _yes(inbox, proposal, AMIRA)
    assert (await inbox.undo(proposal.id, AMIRA)).given == 0
    await _yes(inbox, proposal, AMIRA)
    await _yes(inbox, proposal, BO)
    with _conflict("undo"):
        await inbox.undo(proposal.id, BO)


async def test_a_run_that_went_on_during_the_grace_withdraws_the_answer(
    database: Database, run: FakeResumer
) -> None:
    inbox = _inbox(database, run, LONG)
    proposal = await ask(database, inbox)
    await _yes(inbox, proposal)
    async with database.transaction() as tx:
        assert await inbox.withdraw(tx, "run-1", "2", reason="a hold came first") == 1
    assert (await find_decision(database, proposal.id)).state == "withdrawn"


async def test_an_answer_that_nobody_waits_for_after_the_grace_is_withdrawn(
    database: Database, run: FakeResumer
) -> None:
    inbox = _inbox(database, run, 0.01)
    proposal = await ask(database, inbox)
    answer = await _yes(inbox, proposal)
    run.waiting = False
    await asyncio.sleep(0.02)
    await inbox.expire()
    decision = await find_decision(database, proposal.id)
    assert decision.state == "withdrawn"
    assert answer.approval is not None
    async with database.transaction() as tx:
        with pytest.raises(ConflictError, match="stands as 'withdrawn'"):
            await use_approval(tx, answer.approval, effect="e", subject=decision.approvals[0].subject)


async def test_handing_on_is_tried_again_and_done_by_one_of_many(
    database: Database, run: FakeResumer
) -> None:
    inbox = _inbox(database, run, 0.01)
    proposal = await ask(database, inbox)
    await _yes(inbox, proposal)
    await asyncio.sleep(0.02)
    run.error = DataError("run blocked")
    with pytest.raises(DataError, match="run blocked"):
        await inbox.expire()
    run.error = None
    await asyncio.gather(*(inbox.expire() for _ in range(4)))
    assert len(run.got) == 1
    # Found due, but told or taken back before it was locked: left alone.
    clockwork = inbox._clockwork  # pyright: ignore[reportPrivateUsage]
    await clockwork._hand_on(proposal.id)  # pyright: ignore[reportPrivateUsage]
    await clockwork._remind(proposal.id)  # pyright: ignore[reportPrivateUsage]
    assert len(run.got) == 1


# -- reminding and asking others as well


class _Bell:
    def __init__(self) -> None:
        self.rung: list[tuple[str, int]] = []

    async def remind(self, tx: Tx, item: Item, to: str) -> None:
        self.rung.append((to, item.reminded))


STEPS = (
    Escalation(after=timedelta(milliseconds=100)),
    Escalation(after=timedelta(milliseconds=200), to="leads"),
    Escalation(after=timedelta(hours=1), to="board"),
)


async def test_people_are_reminded_then_others_are_asked_as_well(
    database: Database, run: FakeResumer
) -> None:
    inbox, bell = _inbox(database, run), _Bell()
    inbox.bind(reminder=bell)
    proposal = await ask(database, inbox, escalation=STEPS, deadline=await soon(database, 60))
    await inbox.snooze(proposal.id, AMIRA, await soon(database, 30))
    await inbox.expire()
    assert bell.rung == []
    await asyncio.sleep(0.12)
    await inbox.expire()
    assert bell.rung == [("", 1)]
    (item,) = (await inbox.list(AMIRA)).items
    assert (item.reminded, item.also, item.snoozed_until) == (1, (), None)
    assert (await inbox.list(LEAD)).total == 0
    with pytest.raises(UsageError, match="no proposal"):
        await inbox.show(proposal.id, LEAD)
    await asyncio.sleep(0.1)
    await inbox.expire()
    await inbox.expire()
    assert bell.rung == [("", 1), ("leads", 2)]
    (item,) = (await inbox.list(LEAD, InboxFilter(asked_of="leads"))).items
    assert (item.also, item.state) == (("leads",), "open")
    assert await _kinds(database, proposal) == ["proposed", "snoozed", "reminded", "escalated"]
    assert (await _yes(inbox, proposal, LEAD)).approved
    (voice,) = (await find_decision(database, proposal.id)).approvals
    found = await find_approval(database, voice.id)
    assert found is not None
    assert found.asked == ("desk", "leads")


async def test_an_item_falls_silent_after_its_last_step_and_expires_as_no(
    database: Database, run: FakeResumer
) -> None:
    inbox = _inbox(database, run)
    step = (Escalation(after=timedelta(milliseconds=50), to="leads"),)
    proposal = await ask(database, inbox, escalation=step, deadline=await soon(database, 0.3))
    await asyncio.sleep(0.1)
    for _ in range(2):
        assert await inbox.expire() == ()
    await asyncio.sleep(0.25)
    (answer,) = await inbox.expire()
    assert answer.verdict == "expire"
    assert await _kinds(database, proposal) == ["proposed", "escalated", "expired"]
