"""What the door does when an answer is lost: send again where that is safe, look, or ask; never guess."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pilothouse.audit import entries
from pilothouse.decisions import Inbox, InboxFilter
from pilothouse.effects import (
    Door,
    EffectCall,
    EffectRequest,
    EffectSpec,
    EffectsSettings,
    Outcome,
    Probed,
    explain,
)
from pilothouse.effects.once import ledger
from pilothouse.effects.testing import RUNNER, FakeReceiver, typed_by_hand
from pilothouse.kernel import ConflictError, DataError, DeniedError, Principal, UnavailableError, UsageError
from pilothouse.labels import Integrity
from pilothouse.storage import Database

CLERK = Principal(id="clerk.amira", rights=frozenset({"decisions:pay", "effects:halt"}))
PAY = EffectSpec(tool="pay", effect="write", tier=2, accepts=Integrity.RECORD, steering=("to",), version="1")
SAFE = replace(PAY, idempotent_by_effect_id=True)
ARGS = {"to": "ACME"}
REQUEST = EffectRequest(
    tool="pay", args=ARGS, effect_id="run-1:3", principal=RUNNER, run="run-1", **typed_by_hand(ARGS)
)
LOST = UnavailableError("line cut")


class Bank:
    """A door with one tool and the bank behind it; lapse() plays the death of the process."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.bank = FakeReceiver()
        self.settings = EffectsSettings(**{"patience": 0, "sweep_grace": 0, "attempts": 3, **settings})
        self.inbox = Inbox(database)
        self.door = Door(database, self.inbox, settings=self.settings)

    def probing(self, spec: EffectSpec = PAY) -> EffectSpec:
        """Return the declaration with the bank's probe, registered."""
        return self.register(replace(spec, probe=self.bank.probe))

    def register(self, spec: EffectSpec) -> EffectSpec:
        """Register ``spec`` with the bank."""
        self.door.register(spec, self.bank)
        return spec

    async def left_behind(self, *, sent: bool, lapse: bool = True) -> None:
        """Leave an intent as a process does that was killed before or after sending."""

        sending = asyncio.Event()

        async def dies(call: EffectCall) -> None:
            if sent:
                self.bank.done[call.effect_id] = dict(call.args)
            sending.set()
            await asyncio.sleep(3600)

        spec = self.door.spec("pay")
        self.door.register(spec, dies)
        task = asyncio.create_task(self.door.perform(REQUEST))
        await sending.wait()
        for one in asyncio.all_tasks():
            if one is not asyncio.current_task() and one is not task and "_first" in repr(one):
                one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        self.door.register(spec, self.bank)
        if lapse:
            await self.lapse()

    async def lapse(self) -> None:
        """Let the lease run out."""
        await self.database.execute(
            "update effects_effect set lease_until = clock_timestamp() where state = 'intent'"
        )

    async def question(self) -> Any:
        """Return the only open question."""
        (item,) = (await self.inbox.list(CLERK)).items
        return await self.inbox.show(item.id, CLERK)

    async def log(self) -> list[str]:
        """Return the kinds logged about the effect."""
        return [item.entry.kind for item in await entries(self.database, effect="run-1:3")]


@pytest.fixture
def bank(database: Database) -> Bank:
    return Bank(database)


# -- the answer is lost while we listen


async def test_a_safe_tool_is_performed_again_with_the_same_id(bank: Bank) -> None:
    bank.register(SAFE)
    bank.bank.after = [LOST]
    with pytest.raises(UnavailableError, match="perform the same effect id again") as caught:
        await bank.door.perform(REQUEST)
    assert caught.value.code == "effects.unanswered"
    assert caught.value.retry_after == LOST.retry_after
    assert (await bank.door.perform(REQUEST)).state == "done"
    assert [call.effect_id for call in bank.bank.got] == ["run-1:3"] * 2
    assert list(bank.bank.done) == ["run-1:3"]
    assert await bank.log() == ["effects.intent", "effects.taken_over", "effects.done"]


async def test_rubbish_instead_of_an_answer_leaves_open_whether_it_happened(bank: Bank) -> None:
    bank.register(SAFE)
    bank.bank.after = [DataError("<html>")]
    with pytest.raises(UnavailableError, match="<html>"):
        await bank.door.perform(REQUEST)
    assert (await bank.door.perform(REQUEST)).state == "done"


