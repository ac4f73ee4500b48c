"""What people are asked about cases: reviews of drawn effects, and ordinary decisions, become labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from ladder_world import IDA, JON, QUICK, UNIT, asked, climb

from pilothouse.decisions import Inbox, Proposal, Rung, catches
from pilothouse.decisions.ladder import Ladder, LadderPolicy, Unit
from pilothouse.decisions.ladder.judge import unit_of
from pilothouse.effects import Door
from pilothouse.effects.testing import AMIRA, BO, FakeResumer, proposal_for, release_spec
from pilothouse.kernel import Principal
from pilothouse.storage import Database


async def _reviewed(ladder: Ladder, database: Database, effect_id: str, unit: Unit = UNIT) -> UUID:
    async with database.transaction() as tx:
        return await ladder.review(
            tx,
            unit,
            effect_id,
            title="Was it right to book 07:00?",
            principal="book-flow",
            proposer="book@v1",
            args={"slot": "07:00"},
        )


async def test_the_answer_to_a_review_is_the_effects_label(
    ladder: Ladder, inbox: Inbox, database: Database
) -> None:
    await climb(ladder, inbox, UNIT)
    right = await _reviewed(ladder, database, "effect-1")
    wrong = await _reviewed(ladder, database, "effect-2")
    await _reviewed(ladder, database, "effect-3")
    assert (await ladder.standing(UNIT)).n == 0
    assert await ladder.cases(UNIT, limit=2) != ()
    await inbox.approve(right, JON)
    await inbox.reject(wrong, JON, "it was taken")
    standing = await ladder.standing(UNIT)
    assert (standing.n, standing.k) == (2, 1)
    first, second, *_ = await ladder.cases(UNIT)
    assert (first.case, first.wrong, first.source, first.rung) == ("effect-2", True, "review", Rung.SAMPLED)
    assert (second.case, second.wrong, second.counted) == ("effect-1", False, True)
    assert len(await asked(inbox, "book_slot")) == 1


async def test_a_review_counts_for_the_rung_the_effect_was_done_on(
    ladder: Ladder, inbox: Inbox, database: Database
) -> None:
    await climb(ladder, inbox, UNIT)
    question = await _reviewed(ladder, database, "effect-1")
    await ladder.demote(UNIT, by=IDA, reason="new camera")
    await inbox.approve(question, JON)
    assert (await ladder.standing(UNIT)).n == 0
    [case, *_] = await ladder.cases(UNIT)
    assert (case.case, case.rung) == ("effect-1", Rung.SAMPLED)


async def test_a_reviewed_good_case_waits_for_its_settle_time(
    build: Callable[[LadderPolicy], Ladder], inbox: Inbox, database: Database
) -> None:
    ladder = build(replace(QUICK, settle_days={1: 30}))
    question = await _reviewed(ladder, database, "effect-1")
    await inbox.approve(question, JON)
    assert (await ladder.standing(UNIT)).n == 0
    await database.execute("update ladder_label set counts_at = clock_timestamp()")
    assert await ladder.sweep() == 1
    assert (await ladder.standing(UNIT)).n == 1


@pytest.mark.parametrize(("counts", "bad"), [("wrong", 1), ("ignored", 0)])
async def test_a_review_that_nobody_answers_counts_as_the_policy_says(
    build: Callable[[LadderPolicy], Ladder], inbox: Inbox, database: Database, counts: str, bad: int
) -> None:
    ladder = build(replace(QUICK, unreviewed=counts, ask_days=1e-9))  # type: ignore[arg-type]
    await _reviewed(ladder, database, "effect-1")
    [answer] = await inbox.expire()
    assert answer.verdict == "expire"
    standing = await ladder.standing(UNIT)
    assert (standing.n, standing.k) == (bad, bad)
    assert [case.source for case in await ladder.cases(UNIT)] == ["unreviewed"] * bad


async def _desk(database: Database) -> Inbox:
    inbox = Inbox(database, resumer=FakeResumer())
    Door(database, inbox).register(release_spec(), _never)
    return inbox


async def _never(call: object) -> None:
    raise AssertionError("nothing is sent in these tests")


async def _put(inbox: Inbox, database: Database, proposal: Proposal) -> UUID:
    async with database.transaction() as tx:
        await inbox.propose(tx, proposal)
    return proposal.id


async def test_ordinary_decisions_become_labels(database: Database) -> None:
    inbox = await _desk(database)
    ladder = Ladder(database, inbox, policy=QUICK)
    ladder.follow_decisions()
    unit = Unit(action="release_container", tier=4, version="release@7")
    yes, no = proposal_for(), proposal_for()
    late = proposal_for()
    for proposal in (yes, no, late):
        assert unit_of(proposal) == unit
        await _put(inbox, database, proposal)
    await inbox.approve(yes.id, BO, typed="MSCU1234565")
    await inbox.reject(no.id, BO, "customs holds it")
    standing = await ladder.standing(unit)
    assert (standing.n, standing.k) == (2, 1)
    cases = {case.case: case.wrong for case in await ladder.cases(unit)}
    assert cases == {str(yes.id): False, str(no.id): True}
    # An edit says that what was proposed was not right.
    child = await inbox.edit(late.id, BO, {"container": "MSCU1234565", "party": "OTHER"})
    await inbox.approve(child.id, AMIRA, typed="MSCU1234565")
    assert (await ladder.standing(unit)).k == 2


async def test_a_question_that_opens_no_door_is_nobodys_label(database: Database) -> None:
    inbox = await _desk(database)
    ladder = Ladder(database, inbox, policy=QUICK)
    ladder.follow_decisions()
    judgement = proposal_for(tool=None, topic="release_container", tier=1)
    assert unit_of(judgement) is None
    await _put(inbox, database, judgement)
    await inbox.approve(judgement.id, BO)
    assert await ladder.standings() == ()
    assert unit_of(proposal_for(workflow="")) == Unit(action="release_container", tier=4)


async def test_silence_on_an_ordinary_decision_is_no_label(database: Database) -> None:
    inbox = await _desk(database)
    ladder = Ladder(database, inbox, policy=QUICK)
    ladder.follow_decisions()
    now = await database.fetch_value("select clock_timestamp()")
    await _put(inbox, database, proposal_for(deadline=now))
    [answer] = await inbox.expire()
    assert answer.verdict == "expire"
    assert await ladder.standings() == ()


async def test_the_inboxs_samples_tell_how_well_people_look(database: Database) -> None:
    inbox = await _desk(database)
    ladder = Ladder(database, inbox, policy=replace(QUICK, catch="measured"))
    unit = Unit(action="release_container", tier=4, version="release@7")
    await ladder.label(unit, "x", wrong=False, source="test")
    await ladder.sweep()
    assert (await ladder.standing(unit)).catch == 0.0
    planter = Principal(id="owner.ida", rights=frozenset({"*"}))
    for _ in range(49):
        await _put(inbox, database, proposal_for(run=None, key=None))
    async with database.transaction() as tx:
        sample = await inbox.seed(
            tx,
            proposal_for(run=None, key=None),
            fault="the invoice is open",
            by=planter,
        )
    await inbox.reject(sample.id, BO, "the invoice is open")
    assert await catches(database, "release_container") == await catches(database)
    await ladder.sweep()
    assert (await ladder.standing(unit)).catch > 0
    assert [one.unit for one in await ladder.standings()] == [unit]
