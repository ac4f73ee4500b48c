"""The verdict on a call that nobody approved: sink rule, certificate, rung; and whom an effect reaches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.decisions import Quorum, Rung
from pilothouse.effects import EffectRequest, EffectSpec, Recipient
from pilothouse.effects.gate.weigh import beyond, own, reached, weigh
from pilothouse.effects.testing import RUNNER, FakePeople, marked
from pilothouse.kernel import UsageError
from pilothouse.labels import Integrity, join, signed, typed

UNTRUSTED, RECORD, APPROVED, OPERATOR = Integrity
MAIL = EffectSpec(tool="send", effect="egress", tier=2, steering=("to",), audience=Recipient(arg="to"))
TAG = EffectSpec(tool="tag", effect="write", tier=1, accepts=RECORD, steering=("on",))
INTEGRITIES = st.sampled_from(list(Integrity))
RUNGS = st.sampled_from(list(Rung))
ORDER = ("allow", "ask", "deny")


def call(
    spec: EffectSpec, *, pc: Integrity = OPERATOR, may_ask: bool = True, **args: Integrity
) -> EffectRequest:
    return EffectRequest(
        tool=spec.tool,
        args=dict.fromkeys(args, "x"),
        effect_id="e",
        principal=RUNNER,
        labels={name: marked(integrity) for name, integrity in args.items()},
        pc=marked(pc),
        may_ask=may_ask,
    )


def verdict(
    spec: EffectSpec, request: EffectRequest, rung: Rung = Rung.APPROVE, *endorsed: str
) -> tuple[Any, ...]:
    found = weigh(spec, request, reached=(), rung=rung, endorsed=endorsed)
    return (found.kind, *found.reasons)


def test_words_that_a_person_typed_are_the_decision_below_tier_4() -> None:
    typed = call(MAIL, to=OPERATOR, text=OPERATOR)
    assert verdict(MAIL, typed) == ("allow",)
    release = EffectSpec(tool="release", steering=("box",))
    assert verdict(release, call(release, box=OPERATOR)) == ("ask", "effects.rung:approve")
    for strict in (replace(MAIL, quorum=Quorum(count=2)), replace(MAIL, apart=("cancel",))):
        assert verdict(strict, typed) == ("ask", "effects.rung:approve")


def test_one_word_that_nobody_typed_asks() -> None:
    for args, pc in (({"to": OPERATOR, "text": APPROVED}, OPERATOR), ({"to": OPERATOR}, APPROVED)):
        assert verdict(MAIL, call(MAIL, pc=pc, **args)) == ("ask", "effects.rung:approve")


def test_where_nobody_may_be_asked_the_answer_is_no() -> None:
    asking = call(MAIL, pc=UNTRUSTED, to=UNTRUSTED)
    reasons = ("sink.pc", "sink.steering:to", "effects.rung:approve")
    assert verdict(MAIL, asking) == ("ask", *reasons)
    assert verdict(MAIL, replace(asking, may_ask=False)) == ("deny", *reasons)


def test_a_tool_that_accepts_records_asks_nobody_about_records() -> None:
    assert verdict(TAG, call(TAG, pc=RECORD, on=RECORD)) == ("allow",)
    assert verdict(TAG, call(TAG, pc=RECORD, on=UNTRUSTED)) == ("ask", "sink.steering:on")
    assert verdict(TAG, call(TAG, pc=UNTRUSTED, on=RECORD), Rung.APPROVE, "pc") == ("allow",)


def test_a_certificate_lifts_records_and_never_what_is_untrusted() -> None:
    assert verdict(MAIL, call(MAIL, pc=RECORD, to=RECORD), Rung.SAMPLED) == ("allow",)
    assert verdict(MAIL, call(MAIL, pc=RECORD, to=UNTRUSTED), Rung.AUTONOMOUS) == ("ask", "sink.steering:to")
    assert verdict(MAIL, call(MAIL, pc=UNTRUSTED, to=RECORD), Rung.AUTONOMOUS) == ("ask", "sink.pc")


def test_a_tool_that_declares_nothing_takes_only_a_persons_own_words() -> None:
    spec = EffectSpec.undeclared("mystery")
    assert (spec.tier, spec.effect, spec.accepts, spec.audience) == (4, "irreversible", OPERATOR, "public")
    assert verdict(spec, call(spec, a=OPERATOR)) == ("ask", "effects.rung:approve")
    kind, *reasons = verdict(spec, call(spec, a=RECORD))
    assert (kind, reasons[-1]) == ("deny", "effects.operator_only")


def test_an_audience_is_the_public_until_it_is_declared() -> None:
    secret = replace(call(TAG, on=RECORD), pc=marked(RECORD, "acl:mailbox-7"))
    assert reached(TAG, secret, None) == frozenset()
    assert verdict(TAG, secret) == ("ask", "sink.secrecy:acl:mailbox-7")
    own = replace(TAG, audience=("acl:mailbox-7", "user:{principal}"))
    assert reached(own, secret, None) == {"acl:mailbox-7", f"user:{RUNNER.id}"}
    assert beyond(secret, reached(own, secret, None)) == frozenset()


@pytest.mark.parametrize(
    ("to", "acls"),
    [
        ("ann", {"acl:a", "acl:b"}),
        (["ann", "bob"], {"acl:b"}),
        (["ann", "stranger"], set[str]()),
        ([], set[str]()),
        (None, set[str]()),
        ({"name": "ann"}, set[str]()),
        ("stranger", set[str]()),
    ],
)
def test_recipients_are_reached_together_and_a_stranger_is_the_public(to: Any, acls: set[str]) -> None:
    people = FakePeople(reads={"ann": frozenset({"acl:a", "acl:b"}), "bob": frozenset({"acl:b"})})
    request = replace(call(MAIL, to=OPERATOR), args={"to": to})
    assert reached(MAIL, request, people) == acls
    assert reached(MAIL, request, None) == frozenset()
    assert reached(MAIL, replace(request, args={}), people) == frozenset()


@pytest.mark.parametrize(
    ("cc", "acls"),
    [
        ("bob", {"acl:b"}),
        (["bob", "stranger"], set[str]()),
        ("stranger", set[str]()),
        ("", {"acl:a", "acl:b"}),
        (None, {"acl:a", "acl:b"}),
        ([], {"acl:a", "acl:b"}),
        ([""], set[str]()),
        (7, set[str]()),
    ],
)
def test_who_gets_a_copy_is_reached_as_well(cc: Any, acls: set[str]) -> None:
    people = FakePeople(reads={"ann": frozenset({"acl:a", "acl:b"}), "bob": frozenset({"acl:b"})})
    copied = replace(MAIL, audience=Recipient(arg="to", also=("cc", "bcc")))
    request = replace(call(copied, to=OPERATOR), args={"to": "ann", "cc": cc})
    assert reached(copied, request, people) == acls
    assert [copied.steers(name) for name in ("to", "cc", "bcc", "text")] == [True, True, True, False]
    assert not TAG.steers("text")


def test_an_audience_is_public_acl_ids_or_a_recipient() -> None:
    with pytest.raises(UsageError, match="'everybody' is not 'public'"):
        replace(TAG, audience="everybody")


@given(
    st.tuples(INTEGRITIES, INTEGRITIES, INTEGRITIES), st.tuples(INTEGRITIES, INTEGRITIES, INTEGRITIES), RUNGS
)
def test_more_trust_never_makes_it_stricter(
    one: tuple[Integrity, ...], other: tuple[Integrity, ...], rung: Rung
) -> None:
    more = tuple(max(pair) for pair in zip(one, other, strict=True))
    for spec in (MAIL, replace(TAG, steering=("to",)), EffectSpec.undeclared("mystery")):
        for may_ask in (True, False):
            less, least = (
                weigh(
                    spec,
                    call(spec, pc=pc, may_ask=may_ask, to=to, text=text),
                    reached=(),
                    rung=rung,
                )
                for pc, to, text in (more, one)
            )
            assert ORDER.index(less.kind) <= ORDER.index(least.kind)


@given(INTEGRITIES, INTEGRITIES, RUNGS)
def test_untrusted_values_never_pass_alone_whatever_the_rung(
    pc: Integrity, to: Integrity, rung: Rung
) -> None:
    for spec in (MAIL, EffectSpec(tool="release", steering=("to",)), EffectSpec.undeclared("mystery")):
        found = weigh(spec, call(spec, pc=pc, to=to), reached=(), rung=rung)
        if UNTRUSTED in (pc, to):
            assert not found.allowed
        if spec.tier == 4 and rung < Rung.SAMPLED:
            assert not found.allowed


def test_what_another_person_typed_is_a_record_here_and_no_word_of_the_callers() -> None:
    mine, theirs, config = typed(RUNNER.id, "r"), typed("eve", "r"), signed("plan", "1")
    request = replace(call(MAIL, to=OPERATOR, text=OPERATOR), labels={"to": mine, "text": theirs}, pc=config)
    judged = own(request)
    assert (judged.labels["to"], judged.pc) == (mine, config)
    assert judged.labels["text"].integrity is RECORD
    assert own(replace(request, pc=join(mine, theirs))).pc.integrity is RECORD
    assert verdict(MAIL, judged) == ("ask", "sink.content:text", "effects.rung:approve")


def test_everybody_whom_an_effect_reaches_steers_it() -> None:
    copied = replace(MAIL, steering=(), accepts=RECORD, tier=1, audience=Recipient(arg="to", also=("cc",)))
    assert copied.sink.steering == ("to", "cc")
    asked = verdict(copied, call(copied, to=OPERATOR, cc=UNTRUSTED))
    assert asked == ("ask", "sink.steering:cc")