async def test_after_too_many_attempts_a_person_is_asked(bank: Bank) -> None:
    bank.register(SAFE)
    bank.bank.before = [LOST] * 9
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await bank.door.perform(REQUEST)
    outcome = await bank.door.perform(REQUEST)
    assert outcome.state == "unknown"
    assert len(bank.bank.got) == 3
    assert (await bank.question()).proposal.args == {"effect": "run-1:3"}


async def test_a_probe_that_saw_it_closes_the_effect(bank: Bank) -> None:
    bank.probing()
    bank.bank.after = [LOST]
    outcome = await bank.door.perform(REQUEST)
    assert (outcome.state, outcome.result) == ("done", {"reference": "R-run-1:3"})
    assert len(bank.bank.got) == 1


async def test_a_probe_that_did_not_see_it_lets_it_be_sent_again(bank: Bank) -> None:
    bank.probing()
    bank.bank.before = [LOST]
    with pytest.raises(UnavailableError, match="line cut"):
        await bank.door.perform(REQUEST)
    assert (await bank.door.perform(REQUEST)).state == "done"
    assert len(bank.bank.got) == 2
    assert len(bank.bank.done) == 1


async def test_a_probe_that_cannot_tell_or_breaks_asks_a_person(database: Database) -> None:
    for n, knows in enumerate([Probed(state="unknown", result="two entries"), RuntimeError("boom")]):
        bank = Bank(database)
        bank.probing()
        bank.bank.after, bank.bank.knows = [LOST], knows
        outcome = await bank.door.perform(replace(REQUEST, effect_id=f"e:{n}"))
        assert outcome.state == "unknown"
        assert outcome.reasons[0] == "effects.unknown"
    assert (await bank.inbox.list(CLERK)).total == 2


async def test_a_probe_that_is_away_is_asked_later(bank: Bank) -> None:
    bank.probing()
    bank.bank.after, bank.bank.knows = [LOST], UnavailableError("bank closed", retry_after=9)
    with pytest.raises(UnavailableError, match="bank closed") as caught:
        await bank.door.perform(REQUEST)
    assert caught.value.retry_after == 9
    bank.bank.knows = None
    assert (await bank.door.perform(REQUEST)).state == "done"
    assert len(bank.bank.got) == 1


async def test_without_probe_or_idempotency_a_person_is_asked_at_once(bank: Bank) -> None:
    bank.register(PAY)
    bank.bank.after = [RuntimeError("boom")]
    outcome = await bank.door.perform(REQUEST)
    assert outcome.state == "unknown"
    assert "RuntimeError: boom" in outcome.reasons[1]
    assert await bank.door.perform(REQUEST) == outcome
    assert len(bank.bank.got) == 1


# -- the process is gone


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize("by", ["perform", "sweep"])
async def test_a_safe_tool_left_behind_is_sent_with_the_same_id(bank: Bank, sent: bool, by: str) -> None:
    bank.register(SAFE)
    await bank.left_behind(sent=sent)
    outcome = await bank.door.perform(REQUEST) if by == "perform" else (await bank.door.sweep())[0]
    assert outcome == Outcome(effect_id="run-1:3", state="done", result={"reference": "R-run-1:3"})
    assert list(bank.bank.done) == ["run-1:3"]
    assert bank.bank.got[-1].principal == RUNNER
    assert await bank.door.sweep() == ()
    assert await bank.door.perform(REQUEST) == outcome


@pytest.mark.parametrize(
    ("spec", "seconds"), [(SAFE, 3.0), (PAY, 15.0)], ids=["ignored twice", "counts twice"]
)
async def test_a_dead_holder_keeps_what_may_be_sent_twice_for_less_long(
    bank: Bank, spec: EffectSpec, seconds: float
) -> None:
    bank.register(spec)
    await bank.left_behind(sent=True, lapse=False)
    held = "select extract(epoch from lease_until - intent_at)::float8 from effects_effect"
    assert await bank.database.fetch_value(held) == pytest.approx(seconds, abs=1.0)


@pytest.mark.parametrize("sent", [False, True])
async def test_a_probed_tool_left_behind_happens_exactly_once(bank: Bank, sent: bool) -> None:
    bank.probing()
    await bank.left_behind(sent=sent)
    (outcome,) = await bank.door.sweep()
    assert outcome.state == "done"
    assert len(bank.bank.got) == (0 if sent else 1)
    assert list(bank.bank.done) == ["run-1:3"]


async def test_any_other_tool_left_behind_is_never_sent_again(bank: Bank) -> None:
    bank.register(PAY)
    await bank.left_behind(sent=True)
    (outcome,) = await bank.door.sweep()
    assert outcome.state == "unknown"
    assert bank.bank.got == []
    view = await bank.question()
    assert view.proposal.title == "Did it happen: pay was performed on ACME?"
    assert view.proposal.tool is None


