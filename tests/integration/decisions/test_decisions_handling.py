"""What people do with an item beside answering it, what silence means, and what an approval is good for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from pilothouse.audit import entries
from pilothouse.decisions import (
    Answer,
    DecisionsSettings,
    Inbox,
    InboxFilter,
    find_approval,
    find_decision,
    find_ids,
    lineage,
    use_approval,
)
from pilothouse.effects import Door
from pilothouse.effects.testing import (
    AMIRA,
    BO,
    RUNNER,
    FakeResumer,
    ask,
    release_spec,
    soon,
)
from pilothouse.kernel import ConflictError, DataError, DeniedError, Principal, UsageError, new_id
from pilothouse.storage import Database

LEAD = Principal(id="lead.kim", rights=frozenset({"decisions:*"}))
STRANGER = Principal(id="clerk.zoe", rights=frozenset({"decisions:other_tool"}))


@pytest.fixture
def run() -> FakeResumer:
    return FakeResumer()


@pytest.fixture
def inbox(database: Database, run: FakeResumer) -> Inbox:
    inbox = Inbox(database, resumer=run)
    Door(database, inbox).register(release_spec(), _never)
    return inbox


async def _never(call: object) -> None:
    raise AssertionError("nothing is sent in these tests")


def _conflict(code: str) -> Any:
    return pytest.raises(ConflictError, match=rf"\[decisions\.{code}\]")


# -- claiming


async def test_a_claim_locks_out_others_until_released(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    item = await inbox.claim(proposal.id, AMIRA)
    assert item.claimed_by == AMIRA.id
    for verb in (inbox.claim(proposal.id, BO), inbox.approve(proposal.id, BO, typed="4565")):
        with _conflict("claimed"):
            await verb
    assert (await inbox.release(proposal.id, BO)).claimed_by == AMIRA.id
    assert (await inbox.claim(proposal.id, AMIRA)).claimed_until > item.claimed_until  # type: ignore[operator]
    assert (await inbox.release(proposal.id, AMIRA)).claimed_by is None
    assert (await inbox.approve(proposal.id, BO, typed="4565")).approved


async def test_a_forgotten_claim_runs_out_by_the_databases_clock(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    await inbox.claim(proposal.id, AMIRA, lease=0.05)
    await asyncio.sleep(0.06)
    assert (await inbox.claim(proposal.id, BO)).claimed_by == BO.id


async def test_claiming_the_next_gives_each_clerk_another_item(database: Database, inbox: Inbox) -> None:
    for _ in range(4):
        await ask(database, inbox)
    taken = await asyncio.gather(*(inbox.claim_next(who) for who in (AMIRA, BO, LEAD)))
    assert len({item.id for item in taken if item}) == 3
    await inbox.claim_next(replace(BO, id="clerk.cem"))
    assert await inbox.claim_next(replace(BO, id="clerk.dan")) is None


async def test_claiming_the_next_passes_over_what_a_faster_colleague_took(
    database: Database, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await ask(database, inbox), await ask(database, inbox)
    page = await inbox.list(AMIRA)
    await inbox.claim(first.id, BO)

    async def before_bo_claimed(*args: object) -> Any:
        return page

    monkeypatch.setattr(inbox, "list", before_bo_claimed)
    item = await inbox.claim_next(AMIRA)
    assert item is not None
    assert item.id == second.id


# -- editing


async def test_an_edit_asks_anew_and_the_old_question_is_closed(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    parent = await ask(database, inbox)
    other = {"container": "TGHU7654321", "party": "ACME"}
    child = await inbox.edit(parent.id, AMIRA, other)
    assert run.got == []
    assert [item.id for item in (await inbox.list(AMIRA)).items] == [child.id]
    assert await inbox.edit(parent.id, BO, other) == child
    with _conflict("superseded"):
        await inbox.edit(parent.id, BO, {**other, "party": "X"})
    with _conflict("superseded"):
        await inbox.approve(parent.id, BO, typed="4565")
    with pytest.raises(DeniedError):
        await inbox.approve(child.id, AMIRA, typed="4321")
    answer = await inbox.approve(child.id, BO, typed="4321")
    assert (answer.edited, answer.args, answer.proposal) == (True, other, child.id)
    assert run.got == [("run-1", "2", answer)]
    assert await lineage(database, child.id) == (parent, child)
    assert (await find_decision(database, parent.id)).state == "superseded"


# -- snoozing and delegating


async def test_a_snoozed_item_comes_back_and_never_sleeps_past_its_deadline(
    database: Database, inbox: Inbox
) -> None:
    proposal = await ask(database, inbox, deadline=await soon(database, 60))
    naive = datetime(2030, 1, 1)
    for until in (await soon(database, -1), await soon(database, 61), naive):
        with pytest.raises(UsageError, match="cannot snooze"):
            await inbox.snooze(proposal.id, AMIRA, until)
    asleep = await inbox.snooze(proposal.id, AMIRA, await soon(database, 0.15))
    assert asleep.snoozed_until is not None
    assert (await inbox.list(AMIRA)).total == 0
    assert (await inbox.list(AMIRA, InboxFilter(snoozed=True))).total == 1
    await asyncio.sleep(0.16)
    (item,) = (await inbox.list(AMIRA)).items
    assert item.snoozed_until is None


async def test_a_delegate_alone_answers_and_is_recorded_as_b_for_a(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    item = await inbox.delegate(proposal.id, LEAD, AMIRA)
    assert (item.delegated_to, item.delegated_by) == (AMIRA.id, LEAD.id)
    with _conflict("delegated"):
        await inbox.approve(proposal.id, BO, typed="4565")
    with pytest.raises(UsageError, match="hand it back"):
        await inbox.delegate(proposal.id, AMIRA, BO)
    answer = await inbox.approve(proposal.id, AMIRA, typed="4565")
    (approval,) = (await find_decision(database, answer.proposal)).approvals
    assert (approval.approver, approval.delegated_by) == (AMIRA.id, LEAD.id)


async def test_a_delegated_item_can_be_handed_back_or_taken_over(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    await inbox.delegate(proposal.id, LEAD, AMIRA)
    assert (await inbox.delegate(proposal.id, AMIRA, LEAD)).delegated_to is None
    await inbox.delegate(proposal.id, LEAD, AMIRA)
    with _conflict("delegated"):
        await inbox.delegate(proposal.id, BO, LEAD)
    assert (await inbox.delegate(proposal.id, BO, BO)).delegated_to is None
    assert (await inbox.approve(proposal.id, BO, typed="4565")).approved


@pytest.mark.parametrize(
    "to", [STRANGER, replace(AMIRA, kind="service"), replace(AMIRA, id=RUNNER.id), Principal(id="nobody")]
)
async def test_delegating_to_someone_who_may_not_answer_is_refused(
    database: Database, inbox: Inbox, to: Principal
) -> None:
    proposal = await ask(database, inbox)
    with pytest.raises(UsageError, match="choose a person who may"):
        await inbox.delegate(proposal.id, AMIRA, to)


# -- silence and withdrawal


async def test_silence_is_no(database: Database, inbox: Inbox, run: FakeResumer) -> None:
    proposal = await ask(database, inbox, deadline=await soon(database, -1))
    other = await ask(database, inbox, deadline=await soon(database, 60))
    (answer,) = await inbox.expire()
    assert (answer.proposal, answer.approved, answer.verdict, answer.approval) == (
        proposal.id,
        False,
        "expire",
        None,
    )
    assert [one[2] for one in run.got] == [answer]
    assert await inbox.expire() == ()
    # Found due, but moved before it was locked: left alone.
    assert await inbox._clockwork.expire(other.id) is None  # pyright: ignore[reportPrivateUsage]
    assert await inbox._clockwork.expire(proposal.id) is None  # pyright: ignore[reportPrivateUsage]
    assert (await find_decision(database, other.id)).state == "open"


@pytest.mark.parametrize("verb", ["approve", "reject", "edit", "claim"])
async def test_too_late_is_recorded_as_no_whatever_was_said(
    database: Database, inbox: Inbox, run: FakeResumer, verb: str
) -> None:
    proposal = await ask(database, inbox, deadline=await soon(database, -1))
    verbs = {
        "approve": lambda: inbox.approve(proposal.id, AMIRA, typed="4565"),
        "reject": lambda: inbox.reject(proposal.id, AMIRA, "no"),
        "edit": lambda: inbox.edit(proposal.id, AMIRA, {"container": "X", "party": "Y"}),
        "claim": lambda: inbox.claim(proposal.id, AMIRA),
    }
    with _conflict("expired"):
        await verbs[verb]()
    assert [one[2].verdict for one in run.got] == ["expire"]
    with _conflict("answered"):
        await inbox.approve(proposal.id, AMIRA, typed="4565")


async def test_one_item_that_cannot_expire_does_not_hold_up_the_others(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    deadline = await soon(database, -1)
    bad = await ask(database, inbox, deadline=deadline, kind="nobody.home")
    await ask(database, inbox, deadline=deadline, kind="nobody.home")
    good = await ask(database, inbox, deadline=deadline)
    with pytest.raises(UsageError, match=r"nobody\.home"):
        await inbox.expire()
    assert (await find_decision(database, good.id)).state == "expired"
    assert (await find_decision(database, bad.id)).state == "open"


async def test_expiry_and_a_clerk_at_the_same_moment_agree(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    proposal = await ask(database, inbox, deadline=await soon(database, -1))
    await asyncio.gather(
        inbox.expire(),
        inbox.expire(),
        inbox.approve(proposal.id, AMIRA, typed="4565"),
        return_exceptions=True,
    )
    assert [one[2].verdict for one in run.got] == ["expire"]


async def test_a_withdrawn_question_cannot_be_answered_and_wakes_nobody(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    proposal = await ask(database, inbox)
    other = await ask(database, inbox, key="9")
    async with database.transaction() as tx:
        assert await inbox.withdraw(tx, "run-1", "2", reason="a hold came first") == 1
        assert await inbox.withdraw(tx, "run-1", "2", reason="again") == 0
    assert run.got == []
    decision = await find_decision(database, proposal.id)
    assert decision.answer is not None
    assert (decision.state, decision.answer.reason) == ("withdrawn", "a hold came first")
    with _conflict("answered"):
        await inbox.approve(proposal.id, AMIRA, typed="4565")
    assert (await find_decision(database, other.id)).state == "open"


@pytest.mark.parametrize("verb", ["approve", "reject"])
async def test_an_answer_that_no_run_waits_for_is_not_stored_and_the_item_goes(
    database: Database, inbox: Inbox, run: FakeResumer, verb: str
) -> None:
    run.waiting = False
    proposal = await ask(database, inbox)
    said = (
        inbox.approve(proposal.id, AMIRA, typed="4565")
        if verb == "approve"
        else inbox.reject(proposal.id, AMIRA, "no")
    )
    with pytest.raises(ConflictError, match="nothing was decided"):
        await said
    decision = await find_decision(database, proposal.id)
    assert (decision.state, decision.approvals) == ("withdrawn", ())
    with _conflict("answered"):
        await inbox.approve(proposal.id, AMIRA, typed="4565")


async def test_two_late_answers_withdraw_once(database: Database, inbox: Inbox, run: FakeResumer) -> None:
    run.waiting = False
    proposal = await ask(database, inbox)
    await asyncio.gather(
        *(inbox.approve(proposal.id, who, typed="4565") for who in (AMIRA, BO, AMIRA, BO)),
        return_exceptions=True,
    )
    log = await entries(database, proposals=[proposal.id])
    assert [item.entry.kind for item in log] == ["decisions.proposed", "decisions.withdrawn"]


async def test_silence_closes_an_item_though_nothing_waits(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    run.waiting = False
    await ask(database, inbox, deadline=await soon(database, -1))
    assert [answer.verdict for answer in await inbox.expire()] == ["expire"]
    assert await inbox.expire() == ()


async def test_a_withdrawal_between_the_answer_and_its_failure_stands(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    run.waiting = False
    proposal = await ask(database, inbox)
    async with database.transaction() as tx:
        await inbox.withdraw(tx, "run-1", "2", reason="first")
    await inbox._turns.gone(proposal.id, "second")  # pyright: ignore[reportPrivateUsage]
    decision = await find_decision(database, proposal.id)
    assert decision.answer is not None
    assert decision.answer.reason == "first"


async def test_ids_are_found_by_their_ending_and_by_nothing_cleverer(
    database: Database, inbox: Inbox
) -> None:
    proposal = await ask(database, inbox)
    assert await find_ids(database, str(proposal.id)[-8:].upper()) == [proposal.id]
    assert await find_ids(database, "%") == []


async def test_a_deadlock_with_the_engine_is_tried_again(
    database: Database, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = await ask(database, inbox)
    tries: list[int] = []
    turns = inbox._turns  # pyright: ignore[reportPrivateUsage]
    once = turns.once

    async def unlucky(*args: Any, **options: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise ConflictError("deadlock detected", code="storage.serialization")
        return await once(*args, **options)

    monkeypatch.setattr(turns, "once", unlucky)
    assert (await inbox.approve(proposal.id, AMIRA, typed="4565")).approved

    async def hopeless(*args: Any, **options: Any) -> Any:
        tries.append(1)
        raise ConflictError("deadlock detected", code="storage.serialization")

    tries.clear()
    monkeypatch.setattr(turns, "once", hopeless)
    with pytest.raises(ConflictError, match="deadlock"):
        await inbox.reject(proposal.id, AMIRA, "no")
    assert len(tries) == 3


# -- using an approval


async def _use(
    database: Database, answer: Answer, *, effect: str = "run-1:3", subject: str | None = None
) -> None:
    assert answer.approval is not None
    found = await find_approval(database, answer.approval)
    assert found is not None
    async with database.transaction() as tx:
        await use_approval(tx, answer.approval, effect=effect, subject=subject or found.approval.subject)


async def test_an_approval_is_used_once(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    answer = await inbox.approve(proposal.id, AMIRA, typed="4565")
    await _use(database, answer)
    with pytest.raises(ConflictError, match="used by effect 'run-1:3'"):
        await _use(database, answer, effect="run-1:4")
    with pytest.raises(ConflictError, match="used by effect"):
        await _use(database, answer)


async def test_an_approval_of_another_call_is_void(database: Database, inbox: Inbox) -> None:
    answer = await inbox.approve((await ask(database, inbox)).id, AMIRA, typed="4565")
    with pytest.raises(ConflictError, match="given for another call"):
        await _use(database, answer, subject="ab" * 32)


async def test_a_no_opens_nothing(database: Database, inbox: Inbox) -> None:
    answer = await inbox.reject((await ask(database, inbox)).id, AMIRA, "no")
    with pytest.raises(ConflictError, match="the person said no"):
        await _use(database, answer)


async def test_an_expired_and_an_early_approval_open_nothing(database: Database, run: FakeResumer) -> None:
    inbox = Inbox(database, resumer=run, settings=DecisionsSettings(approval_lifetime=0.001))
    answer = await inbox.approve((await ask(database, inbox)).id, AMIRA, typed="4565")
    await asyncio.sleep(0.002)
    with pytest.raises(ConflictError, match="has expired"):
        await _use(database, answer)
    await database.execute("alter table decisions_approval disable trigger user")
    await database.execute(
        "update decisions_approval set not_before = clock_timestamp() + interval '1 hour', "
        "expiry = clock_timestamp() + interval '2 hours'"
    )
    with pytest.raises(ConflictError, match="time has not come"):
        await _use(database, answer)


async def test_an_invented_approval_opens_nothing(database: Database) -> None:
    async with database.transaction() as tx:
        with pytest.raises(ConflictError, match="does not exist"):
            await use_approval(tx, new_id(), effect="e", subject="")
    assert await find_approval(database, new_id()) is None


@pytest.mark.parametrize(
    "statement",
    [
        "update decisions_approval set approver = 'mallory'",
        "update decisions_approval set expiry = expiry + interval '1 year'",
        "update decisions_approval set used_at = clock_timestamp(), used_by = 'e', subject = 'x'",
        "delete from decisions_approval",
        "truncate decisions_approval",
    ],
)
async def test_an_approval_is_never_changed_or_deleted(
    database: Database, inbox: Inbox, statement: str
) -> None:
    await inbox.approve((await ask(database, inbox)).id, AMIRA, typed="4565")
    with pytest.raises(DataError, match=r"refused|never changed"):
        await database.execute(statement)  # type: ignore[arg-type]


async def test_a_used_approval_is_not_made_unused(database: Database, inbox: Inbox) -> None:
    answer = await inbox.approve((await ask(database, inbox)).id, AMIRA, typed="4565")
    await _use(database, answer)
    with pytest.raises(DataError, match="used once"):
        await database.execute("update decisions_approval set used_at = null, used_by = null")


async def test_the_system_sees_every_item_it_must_close(database: Database, inbox: Inbox) -> None:
    with pytest.raises(UsageError, match="check the id"):
        await find_decision(database, new_id())


async def test_every_change_is_in_the_log(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    await inbox.snooze(proposal.id, AMIRA, await soon(database, 60))
    await inbox.delegate(proposal.id, LEAD, AMIRA)
    child = await inbox.edit(proposal.id, AMIRA, {"container": "X1234", "party": "ACME"})
    await inbox.reject(child.id, AMIRA, "no")
    log = await entries(database, proposals=[proposal.id, child.id])
    assert [(item.entry.kind, item.entry.actor) for item in log] == [
        ("decisions.proposed", RUNNER.id),
        ("decisions.snoozed", AMIRA.id),
        ("decisions.delegated", LEAD.id),
        ("decisions.proposed", AMIRA.id),
        ("decisions.edited", AMIRA.id),
        ("decisions.rejected", AMIRA.id),
    ]
    assert [len(item.entry.refs) for item in log] == [2, 1, 1, 2, 1, 1]
