"""The ladder and the door: a certificate spares the question, the lot asks afterwards, the switch again."""

from __future__ import annotations

from typing import Any

import pytest
from ladder_world import IDA, JON, QUICK, asked, climb

from pilothouse.decisions import Inbox, Ladder, Rung, Unit
from pilothouse.effects import AskError, Door, EffectRequest, EffectSpec, Outcome
from pilothouse.effects.testing import RUNNER, FakeReceiver, typed_by_hand
from pilothouse.labels import Integrity
from pilothouse.storage import Database

BOOK = EffectSpec(
    tool="book_slot", effect="write", tier=2, steering=("slot",), accepts=Integrity.APPROVED, phrase="{slot}"
)
UNIT = Unit(action="book_slot", tier=2, version="book@v1")


class Yard:
    """A door on a real ladder."""

    def __init__(self, database: Database) -> None:
        self.inbox = Inbox(database)
        self.ladder = Ladder(database, self.inbox, policy=QUICK)
        self.receiver = FakeReceiver()
        self.door = Door(database, self.inbox, ladder=self.ladder)
        self.door.register(BOOK, self.receiver)

    async def book(self, effect_id: str, integrity: Integrity = Integrity.RECORD) -> Outcome:
        args: dict[str, Any] = {"slot": f"07:00 for {effect_id}"}
        return await self.door.perform(
            EffectRequest(
                tool="book_slot",
                args=args,
                effect_id=effect_id,
                principal=RUNNER,
                version="book@v1",
                **typed_by_hand(args, integrity),
            )
        )


async def test_a_certificate_spares_the_question_and_the_lot_asks_afterwards(database: Database) -> None:
    await database.execute("insert into ladder_key (key) values (%(key)s)", {"key": b"k" * 32})
    yard = Yard(database)
    with pytest.raises(AskError):
        await yard.book("run-0:1")
    await climb(yard.ladder, yard.inbox, UNIT)
    drawn = [f"run-{number}:1" for number in range(30) if yard.ladder.drawn(f"run-{number}:1", 0.2)]
    for number in range(30):
        assert (await yard.book(f"run-{number}:1")).state == "done"
    questions = await asked(yard.inbox, "book_slot")
    assert len(questions) == len(drawn) > 0
    await yard.inbox.reject(questions[0], JON, "the slot was taken")
    standing = await yard.ladder.standing(UNIT)
    assert (standing.n, standing.k) == (1, 1)
    [case, *_] = await yard.ladder.cases(UNIT)
    assert case.case in drawn
    assert (case.rung, case.wrong, case.source) == (Rung.SAMPLED, True, "review")


async def test_a_certificate_never_lifts_what_a_stranger_wrote(database: Database) -> None:
    yard = Yard(database)
    await climb(yard.ladder, yard.inbox, UNIT)
    with pytest.raises(AskError):
        await yard.book("run-0:1", Integrity.UNTRUSTED)


async def test_the_switch_brings_the_question_back_before_the_next_effect(database: Database) -> None:
    yard = Yard(database)
    await climb(yard.ladder, yard.inbox, UNIT)
    assert (await yard.book("run-0:1")).state == "done"
    await yard.ladder.drop_all(by=IDA, reason="strange mails")
    with pytest.raises(AskError):
        await yard.book("run-1:1")
    await yard.ladder.lift(by=IDA, reason="it was spam")
    assert (await yard.book("run-1:1")).state == "done"


async def test_a_stale_memory_of_the_rung_opens_nothing(database: Database) -> None:
    yard = Yard(database)
    await climb(yard.ladder, yard.inbox, UNIT)
    known = await yard.ladder.standing(UNIT)

    class Stale(Ladder):
        async def standing(self, unit: Unit) -> Any:
            return known

    stale = Stale(database, yard.inbox, policy=QUICK)
    door = Door(database, yard.inbox, ladder=stale)
    door.register(BOOK, yard.receiver)
    await yard.ladder.demote(UNIT, by=IDA, reason="new camera")
    await Ladder.standing(stale, UNIT)
    yard.door = door
    with pytest.raises(AskError):
        await yard.book("run-1:1")


async def test_shadow_does_nothing_and_says_so(database: Database) -> None:
    yard = Yard(database)
    await yard.ladder.choose(UNIT, Rung.SHADOW, by=IDA, reason="new version")
    assert (await yard.book("run-0:1")).state == "shadowed"
    assert yard.receiver.got == []