async def test_another_version_of_the_tool_does_not_finish_what_the_old_one_began(bank: Bank) -> None:
    bank.register(SAFE)
    await bank.left_behind(sent=False)
    door = Door(bank.database, bank.inbox, settings=bank.settings)
    door.register(replace(SAFE, version="2"), bank.bank)
    (outcome,) = await door.sweep()
    assert outcome.state == "unknown"
    assert bank.bank.got == []


async def test_a_living_holder_is_not_disturbed(bank: Bank) -> None:
    bank.register(SAFE)
    await bank.left_behind(sent=False)
    await bank.database.execute(
        "update effects_effect set lease_until = clock_timestamp() + interval '1 minute'"
    )
    assert await bank.door.sweep() == ()
    with pytest.raises(UnavailableError, match="being performed by another process"):
        await bank.door.perform(REQUEST)
    assert bank.bank.got == []


async def test_a_sweep_leaves_other_tools_alone_and_passes_over_what_stays_away(bank: Bank) -> None:
    bank.register(SAFE)
    await bank.left_behind(sent=False)
    other = Door(bank.database, bank.inbox, settings=bank.settings)
    assert await other.sweep() == ()
    bank.bank.before = [LOST]
    assert await bank.door.sweep() == ()
    await bank.door.halt(CLERK, "stop")
    assert await bank.door.sweep() == ()
    with pytest.raises(DeniedError, match="halted"):
        await bank.door.perform(REQUEST)
    await bank.door.lift(CLERK, "go")
    (outcome,) = await bank.door.sweep()
    assert outcome.state == "done"


async def test_who_lost_the_right_does_not_finish_it_but_the_sweep_does(bank: Bank) -> None:
    bank.register(SAFE)
    await bank.left_behind(sent=False)
    with pytest.raises(DeniedError, match="effects:pay"):
        await bank.door.perform(replace(REQUEST, principal=replace(RUNNER, rights=frozenset())))
    assert (await bank.door.sweep())[0].state == "done"


async def test_two_sweepers_finish_one_effect_once(database: Database) -> None:
    bank = Bank(database)
    bank.register(SAFE)
    await bank.left_behind(sent=False)
    swept = await asyncio.gather(*(bank.door.sweep() for _ in range(4)))
    assert sum(map(len, swept)) == 1
    assert len(bank.bank.got) == 1


async def test_an_intent_that_was_tried_too_often_by_dying_processes_goes_to_a_person(bank: Bank) -> None:
    bank.register(SAFE)
    await bank.left_behind(sent=False)
    await bank.database.execute("update effects_effect set attempts = 3")
    (outcome,) = await bank.door.sweep()
    assert "no answer after 3 attempts" in outcome.reasons[1]
    assert bank.bank.got == []


