"""Climbing: labels, evidence, a question in the inbox, a signature; and everything that refuses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ladder_world import (
    IDA,
    JON,
    KAI,
    QUICK,
    UNIT,
    Counts,
    asked,
    clean,
    climb,
)

from pilothouse.audit import entries
from pilothouse.decisions import Inbox
from pilothouse.decisions.ladder import ClassRule, Ladder, LadderPolicy, Rung, Unit
from pilothouse.decisions.ladder.maths import labels_needed, log_evidence, spent
from pilothouse.kernel import ConflictError, DeniedError, Principal, UsageError
from pilothouse.storage import Database


async def test_a_unit_climbs_by_labels_and_a_signature(
    ladder: Ladder, inbox: Inbox, database: Database
) -> None:
    # No class is listed: the first one draws 6/pi^2 of the budget, its first test 6/pi^2 of that.
    alpha = spent(0.05, spent(1.0, 1.0, 1), 1)
    needed = labels_needed(0.2, alpha)
    for number in range(needed - 1):
        await ladder.label(UNIT, f"c-{number}", wrong=False, source="test")
    before = await ladder.standing(UNIT)
    assert (before.n, before.more, before.ready) == (needed - 1, 1, False)
    assert await asked(inbox) == []
    await ladder.label(UNIT, "last", wrong=False, source="test")
    [question] = await asked(inbox)
    view = await inbox.show(question, JON)
    assert view.proposal.tool is None
    assert "0 bad" in view.proposal.summary
    assert (await ladder.standing(UNIT)).rung == Rung.APPROVE

    await inbox.approve(question, JON)
    now = await ladder.standing(UNIT)
    assert (now.rung, now.review, now.n, now.k, now.log_e) == (Rung.SAMPLED, 0.2, 0, 0, 0.0)
    paper = now.certificate
    assert paper is not None
    assert (paper.n, paper.k, paper.signers, paper.proposal) == (needed, 0, ("owner.jon",), question)
    # Recomputable from two integers.
    assert paper.log_e == log_evidence(paper.n, paper.k, paper.eps * paper.catch) >= paper.needed
    async with database.transaction() as tx:
        await ladder.require_rung(tx, UNIT, Rung.SAMPLED)
    [move] = await ladder.moves(UNIT)
    assert (move.before, move.after, move.why, move.by) == (2, 3, "ladder.promoted", "owner.jon")
    found = await entries(database, proposals=[question])
    assert "ladder.moved" in {one.entry.kind for one in found}


async def test_the_second_promotion_needs_fresh_labels_and_spends_anew(ladder: Ladder, inbox: Inbox) -> None:
    first = (await climb(ladder, inbox, UNIT)).certificate
    assert first is not None
    for number in range(400):
        # Only what the lot drew counts on this rung.
        await ladder.label(UNIT, f"d-{number}", wrong=False, source="review")
    standing = await ladder.standing(UNIT)
    lots = sum(ladder.drawn(f"d-{number}", 0.2) for number in range(400))
    assert standing.n == lots
    assert 40 < lots < 130
    [question] = await asked(inbox)
    await inbox.approve(question, JON)
    top = await ladder.standing(UNIT)
    assert (top.rung, top.review, top.more, top.needed) == (Rung.AUTONOMOUS, 0.05, None, float("inf"))
    assert top.certificate is not None
    assert top.certificate.alpha == pytest.approx(first.alpha / 4)
    assert {case.rung for case in await ladder.cases(UNIT)} == {Rung.APPROVE, Rung.SAMPLED}


async def test_a_no_is_asked_again_only_with_half_as_many_labels_more(ladder: Ladder, inbox: Inbox) -> None:
    n = (await clean(ladder, UNIT)).n
    [question] = await asked(inbox)
    await inbox.reject(question, JON, "not before the season ends")
    for number in range(n // 2 - 1):
        await ladder.label(UNIT, f"more-{number}", wrong=False, source="test")
    assert await asked(inbox) == []
    for number in range(2):
        await ladder.label(UNIT, f"yet-{number}", wrong=False, source="test")
    assert len(await asked(inbox)) == 1
    assert (await ladder.standing(UNIT)).rung == Rung.APPROVE


async def test_a_signature_on_evidence_that_fell_promotes_nothing(ladder: Ladder, inbox: Inbox) -> None:
    await clean(ladder, UNIT)
    [question] = await asked(inbox)
    for number in range(3):
        await ladder.label(UNIT, f"bad-{number}", wrong=True, source="complaint")
    with pytest.raises(ConflictError, match=r"ladder\.stale"):
        await inbox.approve(question, JON)
    assert (await ladder.standing(UNIT)).rung == Rung.APPROVE
    await inbox.reject(question, JON, "as it says")


async def test_a_question_about_a_test_that_ended_promotes_nothing(ladder: Ladder, inbox: Inbox) -> None:
    await clean(ladder, UNIT)
    [question] = await asked(inbox)
    assert await ladder.choose(UNIT, Rung.SHADOW, by=IDA, reason="new camera")
    assert not await ladder.choose(UNIT, Rung.SHADOW, by=IDA, reason="again")
    assert (await ladder.standing(UNIT)).review == 1.0
    assert await ladder.choose(UNIT, Rung.APPROVE, by=IDA, reason="camera is fine")
    with pytest.raises(ConflictError, match=r"ladder\.stale"):
        await inbox.approve(question, JON)
    await inbox.reject(question, JON, "it moved")
    assert (await ladder.standing(UNIT)).n == 0


async def test_nobody_chooses_a_rung_that_is_earned(ladder: Ladder) -> None:
    with pytest.raises(UsageError, match=r"ladder\.earned"):
        await ladder.choose(UNIT, Rung.SAMPLED, by=IDA, reason="I trust it")
    with pytest.raises(UsageError, match=r"ladder\.reason_missing"):
        await ladder.choose(UNIT, Rung.SUGGEST, by=IDA, reason=" ")
    with pytest.raises(DeniedError, match=r"ladder\.not_a_person"):
        await ladder.choose(UNIT, Rung.SUGGEST, by=replace(IDA, kind="service"), reason="why")
    with pytest.raises(DeniedError, match=r"policy\.denied"):
        await ladder.choose(UNIT, Rung.SUGGEST, by=Principal(id="clerk.zoe"), reason="why")


async def test_a_new_version_starts_again_and_spends_less(ladder: Ladder, inbox: Inbox) -> None:
    await climb(ladder, inbox, UNIT)
    second = replace(UNIT, version="v2")
    await ladder.label(second, "x", wrong=False, source="test")
    standing = await ladder.standing(second)
    assert (standing.rung, standing.n) == (Rung.APPROVE, 1)
    # v1 on rung 2 was test 1, v1 on rung 3 is test 2, v2 is test 3.
    first = await ladder.standing(UNIT)
    assert standing.needed > first.needed
    weight = spent(1.0, 1.0, 1)
    assert standing.needed == pytest.approx(-_log(spent(0.05, weight, 3)))


def _log(value: float) -> float:
    import math

    return math.log(value)


async def test_weights_never_add_up_to_more_than_one(
    build: Callable[[LadderPolicy], Ladder], database: Database
) -> None:
    rules = {"a": ClassRule(weight=0.5), "b@south": ClassRule(), "b": ClassRule()}
    ladder = build(replace(QUICK, classes=rules))
    units = [
        Unit(action=action, tier=1, site=site)
        for action, site in (("a", "north"), ("a", "south"), ("b", "south"), ("b", "north"), ("z", ""))
    ]
    for unit in units:
        await ladder.label(unit, "x", wrong=False, source="test")
    rows = await database.fetch_all("select action, site, weight, rule from ladder_class order by id")
    found = {(row["action"], row["site"]): (row["rule"], round(row["weight"], 6)) for row in rows}
    reserve = [round(spent(0.2, 1.0, number), 6) for number in (1, 2)]
    assert found == {
        ("a", "north"): ("a", 0.5),
        ("a", "south"): (None, reserve[0]),
        ("b", "south"): ("b@south", 0.15),
        ("b", "north"): ("b", 0.15),
        ("z", ""): (None, reserve[1]),
    }
    # Even when the policy is made generous afterwards.
    generous = build(replace(QUICK, classes={"c": ClassRule(weight=1.0)}, reserve=0.0))
    await generous.label(Unit(action="c", tier=1), "x", wrong=False, source="test")
    await generous.label(Unit(action="d", tier=1), "x", wrong=False, source="test")
    total = await database.fetch_value("select sum(weight) from ladder_class")
    assert total == pytest.approx(1.0)
    hopeless = await generous.standing(Unit(action="d", tier=1))
    assert (hopeless.needed, hopeless.more) == (float("inf"), None)


async def test_sites_share_evidence_only_by_explicit_choice(build: Callable[[LadderPolicy], Ladder]) -> None:
    apart, shared = build(QUICK), build(replace(QUICK, shared=frozenset({"book_slot"})))
    south = replace(UNIT, site="south")
    await apart.label(UNIT, "x", wrong=False, source="test")
    assert (await apart.standing(south)).n == 0
    await shared.label(UNIT, "x", wrong=False, source="test")
    await shared.label(south, "y", wrong=False, source="test")
    assert (await shared.standing(south)).n == 2


async def test_a_good_label_counts_after_its_settle_time_and_a_bad_one_at_once(
    build: Callable[[LadderPolicy], Ladder], database: Database
) -> None:
    ladder = build(replace(QUICK, settle_days={1: 30}))
    await ladder.label(UNIT, "good", wrong=False, source="test")
    await ladder.label(UNIT, "late", wrong=False, source="test")
    await ladder.label(UNIT, "bad", wrong=True, source="test")
    assert ((await ladder.standing(UNIT)).n, (await ladder.standing(UNIT)).k) == (1, 1)
    assert await ladder.sweep() == 0
    # A bad outcome inside the settle time: counted once, as bad.
    assert await ladder.label(UNIT, "late", wrong=True, source="complaint")
    assert ((await ladder.standing(UNIT)).n, (await ladder.standing(UNIT)).k) == (2, 2)
    await database.execute("update ladder_label set counts_at = clock_timestamp() where place is null")
    assert await ladder.sweep() == 1
    standing = await ladder.standing(UNIT)
    assert (standing.n, standing.k) == (3, 2)
    # Saying the same again, or that a bad one was good after all, changes nothing.
    assert not await ladder.label(UNIT, "good", wrong=False, source="test")
    assert not await ladder.label(UNIT, "bad", wrong=False, source="test")
    assert await ladder.standing(UNIT) == standing
    assert [case.wrong for case in await ladder.cases(UNIT)] == [True, True, False]


async def test_a_case_needs_a_name(ladder: Ladder) -> None:
    for case in ("", "x" * 501):
        with pytest.raises(UsageError, match=r"ladder\.case"):
            await ladder.label(UNIT, case, wrong=False, source="test")


async def test_tier_3_stops_at_sampled_and_a_waiver_lifts_it_for_a_time(
    ladder: Ladder, inbox: Inbox, database: Database
) -> None:
    unit = replace(UNIT, tier=3)
    await climb(ladder, inbox, unit)
    for number in range(400):
        await ladder.label(unit, f"d-{number}", wrong=False, source="review")
    capped = await ladder.standing(unit)
    assert capped.log_e > capped.needed
    assert (capped.ready, capped.more, capped.cap) == (False, None, Rung.SAMPLED)
    assert await asked(inbox) == []

    until = datetime.now(UTC) + timedelta(days=90)
    question = await ladder.ask_waiver(unit, until=until, reason="season", by=IDA)
    with pytest.raises(DeniedError, match=r"self_approval"):
        await inbox.approve(question, IDA)
    await inbox.approve(question, JON)
    [waiver] = await ladder.waivers()
    assert (waiver.rung, waiver.signers, waiver.until) == (Rung.AUTONOMOUS, ("owner.jon",), until)
    [promotion] = await asked(inbox)
    await inbox.approve(promotion, JON)
    assert (await ladder.standing(unit)).rung == Rung.AUTONOMOUS

    assert await ladder.revoke_waivers(unit, by=IDA, reason="season over") == 1
    after = await ladder.standing(unit)
    assert (after.rung, after.earned, after.review) == (Rung.SAMPLED, Rung.AUTONOMOUS, 0.2)
    async with database.transaction() as tx:
        with pytest.raises(DeniedError, match=r"ladder\.below"):
            await ladder.require_rung(tx, unit, Rung.AUTONOMOUS)


async def test_tier_4_takes_two_signatures_twice(ladder: Ladder, inbox: Inbox) -> None:
    unit = replace(UNIT, tier=4)
    for number in range(60):
        await ladder.label(unit, f"c-{number}", wrong=False, source="test")
    assert await asked(inbox) == []
    until = datetime.now(UTC) + timedelta(days=90)
    question = await ladder.ask_waiver(unit, until=until, reason="trial at one gate", by=IDA)
    assert (await inbox.approve(question, JON)).verdict == "pending"
    assert await ladder.waivers() == ()
    await inbox.approve(question, KAI)
    [waiver] = await ladder.waivers()
    assert (waiver.rung, waiver.signers) == (Rung.SAMPLED, ("owner.jon", "owner.kai"))
    [promotion] = await asked(inbox)
    assert not (await inbox.approve(promotion, JON)).approved
    assert (await ladder.standing(unit)).rung == Rung.APPROVE
    await inbox.approve(promotion, KAI)
    now = await ladder.standing(unit)
    assert now.rung == Rung.SAMPLED
    assert now.certificate is not None
    assert now.certificate.signers == ("owner.jon", "owner.kai")


async def test_what_is_wrong_with_a_waiver_is_said(ladder: Ladder, inbox: Inbox) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(UsageError, match=r"without a waiver"):
        await ladder.ask_waiver(UNIT, until=soon, reason="why", by=IDA)
    unit = replace(UNIT, tier=4)
    for until in (soon.replace(tzinfo=None), soon - timedelta(days=2), soon + timedelta(days=400)):
        with pytest.raises(UsageError, match=r"ladder\.waiver"):
            await ladder.ask_waiver(unit, until=until, reason="why", by=IDA)
    question = await ladder.ask_waiver(unit, until=soon, reason="why", by=IDA)
    await inbox.reject(question, JON, "no")
    assert await ladder.waivers() == ()


async def test_without_seeded_proposals_nothing_climbs(
    build: Callable[[LadderPolicy], Ladder], inbox: Inbox, counts: Counts
) -> None:
    ladder = build(replace(QUICK, catch="measured"))
    for number in range(60):
        await ladder.label(UNIT, f"c-{number}", wrong=False, source="test")
    unseen = await ladder.standing(UNIT)
    assert (unseen.catch, unseen.log_e, unseen.needed, unseen.bound) == (0.0, 0.0, float("inf"), 1.0)
    counts.now = (40, 40)
    await ladder.sweep()
    await ladder.sweep()
    seen = await ladder.standing(UNIT)
    assert 0.8 < seen.catch < 1
    assert seen.log_e == log_evidence(60, 0, 0.2 * seen.catch)
    [question] = await asked(inbox)
    await inbox.approve(question, JON)
    paper = (await ladder.standing(UNIT)).certificate
    assert paper is not None
    assert (paper.catch, paper.shown, paper.caught) == (seen.catch, 40, 40)
