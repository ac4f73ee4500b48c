"""Bodies are stored compressed where that is shorter; what is read is what was said, byte by byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pilothouse.labels import Label, join, typed
from pilothouse.models import Message, Part
from pilothouse.models.keeping.bodies import (
    PACKED,
    call_label,
    label_body,
    label_key,
    message_body,
    packed,
    parse_body,
    unpacked,
)


@given(st.text())
def test_a_message_comes_back_as_it_was(words: str) -> None:
    body = message_body(
        Message(role="tool", parts=(Part(text=words, label=typed("ann", "1")),), answers="c1")
    )
    assert body[:1] != PACKED
    assert unpacked(packed(body)) == body == unpacked(body)
    assert parse_body(packed(body)) == parse_body(body)
    assert len(packed(body)) <= len(body)


def test_the_label_of_a_long_prompt_does_not_list_each_place_but_means_the_same() -> None:
    labels = [typed("ann", str(n)) for n in range(200)]
    whole: Label = join(labels[0], *labels[1:])
    again: Label = join(labels[-1], *labels[:-1])
    assert call_label(whole) == call_label(again)
    assert call_label(whole) != label_key(whole)
    assert call_label(whole) != call_label(join(whole, typed("bob", "1")))
    few = join(labels[0], labels[1])
    assert call_label(few) == label_key(few)
    assert len(label_body(whole)) > 10_000
