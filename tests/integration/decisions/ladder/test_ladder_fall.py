"""Falling: the detector, late outcomes, events, drift, the catch rate, and the one switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from ladder_world import IDA, JON, QUICK, UNIT, Counts, asked, clean, climb

from pilothouse.decisions import Inbox
from pilothouse.decisions.ladder import Ladder, LadderPolicy, Rung, Unit
from pilothouse.decisions.ladder.maths import COLD, binomial_tail, detect, step
from pilothouse.decisions.ladder.moves import ensure
from pilothouse.kernel import ConflictError, DeniedError, Principal, UsageError
from pilothouse.storage import Database


async def _why(ladder: Ladder, unit: Unit = UNIT) -> str:
    return (await ladder.moves(unit))[0].why


async def test_the_detector_takes_a_unit_down_to_approve(ladder: Ladder, inbox: Inbox) -> None:
    await climb(ladder, inbox, UNIT)
    needed = detect([True] * 100, eps=0.2)
    assert needed is not None
    for number in range(needed - 1):
        await ladder.label(UNIT, f"bad-{number}", wrong=True, source="review")
    assert (await ladder.standing(UNIT)).rung == Rung.SAMPLED
    await ladder.label(UNIT, "the last straw", wrong=True, source="review")
    fallen = await ladder.standing(UNIT)
    assert (fallen.rung, fallen.n, fallen.certificate) == (Rung.APPROVE, 0, None)
    assert await _why(ladder) == "ladder.alarm"


async def test_a_late_bad_outcome_makes_the_certificate_void(
    ladder: Ladder, inbox: Inbox, database: Database
) -> None:
    paper = (await climb(ladder, inbox, UNIT)).certificate
    assert paper is not None
    # The case had counted as good for the certificate; its outcome turns out bad while the unit acts.
    assert await ladder.label(UNIT, "c-3", wrong=True, source="complaint")
    test = await database.fetch_one("select n, k from ladder_test where id = %(id)s", {"id": paper.test})
    assert test == {"n": paper.n, "k": 1}
    assert (await ladder.standing(UNIT)).rung == Rung.APPROVE
    assert await _why(ladder) == "ladder.late_outcome"
    # The next one is only counted.
    assert await ladder.label(UNIT, "c-4", wrong=True, source="complaint")
    assert len(await ladder.moves(UNIT)) == 2


async def test_a_certificate_with_evidence_to_spare_survives_a_late_outcome(
    ladder: Ladder, inbox: Inbox
) -> None:
    await clean(ladder, UNIT)
    for number in range(60):
        await ladder.label(UNIT, f"spare-{number}", wrong=False, source="test")
    [question] = await asked(inbox)
    await inbox.approve(question, JON)
    await ladder.label(UNIT, "c-3", wrong=True, source="complaint")
    assert (await ladder.standing(UNIT)).rung == Rung.SAMPLED


async def test_a_late_outcome_on_the_rung_redoes_the_detector(
    ladder: Ladder, inbox: Inbox, database: Database
) -> None:
    await climb(ladder, inbox, UNIT)
    drawn = [f"d-{number}" for number in range(400) if ladder.drawn(f"d-{number}", 0.2)][:6]
    for case in drawn:
        await ladder.label(UNIT, case, wrong=False, source="review")
    await ladder.label(UNIT, drawn[2], wrong=True, source="complaint")
    state: tuple[float, ...] = COLD
    for number in range(6):
        state = step(state, number == 2, 0.2)
    stored = await database.fetch_value("select detector from ladder_test where state = 'open'")
    assert tuple(stored) == pytest.approx(state)
    standing = await ladder.standing(UNIT)
    assert (standing.n, standing.k) == (6, 1)


async def test_late_outcomes_call_where_the_detector_would_have_called_then(
    ladder: Ladder, inbox: Inbox
) -> None:
    await climb(ladder, inbox, UNIT)
    needed = detect([True] * 100, eps=0.2) or 0
    drawn = [f"d-{number}" for number in range(400) if ladder.drawn(f"d-{number}", 0.2)][: needed + 5]
    for case in drawn:
        await ladder.label(UNIT, case, wrong=False, source="review")
    for case in drawn[:needed]:
        assert (await ladder.standing(UNIT)).rung == Rung.SAMPLED
        await ladder.label(UNIT, case, wrong=True, source="complaint")
    # The five good cases after them would have calmed it by now.
    assert (await ladder.standing(UNIT)).rung == Rung.APPROVE
    assert await _why(ladder) == "ladder.alarm"


async def test_a_critical_error_takes_a_unit_down_at_once(ladder: Ladder, inbox: Inbox) -> None:
    await climb(ladder, inbox, UNIT)
    await ladder.label(UNIT, "crash", wrong=True, source="incident", by="owner.ida", critical=True)
    assert (await ladder.standing(UNIT)).rung == Rung.APPROVE
    [move, _] = await ladder.moves(UNIT)
    assert (move.why, move.by) == ("ladder.critical", "owner.ida")


async def test_a_label_violation_and_a_persons_word_take_a_unit_down(ladder: Ladder, inbox: Inbox) -> None:
    await climb(ladder, inbox, UNIT)
    guard = Principal(id="guard", kind="service", rights=frozenset({"ladder:change"}))
    words = "an untrusted value steered a booking"
    assert await ladder.demote(UNIT, by=guard, reason=words, why="ladder.label_violation")
    assert await _why(ladder) == "ladder.label_violation"
    assert not await ladder.demote(UNIT, by=guard, reason=words)
    assert await ladder.demote(UNIT, by=IDA, reason="new camera", to=Rung.SHADOW)
    standing = await ladder.standing(UNIT)
    assert (standing.rung, standing.needed, standing.ready) == (Rung.SHADOW, float("inf"), False)
    # What it would have done is still counted, for whoever decides about the next step.
    await ladder.label(UNIT, "s-1", wrong=False, source="replay")
    assert (await ladder.standing(UNIT)).n == 1
    with pytest.raises(DeniedError, match=r"policy\.denied"):
        await ladder.demote(UNIT, by=Principal(id="clerk.zoe"), reason="why")


async def test_drift_costs_one_rung(ladder: Ladder, inbox: Inbox) -> None:
    first = (await climb(ladder, inbox, UNIT)).certificate
    for number in range(400):
        await ladder.label(UNIT, f"d-{number}", wrong=False, source="review")
    [question] = await asked(inbox)
    await inbox.approve(question, JON)
    same, other = [float(n) for n in range(200)], [float(n + 150) for n in range(200)]
    assert await ladder.drift(UNIT, same, same) is None
    assert (await ladder.standing(UNIT)).rung == Rung.AUTONOMOUS
    words = await ladder.drift(UNIT, same, other, feature="length")
    assert words is not None
    assert words.startswith("length drifted: distance 0.7")
    standing = await ladder.standing(UNIT)
    assert (standing.rung, standing.certificate) == (Rung.SAMPLED, first)
    assert await ladder.drift(UNIT, [90, 10], [10, 90], test="psi") is not None
    assert (await ladder.standing(UNIT)).rung == Rung.APPROVE
    # On the rung where a person sees each case drift is told, and moves nothing.
    assert await ladder.drift(UNIT, [90, 10], [10, 90], test="psi") is not None
    assert len(await ladder.moves(UNIT)) == 4


async def test_drift_onto_a_certificate_that_is_void_by_now_falls_further(
    ladder: Ladder, inbox: Inbox
) -> None:
    await climb(ladder, inbox, UNIT)
    for number in range(400):
        await ladder.label(UNIT, f"d-{number}", wrong=False, source="review")
    [question] = await asked(inbox)
    await inbox.approve(question, JON)
    # The first certificate is no longer what the unit stands on, so its late outcome moves nothing yet.
    await ladder.label(UNIT, "c-3", wrong=True, source="complaint")
    assert (await ladder.standing(UNIT)).rung == Rung.AUTONOMOUS
    await ladder.drift(UNIT, [90, 10], [10, 90], test="psi")
    assert (await ladder.standing(UNIT)).rung == Rung.APPROVE


async def test_reviewers_who_catch_less_take_the_unit_down(
    build: Callable[[LadderPolicy], Ladder], inbox: Inbox, counts: Counts
) -> None:
    ladder = build(replace(QUICK, catch="measured"))
    await ladder.label(UNIT, "first", wrong=False, source="test")
    counts.now = (40, 40)
    await ladder.sweep()
    await climb(ladder, inbox, UNIT)
    counts.now = (44, 44)
    await ladder.sweep()
    assert (await ladder.standing(UNIT)).rung == Rung.SAMPLED
    counts.now = (46, 44)
    await ladder.sweep()
    assert (await ladder.standing(UNIT)).rung == Rung.SAMPLED
    counts.now = (49, 44)
    await ladder.sweep()
    assert (await ladder.standing(UNIT)).rung == Rung.APPROVE
    assert await _why(ladder) == "ladder.catch_fell"


async def test_one_unit_that_cannot_be_looked_at_does_not_stop_the_others(
    build: Callable[[LadderPolicy], Ladder], counts: Counts, database: Database
) -> None:
    class Broken(Counts):
        async def __call__(self, database: Database, unit: Unit) -> tuple[int, int]:
            if unit.action == "broken":
                raise UsageError("no such counts", code="test.broken")
            return 5, 5

    ladder = Ladder(database, Inbox(database), policy=replace(QUICK, catch="measured"), catches=Broken())
    await ladder.label(Unit(action="broken", tier=1), "x", wrong=False, source="test")
    await ladder.label(UNIT, "x", wrong=False, source="test")
    with pytest.raises(UsageError, match=r"test\.broken"):
        await ladder.sweep()
    assert (await ladder.standing(UNIT)).catch > 0


async def test_one_switch_puts_everything_at_most_to_approve(
    ladder: Ladder, inbox: Inbox, database: Database
) -> None:
    await climb(ladder, inbox, UNIT)
    shy = replace(UNIT, action="suggest_only")
    await ladder.choose(shy, Rung.SUGGEST, by=IDA, reason="new")
    assert await ladder.drop_all(by=IDA, reason="strange mails") == 2
    dropped = await ladder.standing(UNIT)
    assert (dropped.rung, dropped.earned, dropped.dropped, dropped.review) == (2, 3, True, 1.0)
    assert (await ladder.standing(shy)).rung == Rung.SUGGEST
    async with database.transaction() as tx:
        with pytest.raises(DeniedError, match=r"ladder\.below"):
            await ladder.require_rung(tx, UNIT, Rung.SAMPLED)
    # What is new or ready meanwhile does not climb either.
    other = replace(UNIT, site="south")
    for number in range(60):
        await ladder.label(other, f"c-{number}", wrong=False, source="test")
    assert (await ladder.standing(other)).dropped
    assert await asked(inbox) == []
    service = Principal(id="guard", kind="service", rights=frozenset({"ladder:change"}))
    with pytest.raises(DeniedError, match=r"ladder\.not_a_person"):
        await ladder.lift(by=service, reason="all fine")
    assert await ladder.lift(by=IDA, reason="it was spam") == 3
    assert (await ladder.standing(UNIT)).rung == Rung.SAMPLED
    [switch] = await ladder.drops()
    assert (switch.scope, switch.dropped, switch.by) == ("*", False, "owner.ida")
    kinds = await database.fetch_all(
        "select kind from audit_entry where kind in ('ladder.dropped', 'ladder.lifted') order by at"
    )
    assert [row["kind"] for row in kinds] == ["ladder.dropped", "ladder.lifted"]


async def test_a_switch_of_a_scope_holds_only_its_units(ladder: Ladder, inbox: Inbox) -> None:
    await climb(ladder, inbox, UNIT)
    for scope in ("action:other", "site:south", "version:v2"):
        assert await ladder.drop_all(by=IDA, reason="test", scope=scope) == 0
    assert (await ladder.standing(UNIT)).rung == Rung.SAMPLED
    for scope in ("action:book_slot", "site:north", "version:v1"):
        await ladder.drop_all(by=IDA, reason="test", scope=scope)
        assert (await ladder.standing(UNIT)).rung == Rung.APPROVE
    for scope in ("action:book_slot", "site:north"):
        assert await ladder.lift(by=IDA, reason="test", scope=scope) == 0
    assert await ladder.lift(by=IDA, reason="test", scope="version:v1") == 1
    assert (await ladder.standing(UNIT)).rung == Rung.SAMPLED
    for scope in ("tool:x", "action:", "everything"):
        with pytest.raises(UsageError, match=r"ladder\.scope"):
            await ladder.drop_all(by=IDA, reason="test", scope=scope)


async def test_a_signature_while_the_switch_holds_promotes_nothing(ladder: Ladder, inbox: Inbox) -> None:
    await clean(ladder, UNIT)
    [question] = await asked(inbox)
    await ladder.drop_all(by=IDA, reason="test")
    with pytest.raises(ConflictError, match=r"ladder\.stale"):
        await inbox.approve(question, JON)
    await ladder.lift(by=IDA, reason="test")
    await inbox.approve(question, JON)
    assert (await ladder.standing(UNIT)).rung == Rung.SAMPLED


async def test_a_drop_waits_for_intents_and_nothing_starts_after_it(
    ladder: Ladder, inbox: Inbox, database: Database
) -> None:
    await climb(ladder, inbox, UNIT)
    async with database.transaction() as tx:
        await ladder.require_rung(tx, UNIT, Rung.SAMPLED)
        drop = asyncio.create_task(ladder.drop_all(by=IDA, reason="now"))
        done, _ = await asyncio.wait({drop}, timeout=0.2)
        assert not done, "the drop returned while an intent still held the rung"
    assert await drop == 1
    async with database.transaction() as tx:
        with pytest.raises(DeniedError, match=r"ladder\.below"):
            await ladder.require_rung(tx, UNIT, Rung.SAMPLED)


async def test_a_drop_that_meets_a_deadlock_is_tried_again(ladder: Ladder, database: Database) -> None:
    second = replace(UNIT, version="v2")
    for unit in (UNIT, second):
        await ladder.label(unit, "x", wrong=False, source="test")
    async with database.transaction() as tx:
        await ladder.require_rung(tx, second, Rung.APPROVE)
        drop = asyncio.create_task(ladder.drop_all(by=IDA, reason="now"))
        done, _ = await asyncio.wait({drop}, timeout=0.3)
        assert not done
        # The drop holds the first unit and waits for the second; PostgreSQL ends the one that waited longer.
        await ensure(tx, UNIT, QUICK)
    assert await drop == 2
    assert (await ladder.standing(UNIT)).dropped


async def test_another_process_hears_of_a_drop(
    ladder: Ladder, inbox: Inbox, database: Database, build: Callable[[LadderPolicy], Ladder]
) -> None:
    await climb(ladder, inbox, UNIT)
    other = build(QUICK)
    keeping = asyncio.create_task(other.keep_fresh())
    try:
        await _until(other, Rung.SAMPLED)
        # Served from memory: the row is not read again.
        await database.execute("update ladder_unit set rung = 2")
        await _cached(other)
        await database.execute("update ladder_unit set rung = 3")
        await ladder.drop_all(by=IDA, reason="now")
        await _until(other, Rung.APPROVE)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    # Without the duty every standing is read.
    await ladder.lift(by=IDA, reason="over")
    assert (await other.standing(UNIT)).rung == Rung.SAMPLED


async def _until(ladder: Ladder, rung: Rung) -> None:
    while True:
        if (await ladder.standing(UNIT)).rung == rung and ladder.fresh:
            return
        await asyncio.sleep(0.01)


async def _cached(ladder: Ladder) -> None:
    first = await ladder.standing(UNIT)
    assert first is await ladder.standing(UNIT)
    assert first.rung == Rung.SAMPLED


async def test_selection_says_above_which_confidence_to_act(ladder: Ladder) -> None:
    for number in range(100):
        wrong = number >= 60 and number % 2 == 0
        confidence = 1 - number / 100
        await ladder.label(UNIT, f"c-{number}", wrong=wrong, source="test", confidence=confidence)
    await ladder.label(UNIT, "unknown", wrong=True, source="test")
    found = await ladder.selection(UNIT)
    assert (found.n, found.k, found.share) == (75, 8, 0.75)
    assert found.threshold == pytest.approx(0.26)
    assert binomial_tail(75, 8, 0.2) == found.p <= 0.05 < binomial_tail(80, 10, 0.2)
