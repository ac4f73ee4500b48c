"""Rows fire together, the tightest wins; nothing uncorroborated ever loosens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from port_samples import AT, BOX, CLEAN, Twist, box, cite, mail, row, table

from pilothouse.kernel import UsageError, decode, encode
from pilothouse_port.decide import NEVER_LOOSENED, decide, run_checks
from pilothouse_port.facts import OUTCOMES
from pilothouse_port.policy import Comparison, Condition, PolicyRow, PolicyTable
from pilothouse_port.types import Claim, Facts, ReleaseVerdict, Verdict

TABLE = table(
    row("title", "not_surrendered"),
    row("money", "unpaid"),
    row("money", "dispute", "ESCALATE"),
    row("customs", "held", "ESCALATE"),
    row("stop", "instructed", "ESCALATE"),
    row("damage", "coded"),
    row("seal", "mismatch", "ESCALATE"),
)


def judge(facts: Facts, *claims: Claim, by: PolicyTable = TABLE, at=AT) -> ReleaseVerdict:
    return decide(run_checks(facts, claims, by, at=at), claims, by, facts=facts, at=at)


def test_all_rows_fire_and_the_tightest_wins() -> None:
    verdict = judge(box(title__state="open", customs__state="held"))
    assert verdict.advised is verdict.bound is Verdict.ESCALATE
    assert [(r.check, r.code) for r in verdict.reasons] == [
        ("customs", "customs-held"),
        ("title", "title-not_surrendered"),
    ]


def test_the_order_is_the_documents() -> None:
    swapped = table(*TABLE.rows, order=(Verdict.RELEASE, Verdict.ESCALATE, Verdict.HOLD))
    assert judge(box(title__state="open", customs__state="held"), by=swapped).advised is Verdict.HOLD


def test_an_outcome_without_a_row_is_reported_but_does_not_block() -> None:
    verdict = judge(box(customs__state="refused"))
    assert verdict.advised is Verdict.RELEASE
    assert verdict.reported == ("customs.refused",)


def test_unknown_escalates_only_when_it_could_hide_something_with_weight() -> None:
    assert judge(box(title__state=...)).advised is Verdict.ESCALATE
    assert judge(box(pickup__at=...)).advised is Verdict.RELEASE


def test_the_policy_may_name_its_own_answer_to_an_unknown() -> None:
    named = table(*TABLE.rows, row("customs", "unknown:system_down", "HOLD", reason="WAIT"))
    (reason,) = judge(box(customs__state=...), by=named).reasons
    assert (reason.code, reason.verdict) == ("WAIT", Verdict.HOLD)


def test_innocent_looking_unread_text_still_escalates() -> None:
    verdict = judge(box(unread=[mail("thank you and have a nice day")]))
    assert verdict.advised is verdict.bound is Verdict.ESCALATE
    assert {reason.cause for reason in verdict.reasons} == {"unread"}


def test_exceptions_bend_verdicts_and_parameters() -> None:
    grown = Twist(when=(Condition(name="party.group", words=("A",)),), params={"tolerance": 500})
    by = table(row("money", "unpaid", exceptions=(grown,)))
    owes = {"charge__open_amount": 400}
    assert judge(box(**owes), by=by).advised is Verdict.HOLD
    assert judge(box(**owes, party__group="A"), by=by).advised is Verdict.RELEASE
    assert judge(box(**owes, party__group=...), by=by).advised is Verdict.HOLD


def test_an_exception_that_may_hold_is_not_forgotten_because_a_later_one_does() -> None:
    """The first that holds decides, so one before it that nobody can rule out counts if it is tighter."""
    perhaps = Twist(when=(Condition(name="party.group", words=("A",)),), verdict=Verdict.ESCALATE)
    loosens = Twist(when=(Condition(name="box.kind", words=("dry",)),), verdict=Verdict.RELEASE)
    by = table(row("money", "unpaid", exceptions=(perhaps, loosens)))
    owes = {"charge__open_amount": 400}
    assert judge(box(**owes, party__group="B"), by=by).advised is Verdict.RELEASE
    assert judge(box(**owes, party__group="A"), by=by).advised is Verdict.ESCALATE
    assert judge(box(**owes, party__group=...), by=by).advised is Verdict.ESCALATE


def test_a_rule_may_hang_on_clock_and_box_alone() -> None:
    late = (
        Condition(name="box.kind", words=("reefer",)),
        Condition(name="weekday", words=("fri",)),
        Condition(name="after", words=("16:00",)),
    )
    by = table(row("always", "friday_reefer", "ESCALATE", when=late))
    friday = AT.replace(day=6, hour=16)
    assert judge(box(box__kind="reefer"), by=by, at=friday).advised is Verdict.ESCALATE
    assert judge(box(box__kind="dry"), by=by, at=friday).advised is Verdict.RELEASE
    assert judge(box(box__kind="reefer"), by=by, at=friday - timedelta(hours=1)).advised is Verdict.RELEASE
    assert judge(box(box__kind=...), by=by, at=friday).advised is Verdict.ESCALATE


def test_a_changed_document_leaves_nothing_unattended() -> None:
    stale = table(*TABLE.rows, current="another")
    verdict = judge(box(), by=stale)
    assert verdict.stale
    assert (verdict.bound, verdict.advised, verdict.endorsements) == (
        Verdict.ESCALATE,
        Verdict.RELEASE,
        ("policy",),
    )


def test_a_proposed_loosening_advises_but_never_binds() -> None:
    claim = Claim(
        check="money",
        code="unpaid",
        effect="loosen",
        quote="q",
        text=cite("t", "q"),
        endorser="finance",
    )
    verdict = judge(box(charge__open_amount=100), claim)
    assert (verdict.bound, verdict.advised, verdict.endorsements) == (
        Verdict.HOLD,
        Verdict.RELEASE,
        ("finance",),
    )


def test_customs_is_never_lifted_by_a_claim() -> None:
    claim = Claim(
        check="customs",
        code="held",
        effect="loosen",
        quote="q",
        text=cite("t", "q"),
        state="endorsed",
        endorser="desk",
    )
    assert judge(box(customs__state="held"), claim).advised is Verdict.ESCALATE


def test_rows_are_refused_when_check_outcome_or_sentence_is_not_there() -> None:
    with pytest.raises(UsageError, match="'moon' is not a check"):
        row("moon", "full")
    with pytest.raises(UsageError, match="'held' is not an outcome of money"):
        row("money", "held")
    quoted = PolicyTable(
        rows=(
            PolicyRow(check="money", outcome="unpaid", verdict=Verdict.HOLD, reason="r", quote="Pay first."),
        ),
        document="d",
        current="d",
    )
    quoted.verify_quotes("1. **Pay\n first.** Then")
    with pytest.raises(UsageError, match=r"'Pay first\.' is not a sentence"):
        quoted.verify_quotes("Pay later.")


def test_comparisons_of_a_port_are_checks_like_the_others() -> None:
    by = table(
        row("compare:packages", "differs", params={"tolerance": 0}),
        comparisons=(Comparison(name="packages", left="goods.packages", right="customs.packages"),),
    )
    assert judge(box(customs__packages=11), by=by).advised is Verdict.HOLD
    assert judge(box(), by=by).advised is Verdict.RELEASE


def test_a_verdict_survives_the_journal() -> None:
    verdict = judge(box(customs__state="held", title__state=..., unread=[mail()]))
    assert decode(encode(verdict)) == verdict
    facts = box(customs__state=...)
    assert decode(encode(facts)) == facts
    assert facts.consignment == BOX


CODES = [(check, code) for check, codes in OUTCOMES.items() if check != "compare" for code in codes]
ROWS = st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from(["HOLD", "ESCALATE"])), max_size=8)
CHANGES = st.dictionaries(
    st.sampled_from([name.replace(".", "__") for name in CLEAN]), st.sampled_from([None, ...]), max_size=6
)
CLAIMS = st.lists(
    st.builds(
        Claim,
        check=st.sampled_from(sorted({check for check, _ in CODES})),
        code=st.sampled_from(sorted({code for _, code in CODES})),
        effect=st.sampled_from(["tighten", "loosen"]),
        quote=st.just("q"),
        text=st.just(cite("text", "q")),
        state=st.sampled_from(["proposed", "rejected"]),
        endorser=st.sampled_from(["", "desk"]),
    ),
    max_size=6,
)


@given(rows=ROWS, changes=CHANGES, claims=CLAIMS, stale=st.booleans(), read=st.booleans())
def test_property_claims_nobody_confirmed_never_lower_the_bound(
    rows: list, changes: dict, claims: list[Claim], stale: bool, read: bool
) -> None:
    by = table(*(row(c, o, v) for (c, o), v in rows), current="other" if stale else "d")
    facts = box(unread=[] if read else [mail()], **changes)
    without, with_claims = judge(facts, by=by), judge(facts, *claims, by=by)
    assert by.rank[with_claims.bound] >= by.rank[without.bound]
    if by.rank[with_claims.advised] < by.rank[with_claims.bound]:
        assert with_claims.endorsements


@given(rows=ROWS, changes=CHANGES)
def test_property_knowing_less_never_loosens(rows: list, changes: dict) -> None:
    """Making any fact unknown keeps or tightens the verdict of the known clean box with unread mail."""
    by = table(*(row(c, o, v) for (c, o), v in rows))
    clean = judge(box(), by=by)
    unknown = judge(box(**dict.fromkeys(changes, ...)), by=by)
    assert by.rank[unknown.bound] >= by.rank[clean.bound]
    assert {"customs", "health"} <= NEVER_LOOSENED
