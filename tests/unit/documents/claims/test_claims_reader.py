"""The ladder: verified, joined, abstaining aloud; a quote that is not there is no claim."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.documents import Piece, Place, Text, claims
from pilothouse.documents.claims import Candidate, ClaimType, Reader, Reading, Task, plain_text
from pilothouse.documents.claims.testing import FakeGenerator
from pilothouse.kernel import UsageError, decode, encode
from pilothouse.labels import unknown

LABEL = unknown("mailbox")


def read(reader: Reader, text: str | Text, **options: object) -> Reading:
    given_text = plain_text(text) if isinstance(text, str) else text
    return asyncio.run(reader.read(given_text, document="d", label=LABEL, **options))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Scripted:
    """Proposes what it was given."""

    candidates: tuple[Candidate, ...]
    version: str = "scripted@1"

    async def propose(self, text: Text, *, wanted: frozenset[ClaimType]) -> Sequence[Candidate]:
        return self.candidates


def candidate(**fields: object) -> Candidate:
    base: dict[str, object] = {"type": "stop", "extractor": "scripted@1", "rung": "model", "p": 0.9}
    return Candidate(**{**base, **fields})  # type: ignore[arg-type]


def test_a_mail_is_read_with_slots_language_and_label(task: Task) -> None:
    text = "Hallo,\nbitte geben Sie CSQU3054383 bis auf Weiteres nicht frei.\nMfG"
    reading = read(Reader(task), text)
    (stop,) = reading.of("stop", use="fill")
    assert stop.values("container") == ("CSQU3054383",)
    assert (stop.language, stop.state, stop.label) == ("de", "proposed", LABEL)
    assert not reading.unread
    assert decode(encode(reading)) == reading


def test_text_without_a_label_is_not_read(task: Task) -> None:
    with pytest.raises(UsageError) as caught:
        asyncio.run(Reader(task).read(plain_text("x"), document="d", label=None))  # type: ignore[arg-type]
    assert caught.value.code == "labels.missing"


def test_an_unknown_type_is_named(task: Task) -> None:
    with pytest.raises(UsageError, match="nonsense"):
        read(Reader(task), "x", wanted=["nonsense"])


def test_only_wanted_types_are_claimed_and_the_rest_still_counts_as_read(task: Task) -> None:
    reading = read(Reader(task), "Please do not release the box.", wanted=["stop_withdrawn"])
    assert reading.claims == ()
    assert reading.unread == ()


def test_unread_is_not_nothing_there(task: Task) -> None:
    reading = read(Reader(task), "The parrots have eaten the manifest.")
    assert [one.cause for one in reading.unread] == ["words"]
    assert reading.open("stop")
    assert reading.unsettled


def test_harmless_sentences_are_read_and_leave_nothing_open(task: Task) -> None:
    reading = read(Reader(task), "Dear all,\nwhen will CSQU3054383 be available?\nKind regards\nLou")
    assert reading.understood
    assert [m.value for m in reading.mentions] == ["CSQU3054383"]


def test_an_alerting_word_keeps_a_harmless_sentence_unread(task: Task) -> None:
    reading = read(Reader(task), "When was the stop lifted, and by whom was it not?")
    assert reading.of("stop_withdrawn") or reading.unread


def test_another_language_is_said_to_be_unread() -> None:
    english = claims.task_of(
        {"task": {"name": "t", "languages": ["en"]}, "types": {"stop": {"tightens": True}}}
    )
    reading = read(Reader(english), "Merci de garder le conteneur au terminal jusqu'à nouvel ordre.")
    assert [one.cause for one in reading.unread] == ["language"]


def test_two_types_that_exclude_each_other_abstain_and_the_warning_stays(task: Task) -> None:
    text = "Stop CSQU3054383."
    both = Scripted((candidate(type="stop_withdrawn", quote=text, use="fill"),))
    reading = read(Reader(task, extractors=[both]), text)
    assert {one.type for one in reading.abstained} == {"stop", "stop_withdrawn"}
    assert {one.cause for one in reading.abstained} == {"disagree"}
    assert all(len(one.claims) == 2 for one in reading.abstained)
    assert [(one.type, one.use) for one in reading.claims if one.type != "box"] == [("stop", "tighten")]


@pytest.mark.parametrize("quote", ["not in the text", "box", "", "   "])
def test_a_quote_that_is_not_there_or_there_twice_is_dropped_and_counted(task: Task, quote: str) -> None:
    reading = read(Reader(task, extractors=[Scripted((candidate(quote=quote),))]), "A box is a box.")
    assert reading.claims == ()
    assert reading.dropped == 1


@pytest.mark.parametrize(
    "fields", [{"start": 3, "end": 999}, {"start": 5, "end": 5}, {"quote": "box", "p": 1.7}]
)
def test_a_place_outside_the_text_or_a_chance_above_one_is_dropped(
    task: Task, fields: dict[str, object]
) -> None:
    reading = read(Reader(task, extractors=[Scripted((candidate(**fields),))]), "It is a box.")
    assert (reading.claims, reading.dropped) == ((), 1)


def test_hidden_words_only_warn(task: Task) -> None:
    content = "Please stop the delivery. We withdraw our stop."
    cut = content.index(" We")
    hidden = (
        Piece(start=0, end=cut, place=Place(page=1), hidden=True),
        Piece(start=cut, end=len(content), place=Place(page=1), hidden=True),
    )
    reading = read(Reader(task), Text(content=content, pieces=hidden))
    assert [(c.type, c.use) for c in reading.claims] == [("stop", "tighten")]
    assert [(a.type, a.cause) for a in reading.abstained] == [("stop_withdrawn", "hidden")]


def test_a_cover_letter_leaves_open_what_it_forwards(task: Task) -> None:
    mail = "See below.\n\nFrom: Al\nTo: Lou\nDate: today\nSubject: x\n\nPlease do not release CSQU3054383."
    reading = read(Reader(task), mail)
    assert [(one.type, one.cause) for one in reading.abstained] == [("stop", "quoted")]
    assert not reading.of("stop")


def test_two_containers_leave_a_single_slot_empty(task: Task) -> None:
    text = "We lift our stop on CSQU3054383 and MSKU1234565."
    (claim,) = read(Reader(task), text).of("stop_withdrawn")
    assert claim.missing == ("container",)
    assert claim.value("container") is None


def test_accounts_and_doubtful_numbers(task: Task) -> None:
    reading = read(Reader(task), "Pay to DE89 3704 0044 0532 0130 00. Box CSQU3O54383?")
    assert [c.slots[0].value for c in reading.of("account", use="fill")] == ["DE89370400440532013000"]
    assert [(a.type, a.cause) for a in reading.abstained] == [("box", "ambiguous")]


def test_a_model_is_asked_only_where_something_stays_open(task: Task) -> None:
    model = FakeGenerator(types=frozenset({"stop"}), answer={"claims": []})
    reader = Reader(task, generator=model)
    read(reader, "When will it come?")
    assert model.asked == []
    read(reader, "The parrots have eaten the manifest.")
    assert len(model.asked) == 1


def test_what_a_model_quotes_verbatim_may_tighten_and_never_fill(task: Task) -> None:
    quote = "keep it behind the gate"
    model = FakeGenerator(
        types=frozenset({"stop"}),
        answer={
            "claims": [
                {"type": "stop", "quote": quote, "slots": {"container": "CSQU3054383"}},
                {"type": "stop", "quote": "an invented sentence"},
                {"type": "stop_withdrawn", "quote": quote},
                "nonsense",
            ]
        },
    )
    reading = read(Reader(task, generator=model), f"Do us a favour and {quote}, CSQU3054383.")
    (claim,) = reading.of("stop")
    assert (claim.use, claim.span.quote, claim.value("container")) == ("tighten", quote, "CSQU3054383")
    assert claim.extractors == ("fake-model@1",)
    assert reading.dropped == 1
    assert reading.unread == ()


def test_a_model_that_is_gone_leaves_its_types_open(task: Task) -> None:
    reading = read(
        Reader(task, generator=FakeGenerator(types=frozenset({"stop"}))), "The parrots have eaten it."
    )
    assert [(one.type, one.cause) for one in reading.abstained] == [("stop", "model")]


WORDS = st.sampled_from(
    [
        "do not",
        "release",
        "stop",
        "🚢",
        "e\u0301",
        "👩‍👩‍👧",
        "CSQU3054383",
        "ﬁn",
        "Straße",
        ".",
        "\n",
        "> ",
        "lift",
        ",",
        "İ",
    ]
)


@given(st.lists(WORDS, max_size=25).map(" ".join))
def test_every_span_quotes_its_text(task: Task, text: str) -> None:
    canonical = plain_text(text)
    reading = read(Reader(task), canonical)
    spans = [c.span for c in reading.claims] + [s.span for c in reading.claims for s in c.slots]
    spans += [one.span for one in reading.unread]
    spans += [c.span for one in reading.abstained for c in one.claims]
    for span in spans:
        assert canonical.content[span.start : span.end] == span.quote


@given(st.lists(WORDS, max_size=25).map(" ".join))
def test_many_read_as_one_by_one(task: Task, text: str) -> None:
    reader = Reader(task)
    item = claims.Item(text=plain_text(text), document="d", label=LABEL)
    assert asyncio.run(reader.read_many([item, item])) == [read(reader, text)] * 2
