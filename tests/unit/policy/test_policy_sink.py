"""The sink rule, line by line, and that more trust never makes it stricter."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pilothouse.labels import Integrity, Label, Origin
from pilothouse.policy import ALLOW, Sink, Verdict, judge

ORIGIN = Origin(
    source="billing",
    object="invoice",
    key={"number": "7"},
    field="amount",
    version="1",
    read_at=datetime(2026, 1, 1, tzinfo=UTC),
)
RELEASE = Sink(tool="release", steering=("container",), accepts=Integrity.APPROVED)
NOTICE = Sink(tool="notice", steering=(), accepts=Integrity.RECORD)


def label(integrity: Integrity, *readers: str, origin: Origin = ORIGIN) -> Label:
    return Label(readers=frozenset(readers), integrity=integrity, origin=origin)


LOW, RECORD, HIGH = label(Integrity.UNTRUSTED), label(Integrity.RECORD), label(Integrity.OPERATOR)


def said(sink: Sink, args: dict[str, Label], pc: Label = HIGH, **options: object) -> Verdict:
    return judge(sink, args, pc, **{"reached": (), "may_ask": True, **options})  # type: ignore[arg-type]


def test_trusted_arguments_under_a_trusted_choice_pass() -> None:
    assert said(RELEASE, {"container": HIGH, "note": HIGH}) == ALLOW
    assert said(NOTICE, {"text": RECORD}, RECORD) == ALLOW


def test_a_steering_value_below_what_is_accepted_asks() -> None:
    assert said(RELEASE, {"container": RECORD}) == Verdict(kind="ask", reasons=("sink.steering:container",))


def test_an_untrusted_choice_asks_even_with_trusted_arguments() -> None:
    assert said(RELEASE, {"container": HIGH}, RECORD) == Verdict(kind="ask", reasons=("sink.pc",))
    assert said(NOTICE, {}, LOW) == Verdict(kind="ask", reasons=("sink.pc",))


def test_content_is_judged_too() -> None:
    assert said(RELEASE, {"container": HIGH, "note": LOW}).reasons == ("sink.content:note",)


def test_a_steering_argument_that_was_not_given_steers_nothing() -> None:
    assert said(RELEASE, {}) == ALLOW


def test_who_cannot_ask_denies() -> None:
    assert said(RELEASE, {"container": LOW}, may_ask=False).kind == "deny"


def test_an_endorsed_flow_passes_and_only_that_one() -> None:
    args = {"container": LOW, "note": LOW}
    assert said(RELEASE, args, endorsed=("note",)).reasons == ("sink.steering:container",)
    assert said(RELEASE, args, endorsed=("container",)).reasons == ("sink.content:note",)
    assert said(RELEASE, args, LOW, endorsed=("container", "note")).reasons == ("sink.pc",)
    assert said(RELEASE, args, LOW, endorsed=("container", "note", "pc")) == ALLOW


def test_what_not_everybody_reached_may_read_stays_in() -> None:
    secret = label(Integrity.OPERATOR, "acl:b", "acl:a")
    assert said(RELEASE, {"container": secret}).reasons == ("sink.secrecy:acl:a", "sink.secrecy:acl:b")
    assert said(RELEASE, {}, secret, reached=("acl:a",)).reasons == ("sink.secrecy:acl:b",)
    assert said(RELEASE, {"note": secret}, reached=("acl:a", "acl:b")) == ALLOW
    assert said(RELEASE, {"note": secret}, endorsed=("note", "pc")).kind == "ask"  # no endorsement of secrets


def test_of_two_verdicts_the_stricter_wins_and_all_reasons_stay() -> None:
    ask, deny = Verdict(kind="ask", reasons=("a",)), Verdict(kind="deny", reasons=("b",))
    assert ALLOW & ask == ask & ALLOW == ask
    assert ask & deny == Verdict(kind="deny", reasons=("a", "b"))
    assert (deny & ask).kind == "deny"
    assert ALLOW.allowed
    assert not ask.allowed


LABELS = st.builds(
    lambda integrity, readers: label(integrity, *readers),
    st.sampled_from(Integrity),
    st.sets(st.sampled_from(["acl:a", "acl:b", "acl:c"])),
)
STRICT = ("allow", "ask", "deny")


@given(
    sink=st.builds(
        Sink,
        tool=st.just("t"),
        steering=st.sets(st.sampled_from("abc")).map(tuple),
        accepts=st.sampled_from(Integrity),
    ),
    args=st.dictionaries(st.sampled_from("abcd"), LABELS),
    pc=LABELS,
    reached=st.sets(st.sampled_from(["acl:a", "acl:b", "acl:c"])),
    may_ask=st.booleans(),
    raised=st.sampled_from("abcd*"),
)
def test_more_trust_never_makes_it_stricter(
    sink: Sink, args: dict[str, Label], pc: Label, reached: set[str], may_ask: bool, raised: str
) -> None:
    before = judge(sink, args, pc, reached=reached, may_ask=may_ask)

    def not_stricter(verdict: Verdict) -> bool:
        return STRICT.index(verdict.kind) <= STRICT.index(before.kind) and set(verdict.reasons) <= set(
            before.reasons
        )

    better = {
        name: label(Integrity.OPERATOR, *value.readers) if name == raised else value
        for name, value in args.items()
    }
    assert not_stricter(judge(sink, better, pc, reached=reached, may_ask=may_ask))
    trusted = label(Integrity.OPERATOR, *pc.readers)
    assert not_stricter(judge(sink, args, trusted, reached=reached, may_ask=may_ask))
    public = label(pc.integrity)
    assert not_stricter(judge(sink, args, public, reached=reached, may_ask=may_ask))
    assert not_stricter(judge(sink, args, pc, reached={*reached, "acl:a"}, may_ask=may_ask))
    assert not_stricter(judge(sink, args, pc, reached=reached, may_ask=may_ask, endorsed=(raised, "pc")))
    assert not_stricter(judge(sink, args, pc, reached=reached, may_ask=True))
