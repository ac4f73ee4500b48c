"""Each check says exactly the outcome a clerk would name, and says *unknown* where a fact is missing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from port_samples import AT, box, mail

from pilothouse_port.checks import CHECK_IDS, check_of, compare_check, counted_days, same_name
from pilothouse_port.facts import FACTS, OUTCOMES
from pilothouse_port.types import Facts

DAY = timedelta(days=1)
TODAY = AT.date()
POLICY: dict[str, dict[str, Any]] = {
    "money": {"tolerance": 5, "cover_max_age_days": 7},
    "health": {"chapters": ["02", "8"]},
    "mandate": {"scope_words": ["Release", "pick-up"]},
    "free_time": {"free_days": {"20": 3, "40": 4}},
    "fraud": {"days": 10},
}
OWES = {"charge__open_amount": Decimal(100)}
COVERED = {**OWES, "credit__limit": Decimal(500), "credit__valid_until": TODAY, "credit__as_of": TODAY - DAY}
ASKED = {"order__party": "0099", "mandate__state": "active"}


def says(check: str, facts: Facts, **params: object) -> list[str]:
    result = check_of(check)(facts, (), params={**POLICY.get(check, {}), **params}, at=AT)
    return [finding.code for finding in result.findings]


@pytest.mark.parametrize("check", [name for name in CHECK_IDS if name != "compare"])
def test_a_clean_box_passes_every_check_and_shows_what_was_seen(check: str) -> None:
    result = check_of(check)(box(), (), params=POLICY.get(check, {}), at=AT)
    assert result.status == "pass"
    assert result.seen


@pytest.mark.parametrize(
    ("check", "changes", "codes"),
    [
        ("title", {"title__state": "open"}, ["not_surrendered"]),
        ("title", {"title__state": None}, ["not_surrendered"]),
        ("title", {"title__kind": "waybill", "title__state": None}, []),
        ("title", {"title__kind": "electronic", "title__state": "withdrawn"}, ["surrender_withdrawn"]),
        ("money", OWES, ["unpaid"]),
        ("money", {"charge__open_amount": Decimal(5)}, []),
        ("money", COVERED, []),
        ("money", {**COVERED, "credit__used": Decimal(401)}, ["credit_exceeded"]),
        ("money", {**COVERED, "credit__valid_until": TODAY - DAY}, ["unpaid"]),
        ("money", {**COVERED, "credit__as_of": TODAY - 8 * DAY}, ["unpaid"]),
        ("money", {**OWES, "payment__unmatched": Decimal(97)}, ["unmatched_payment"]),
        ("money", {**OWES, "payment__unmatched": Decimal(40)}, ["unpaid"]),
        ("customs", {"customs__state": None}, ["not_declared"]),
        ("customs", {"customs__state": "declared"}, ["not_declared"]),
        ("customs", {"customs__state": "held"}, ["held"]),
        ("customs", {"customs__state": "inspection"}, ["inspection"]),
        ("customs", {"customs__state": "refused"}, ["refused"]),
        ("customs", {"customs__state": "cancelled"}, ["cancelled"]),
        ("health", {"goods__hs": ("020130",)}, ["pending"]),
        ("health", {"goods__hs": ("080300",), "health__state": "refused"}, ["refused"]),
        (
            "health",
            {"goods__hs": ("02",), "health__state": "cleared", "health__valid_until": TODAY - DAY},
            ["expired"],
        ),
        ("health", {"goods__hs": ("940360",), "health__state": "refused"}, []),
        ("dangerous", {"goods__un": ("1203",)}, ["undeclared"]),
        (
            "dangerous",
            {"goods__un": ("1203",), "dangerous__un": ("1203",), "dangerous__class": ()},
            ["class_missing"],
        ),
        ("dangerous", {"goods__un": ("1203",), "dangerous__un": ("1203",), "dangerous__class": ("3",)}, []),
        ("seal", {"seal__terminal": "AB1235"}, ["mismatch"]),
        ("seal", {"seal__terminal": None}, []),
        ("damage", {"damage__code": "major"}, ["coded"]),
        ("damage", {"damage__code": "minor"}, []),
        ("identity", {"party__name": None}, ["unknown"]),
        ("identity", {"consignee__name": "Mobel Export"}, ["name_differs"]),
        ("identity", {"consignee__name": "Mobel Export", "party__alias": ("MOBEL-EXPORT",)}, []),
        ("mandate", {"order__party": "0099"}, ["missing"]),
        ("mandate", {**ASKED, "mandate__state": "revoked"}, ["revoked"]),
        ("mandate", {**ASKED, "mandate__scope": ("invoice",)}, ["out_of_scope"]),
        ("mandate", {**ASKED, "mandate__scope": ("Pick Up",)}, []),
        (
            "mandate",
            {**ASKED, "mandate__scope": ("release",), "mandate__valid_until": TODAY - DAY},
            ["expired"],
        ),
        ("fraud", {"party__contact_changed_at": datetime(2026, 3, 1, tzinfo=UTC)}, ["contact_changed"]),
        ("fraud", {"party__contact_changed_at": datetime(2026, 1, 1, tzinfo=UTC)}, []),
        ("stop", {"stop__listed": "active"}, ["listed"]),
        ("stop", {"stop__listed": "lifted"}, []),
        ("order", {"order__state": None}, ["missing"]),
        ("order", {"order__state": "cancelled"}, ["missing"]),
        ("order", {"order__state": "rejected"}, ["rejected"]),
        ("order", {"order__valid_until": datetime(2026, 3, 4, 10, tzinfo=UTC)}, ["expired"]),
        ("free_time", {"pickup__at": datetime(2026, 3, 7, 9, tzinfo=UTC)}, ["demurrage_due"]),
        ("free_time", {"pickup__at": datetime(2026, 3, 6, 9, tzinfo=UTC)}, []),
        ("gate", {"pickup__at": None, "pickup__haulier": None}, ["no_slot"]),
        ("gate", {"mass__verified": None}, ["mass_missing"]),
        ("gate", {"mass__verified": Decimal(14301)}, ["mass_differs"]),
        ("gate", {"mass__verified": Decimal(14300)}, []),
        ("gate", {"empty__outstanding": 1}, ["empty_outstanding"]),
    ],
)
def test_one_changed_fact_gives_the_outcome_of_the_catalogue(
    check: str, changes: dict[str, Any], codes: list[str]
) -> None:
    assert says(check, box(**changes)) == codes


def test_every_record_outcome_has_a_rule() -> None:
    from pilothouse_port.checks import TEXT_OUTCOMES

    for check, codes in OUTCOMES.items():
        if check == "compare":
            continue
        ruled = {rule.code for rule in check_of(check).rules}
        texts = {code for name, code in TEXT_OUTCOMES if name == check}
        assert ruled | texts == set(codes), check


def test_an_unknown_fact_is_told_once_with_all_outcomes_it_could_hide() -> None:
    result = check_of("customs")(box(customs__state=...), (), params={}, at=AT)
    assert result.status == "unknown"
    (finding,) = result.findings
    assert finding.cause == "system_down"
    assert set(finding.about) == set(OUTCOMES["customs"])


def test_an_unknown_that_cannot_matter_is_not_asked_for() -> None:
    """A consignee that owes nothing needs no credit cover, so a silent insurer is no reason."""
    assert says("money", box(credit__limit=...)) == []


def test_unread_mail_makes_only_the_checks_unknown_that_a_mail_can_change() -> None:
    facts = box(unread=[mail()])
    unknown = {
        check: check_of(check)(facts, (), params=POLICY.get(check, {}), at=AT).findings
        for check in CHECK_IDS
        if check != "compare"
    }
    assert {check for check, findings in unknown.items() if findings} == {"money", "fraud", "stop"}
    assert unknown["stop"][0].about == ("instructed",)


def test_comparison_allows_its_tolerance_and_no_more() -> None:
    check = compare_check("compare:weights", "goods.weight", "customs.weight")
    near, far = box(customs__weight=Decimal(10100)), box(customs__weight=Decimal("10100.01"))
    params = {"tolerance_percent": 1}
    assert check(near, (), params=params, at=AT).status == "pass"
    assert [f.code for f in check(far, (), params=params, at=AT).findings] == ["differs"]
    assert check(box(customs__weight=None), (), params={}, at=AT).status == "pass"


def test_working_days_leave_out_weekends_and_holidays() -> None:
    friday, tuesday = date(2026, 3, 6), date(2026, 3, 10)
    assert counted_days(friday, tuesday, working=False) == 4
    assert counted_days(friday, tuesday, working=True) == 2
    assert counted_days(friday, tuesday, working=True, holidays=frozenset({"2026-03-09"})) == 1
    assert counted_days(friday, friday, working=False) == 0
    assert counted_days(friday, friday, working=False, first_day=0) == 1


def test_likeness_is_not_sameness() -> None:
    assert same_name("Łódź Import Sp. z o.o.", "LODZ IMPORT SP Z O O")
    assert not same_name("Alpha Trading", "Alfa Trading")


def test_catalogue_is_closed_and_of_the_stated_size() -> None:
    assert 40 <= len(FACTS) <= 50
