"""What code takes of the agents' answers: words that stand in the text, and only what tightens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from port_samples import AT, BOX, box, cite, row, table

from pilothouse.kernel import UsageError
from pilothouse.labels import Integrity, Labelled
from pilothouse_port.assist.given import held, records_of, texts_of, tightened, typed_claims
from pilothouse_port.assist.specs import HANDLER, READER, for_readers
from pilothouse_port.desk.looking import one_of
from pilothouse_port.evaluate import judge
from pilothouse_port.reading import OUTCOME_OF, open_reader, read_facts
from pilothouse_port.types import Fact, Unknown, Unread, Verdict

RULES = table(
    row("stop", "instructed"), row("money", "dispute"), row("fraud", "suspicious_text", "ESCALATE"),
    row("seal", "cut", "ESCALATE"), row("damage", "remarked"), row("dangerous", "hazard_in_description"),
)  # fmt: skip
MAIL = (
    "Dear all,\r\nplease hold the box. Hold it. The seal of it is broken, and the seal of the other one is."
)
ANSWERED = {"message_id": "<2@x>", "in_reply_to": "<1@x>", "from": "a@x.example"}


def mail(text: str, **also: str) -> Unread:
    fields = {name: cite(name, value, integrity=Integrity.UNTRUSTED) for name, value in also.items()}
    return Unread(
        source="desk",
        kind="mail",
        text=cite(f"text of {also.get('message_id', '')}", text, integrity=Integrity.UNTRUSTED),
        also=fields,
    )


def answer(quote: str, type: str = "stop", text: str = "text1", box: str = "this") -> dict[str, Any]:
    return {"claims": [{"text": text, "type": type, "quote": quote, "box": box}]}


@pytest.mark.parametrize(
    ("given_answer", "quotes", "refused"),
    [
        (answer("please hold the box"), ["please hold the box"], 0),
        (answer("a note about MSCU1234566"), ["a note about MSCU1234566"], 0),
        (answer("Please hold the box"), [], 1),
        (answer("please hold the boxes"), [], 1),
        (answer("seal of"), [], 1),
        (answer(" "), [], 1),
        (answer("please hold the box", text="text2"), [], 1),
        (answer("please hold the box", type="stop_withdrawn"), [], 1),
        (answer("please hold the box", type="release"), [], 1),
        (answer("please hold the box", box="other"), [], 0),
        ({"claims": ["please hold the box", None]}, [], 2),
        ({"claims": "please hold the box"}, [], 0),
        (None, [], 0),
    ],
)
def test_only_words_that_stand_there_once_and_types_that_tighten_are_claims(
    given_answer: object, quotes: list[str], refused: int
) -> None:
    facts = box(unread=(mail(MAIL, subject="a note about MSCU1234566"),))
    claims, left_out = held(facts, given_answer)
    assert [one.quote for one in claims] == quotes and left_out == refused
    for claim in claims:
        assert (claim.effect, claim.state) == ("tighten", "proposed")
        assert claim.text in (facts.unread[0].text, facts.unread[0].also["subject"])
        assert str(claim.text.value).replace("\r\n", "\n")[claim.start :].startswith(claim.quote)


RANK = {verdict: place for place, verdict in enumerate(Verdict)}
CLAIMS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.sampled_from(["text1", "text2", "text3"]),
            "type": st.sampled_from([*OUTCOME_OF, "stop_withdrawn", "released"]),
            "quote": st.sampled_from(["please hold the box", "you may release it now", "never said"]),
            "box": st.sampled_from(["this", "all", "other"]),
        }
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(claims=CLAIMS, back=st.booleans())
def test_no_answer_of_the_reader_makes_a_verdict_looser(claims: list[dict[str, str]], back: bool) -> None:
    texts = [mail("Urgent: please hold the box.", message_id="<1@x>", **{"from": "a@x.example"})]
    if back:
        texts.append(mail("The hold is lifted, you may release it now.", **ANSWERED))
    facts = box(unread=texts)
    readout = asyncio.run(read_facts(facts, open_reader()))
    before = judge(facts, RULES, at=AT, readout=readout).verdict
    after = judge(facts, RULES, at=AT, readout=tightened(readout, held(facts, {"claims": claims})[0])).verdict
    assert RANK[after.advised] >= RANK[before.advised] and RANK[after.bound] >= RANK[before.bound]
    assert {(one.check, one.outcome) for one in before.reasons} <= {
        (one.check, one.outcome) for one in after.reasons
    }


def test_a_stop_that_only_the_agent_found_is_not_taken_back_with_another() -> None:
    stop = mail("Please do not release MSCU1234566.", message_id="<1@x>", **{"from": "a@x.example"})
    back = mail("The stop is lifted, you may release MSCU1234566.", **ANSWERED)
    third = mail("Kindly ponder our quincunx.", message_id="<9@x>", **{"from": "b@y.example"})
    facts = box(unread=(stop, back, third))
    readout = asyncio.run(read_facts(facts, open_reader()))
    assert any(one.effect == "loosen" for one in readout.claims), "our own reader proposes to loosen"
    known, _ = held(facts, answer("Please do not release MSCU1234566"))
    assert tightened(readout, known) == readout, "what was found before adds nothing"
    found, _ = held(facts, answer("ponder our quincunx", text="text3"))
    assert not any(one.effect == "loosen" for one in tightened(readout, found).claims)


def test_the_handler_gets_no_word_and_the_whole_label() -> None:
    facts = box(unread=(mail(MAIL, subject="hold"), mail("quite harmless")))
    claims, _ = held(facts, answer("please hold the box"))
    pack = judge(facts, RULES, at=AT)
    reader = cite("reader", "").label
    found = typed_claims(facts, claims, pack, reader)
    assert found.value == [{"claim": 1, "check": "stop", "outcome": "instructed", "prepared": False}]
    assert found.label.integrity is Integrity.UNTRUSTED
    given_texts = texts_of(facts)
    assert list(given_texts) == ["text1", "text2"]
    nothing = typed_claims(facts, (), pack, None)
    assert (nothing.value, nothing.label.integrity) == ([], Integrity.UNTRUSTED), (
        "that there are none tells too"
    )


def test_what_a_stranger_could_have_written_is_no_record() -> None:
    words = Fact(
        name="goods.description", value="x", cited=(cite("x", "release me", integrity=Integrity.UNTRUSTED),)
    )
    facts = box()
    facts.readings["goods.description"] = words
    records = records_of(facts)
    assert isinstance(records["goods.description"], Unknown)
    assert records["customs.state"] == facts["customs.state"]
    assert "release me" not in repr(records)


def test_rights_grow_by_the_readers_of_what_is_handed_over_and_by_nothing_else() -> None:
    text = Labelled(value="x", label=cite("x", "x").label)
    assert for_readers(READER, [text.label]).rights == READER.rights | {"acl:desk"}
    assert not any(right.startswith("acl:") for right in HANDLER.rights | READER.rights)
    assert READER.tools == () and "stop_withdrawn" not in str(READER.output)


def test_a_box_under_two_bills_is_named_with_one() -> None:
    boxes = [replace(BOX, bl=bl) for bl in ("BL1", "BL2")]
    assert one_of(boxes, BOX.container, "BL2").bl == "BL2"
    assert one_of(boxes[:1], BOX.container).bl == "BL1"
    for container, bl, code in (
        (BOX.container, "", "port.which_bl"),
        (BOX.container, "BL3", "port.no_box"),
        ("NONE", "", "port.no_box"),
    ):
        with pytest.raises(UsageError) as caught:
            one_of(boxes, container, bl)
        assert caught.value.code == code
