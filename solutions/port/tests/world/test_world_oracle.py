"""The oracle knows the truth; these stories say by hand what it must be."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from pilothouse_port.world.canon import TEXT_OUTCOMES, VERDICTS, build_canon
from pilothouse_port.world.oracle import answer_key, judge

SEEDS = range(20, 40)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_dealt_is_what_is_found(seed):
    """Flags made the records, the oracle reads the records: the two agree on every box."""
    canon = build_canon(seed)
    for truth in judge(canon):
        found = {f"{f.check}.{f.outcome}" for f in truth.findings}
        dealt = {flag for flag in truth.lot.flags if canon.policy.rule(*flag.rsplit(".", 1))}
        assert found == dealt, truth.lot.key


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_who_reads_records_only_is_right_on_85_percent(seed):
    truths = judge(build_canon(seed))
    right = sum(not truth.text_only for truth in truths) / len(truths)
    assert right <= 0.84


def test_the_same_holds_for_a_day_and_a_day_has_all_verdicts():
    for seed in (1, 2, 3):
        truths = judge(build_canon(seed, "day"))
        assert sum(t.text_only for t in truths) / len(truths) >= 0.16
        shares = {v: sum(t.verdict == v for t in truths) / len(truths) for v in VERDICTS}
        assert min(shares.values()) > 0.05, shares


def _one_clean(canon):
    return next(t.lot for t in judge(canon) if t.verdict == "RELEASE" and t.lot.bill.kind != "waybill")


def _verdict(canon, lot):
    return next(t for t in judge(canon) if t.lot is lot)


def test_a_clean_box_is_released_without_a_reason():
    canon = build_canon(1)
    truth = _verdict(canon, _one_clean(canon))
    assert truth.reasons == []


def test_a_withdrawn_surrender_is_worse_than_none():
    canon = build_canon(1)
    lot = _one_clean(canon)
    last = max(s.at for s in canon.papers.surrenders if s.bill == lot.bill.number)
    mine = next(s for s in canon.papers.surrenders if s.bill == lot.bill.number and s.at == last)
    canon.papers.surrenders.append(replace(mine, state="withdrawn", at=last + timedelta(minutes=1)))
    truth = _verdict(canon, lot)
    assert [f.outcome for f in truth.findings] == ["surrender_withdrawn"]
    assert truth.verdict == "ESCALATE"


def test_an_older_customs_message_that_comes_in_late_changes_nothing():
    canon = build_canon(1)
    lot = _one_clean(canon)
    mine = next(m for m in canon.papers.customs if (m.container, m.bill) == lot.key)
    late = replace(mine, state="held", sent=mine.sent - timedelta(days=1), received=canon.as_of)
    canon.papers.customs.append(late)
    assert _verdict(canon, lot).verdict == "RELEASE"
    canon.papers.customs.append(replace(late, sent=canon.as_of))
    assert [f.outcome for f in _verdict(canon, lot).findings] == ["held"]


def test_a_reversal_takes_a_charge_back():
    canon = build_canon(1)
    lot = _one_clean(canon)
    row = next(c for c in canon.books.charges if c.bill == lot.bill.number)
    canon.books.covers[:] = [c for c in canon.books.covers if c.customer != lot.bill.consignee.number]
    owed = replace(row, open=Decimal(9000), amount=Decimal(9000))
    canon.books.charges.append(owed)
    assert [f.outcome for f in _verdict(canon, lot).findings] == ["unpaid"]
    canon.books.charges.append(replace(owed, open=Decimal(-9000), amount=Decimal(-9000)))
    assert _verdict(canon, lot).verdict == "RELEASE"


def test_a_row_that_the_policy_leaves_out_is_no_obstacle():
    canon = build_canon(1)
    lot = _one_clean(canon)
    canon.papers.orders[:] = [o for o in canon.papers.orders if (o.container, o.bill) != lot.key]
    assert _verdict(canon, lot).verdict == "HOLD"
    rules = tuple(r for r in canon.policy.rules if (r.check, r.outcome) != ("order", "missing"))
    canon.policy = replace(canon.policy, rules=rules)
    assert _verdict(canon, lot).verdict == "RELEASE"


def test_a_stop_that_its_author_took_back_is_none():
    found = False
    for seed in range(12):
        canon = build_canon(seed, "day")
        back = {m.in_reply_to for m in canon.texts.mails if m.intent == "stop_withdrawn"}
        for truth in judge(canon):
            mails = [m for m in canon.texts.mails if truth.lot.key in m.keys and m.intent == "stop"]
            if mails and all(m.message_id in back for m in mails):
                found = True
                assert "instructed" not in {f.outcome for f in truth.findings}
    assert found


def test_working_days_leave_the_weekend_out():
    from datetime import date

    from pilothouse_port.world.oracle.rules import _counted

    friday, tuesday = date(2026, 3, 6), date(2026, 3, 10)
    assert _counted(friday, tuesday, working=False) == 4
    assert _counted(friday, tuesday, working=True) == 2
    assert _counted(friday, friday, working=True) == 0


def test_capitals_and_legal_forms_do_not_make_another_name():
    from pilothouse_port.world.oracle.rules import _core

    assert _core("Dunmarsh Möbel GmbH") == _core("DUNMARSH MOBEL") == _core("Dunmarsh Möbel AG")
    assert _core("Dunmarsh Möbel GmbH") != _core("Elzenaar Möbel GmbH")


def test_a_key_line_gives_the_worlds_own_words():
    canon = build_canon(2)
    words = {rule.word for rule in canon.policy.rules} | {s.word for s in canon.policy.specials}
    for line in answer_key(canon):
        assert line["verdict"] in VERDICTS
        assert {reason["code"] for reason in line["reasons"]} <= words
        unreadable = [text for text in line["texts"] if text["intent"] == "unreadable"]
        assert bool(line["reasons"] or unreadable) == (line["verdict"] != "RELEASE")
        assert line["as_of"].endswith("Z")
        needs_rows = [r for r in line["reasons"] if r["check"] != "always"]
        assert bool(line["evidence"]) == bool(needs_rows or unreadable)


def test_text_only_says_that_text_alone_changed_the_verdict():
    canon = build_canon(2)
    for truth in judge(canon):
        text = [f for f in truth.findings if (f.check, f.outcome) in TEXT_OUTCOMES]
        keys = {key for mail in canon.texts.mails if mail.intent == "unreadable" for key in mail.keys}
        assert not truth.text_only or text or truth.lot.key in keys