async def test_the_race_between_finding_and_taking_is_lost_quietly(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.register(SAFE)
    await bank.left_behind(sent=False)

    async def taken(*args: object) -> None:
        return None

    monkeypatch.setattr(ledger.Ledger, "take_over", taken)
    assert await bank.door.sweep() == ()


# -- leases


async def test_the_lease_is_renewed_while_the_receiver_is_slow(database: Database) -> None:
    bank = Bank(database, lease=0.15)

    async def slow(call: EffectCall) -> str:
        await asyncio.sleep(0.4)
        bank.bank.got.append(call)
        return "sent"

    bank.door.register(SAFE, slow)
    task = asyncio.create_task(bank.door.perform(REQUEST))
    await asyncio.sleep(0.3)
    assert await bank.door.sweep() == ()
    assert (await task).state == "done"
    assert len(bank.bank.got) == 1


async def test_renewing_survives_a_database_that_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank(database, lease=0.6)
    tries: list[int] = []

    async def away(self: object, lease: object) -> bool:
        tries.append(1)
        raise UnavailableError("away")

    async def slow(call: EffectCall) -> str:
        await asyncio.sleep(0.7)
        return "sent"

    bank.door.register(SAFE, slow)
    monkeypatch.setattr(ledger.Ledger, "renew", away)
    assert (await bank.door.perform(REQUEST)).state == "done"
    assert len(tries) > 1


async def test_a_process_that_froze_before_sending_sends_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank(database, lease=0.02)
    bank.register(SAFE)
    begin = ledger.Ledger.begin

    async def freezing(self: ledger.Ledger, *args: Any) -> Any:
        lease = await begin(self, *args)
        await asyncio.sleep(0.03)
        return lease

    monkeypatch.setattr(ledger.Ledger, "begin", freezing)
    with pytest.raises(UnavailableError, match="ran out before it was sent"):
        await bank.door.perform(REQUEST)
    assert bank.bank.got == []


async def test_who_lost_the_lease_while_sending_believes_what_is_stored(bank: Bank) -> None:
    bank.register(SAFE)
    started, go = asyncio.Event(), asyncio.Event()

    async def frozen(call: EffectCall) -> str:
        started.set()
        await go.wait()
        return "late"

    slow = Door(bank.database, bank.inbox, settings=bank.settings)
    slow.register(SAFE, frozen)
    task = asyncio.create_task(slow.perform(REQUEST))
    await started.wait()
    await bank.lapse()
    (outcome,) = await bank.door.sweep()
    go.set()
    assert await task == outcome
    assert outcome.result == {"reference": "R-run-1:3"}
    assert await bank.log() == ["effects.intent", "effects.taken_over", "effects.done", "effects.late"]


async def test_who_lost_the_lease_to_someone_still_at_work_says_so(bank: Bank) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def frozen(call: EffectCall) -> str:
        started.set()
        await go.wait()
        return "late"

    bank.door.register(SAFE, frozen)
    task = asyncio.create_task(bank.door.perform(REQUEST))
    await started.wait()
    await bank.database.execute("update effects_effect set holder = gen_random_uuid()")
    go.set()
    with pytest.raises(UnavailableError, match="being finished by another"):
        await task


async def test_who_lost_the_lease_asks_nobody(bank: Bank) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def frozen(call: EffectCall) -> str:
        started.set()
        await go.wait()
        raise LOST

    bank.door.register(PAY, frozen)
    task = asyncio.create_task(bank.door.perform(REQUEST))
    await started.wait()
    await bank.database.execute("update effects_effect set holder = gen_random_uuid()")
    go.set()
    with pytest.raises(UnavailableError):
        await task
    assert (await bank.inbox.list(CLERK)).total == 0


# -- a person finds out


@pytest.mark.parametrize("done", [True, False])
async def test_a_person_says_what_happened_and_the_same_effect_id_returns_it(bank: Bank, done: bool) -> None:
    bank.register(PAY)
    bank.bank.after = [LOST]
    await bank.door.perform(REQUEST)
    id = (await bank.question()).item.id
    if done:
        await bank.inbox.approve(id, CLERK)
    else:
        await bank.inbox.reject(id, CLERK, "not in the ledger")
    outcome = await bank.door.perform(REQUEST)
    assert outcome.state == ("done" if done else "refused")
    assert outcome.reasons == (
        ("effects.found_done", "clerk.amira")
        if done
        else ("effects.found_not_done", "clerk.amira: not in the ledger")
    )
    assert len(bank.bank.got) == 1
    record = await explain(bank.database, effect_id="run-1:3")
    assert [item.entry.kind for item in record.audit] == [
        "effects.intent",
        "effects.unknown",
        "effects.resolved",
    ]
    assert (await bank.inbox.list(CLERK, InboxFilter())).total == 0


async def test_the_answer_to_such_a_question_opens_no_door(bank: Bank) -> None:
    bank.register(PAY)
    bank.bank.after = [LOST]
    await bank.door.perform(REQUEST)
    answer = await bank.inbox.approve((await bank.question()).item.id, CLERK)
    forged = replace(REQUEST, effect_id="run-1:4", approval=answer.approval)
    with pytest.raises(DeniedError, match=r"\[effects\.forged\]"):
        await bank.door.perform(forged)
    assert len(bank.bank.got) == 1
    assert [item.entry.kind for item in await entries(bank.database, effect="run-1:4")] == ["effects.attack"]


async def test_a_question_about_an_effect_that_is_settled_is_refused(bank: Bank) -> None:
    bank.register(PAY)
    bank.bank.after = [LOST]
    await bank.door.perform(REQUEST)
    id = (await bank.question()).item.id
    await bank.database.execute("update effects_effect set state = 'done'")
    with pytest.raises(ConflictError, match="not of unknown outcome"):
        await bank.inbox.approve(id, CLERK)


async def test_a_question_cannot_be_edited_into_one_about_another_effect(bank: Bank) -> None:
    bank.register(PAY)
    bank.bank.after = [LOST]
    await bank.door.perform(REQUEST)
    with pytest.raises(UsageError, match="cannot be edited"):
        await bank.inbox.edit((await bank.question()).item.id, CLERK, {"effect": "other"})
