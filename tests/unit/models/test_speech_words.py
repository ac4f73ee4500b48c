"""Which heard words a person has to confirm."""

from __future__ import annotations

import pytest

from pilothouse.models.runtime import HeardWord, Transcript, needs_confirmation


@pytest.mark.parametrize(
    "word",
    ["9", "4,500", "MSKU", "MSKU1234567", "seven.", "Nine", "K", "X-4", "neuf", "zwölf", "veinte", "3rd"],
)
def test_numbers_and_identifiers_are_confirmed(word: str) -> None:
    assert needs_confirmation(word)


@pytest.mark.parametrize("word", ["container", "I", "A", "Monday", "Rotterdam,", "", "...", "gate"])
def test_plain_words_are_not(word: str) -> None:
    assert not needs_confirmation(word)


def test_a_transcript_shows_what_is_open() -> None:
    words = tuple(
        HeardWord(text=text, start=at, end=at + 0.5, confidence=0.9, confirm=needs_confirmation(text))
        for at, text in enumerate(("gate", "seven", "is", "closed"))
    )
    made = Transcript(words=words, language="en", measured=True, seconds=4.0, speech_seconds=3.0)
    assert made.text == "gate seven is closed"
    assert [word.text for word in made.to_confirm] == ["seven"]
