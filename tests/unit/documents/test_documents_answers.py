"""The answer of a parser is checked in full: whatever it says, nothing wrong becomes a document."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.documents import ParserDied, ReadLimits, Span
from pilothouse.documents.parsed import document_of
from pilothouse.labels import Integrity, Label, Origin

LABEL = Label(
    readers=frozenset({"desk"}),
    integrity=Integrity.UNTRUSTED,
    origin=Origin(
        source="s", object="o", key={}, field="f", version="1", read_at=datetime(2026, 1, 1, tzinfo=UTC)
    ),
)
GOOD: dict[str, Any] = {
    "id": hashlib.sha256(b"x").hexdigest(),
    "media_type": "application/pdf",
    "name": "a.pdf",
    "extractor": "pdfium@5.15-1",
    "text": "hold the box",
    "pieces": [[0, 4, 1, [1, 2, 3.5, 4], "", 1.0, False], [5, 8, 1, [4, 2, 6, 4], "", 0.5, True]],
    "blocks": [["paragraph", 0, 12]],
    "pages": [[1, 595.0, 842.0, "text"]],
    "headers": [["from", "a@b"]],
    "parts": [],
    "notices": [["documents.hidden_text", "1 word", 1, None, ""]],
}


def test_a_good_answer_becomes_a_document_with_our_label() -> None:
    document = document_of(GOOD, label=LABEL, limits=ReadLimits())
    assert document.label is LABEL
    assert Span.find(document.id, document.text, "the").places[0].box is not None
    assert document.text.pieces[1].hidden


def _set(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(answer: dict[str, Any]) -> None:
        *above, last = path.split(".")
        at: Any = answer
        for key in above:
            at = at[int(key) if key.isdigit() else key]
        at[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "../etc"), ("id", None), ("media_type", "text/html; x"), ("extractor", "x"),
        ("text", 7),
        ("text", "e\u0301"), ("text", "a\r\nb and more words"), ("text", "hold \ud800 box"),
        ("text", "short"),
        ("pieces.0.0", -1), ("pieces.0.1", 99), ("pieces.0.1", 0),
        ("pieces.1.0", 2),
        ("pieces.0.0", True),
        ("pieces.0.2", -3), ("pieces.0.3", [1, 2, 3]), ("pieces.0.3", [1, 2, 3, float("nan")]),
        ("pieces.0.3", [1, 2, 3, 1e300]), ("pieces.0.5", 1.5), ("pieces.0.6", 1), ("pieces.0.4", None),
        ("pieces", {}), ("pieces.0", [0, 4]), ("blocks.0.0", "script"), ("blocks.0.2", 13),
        ("blocks.0.1", 13),
        ("pages.0.0", 0), ("pages.0.1", float("inf")), ("pages.0.3", "guessed"), ("headers.0", ["from"]),
        ("headers.0.1", 5), ("notices.0.0", "policy.allowed"),
        ("parts", [7]), ("parts", [{}]), ("parts", "x"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_refused_whole(path: str, value: object) -> None:
    answer = copy.deepcopy(GOOD)
    _set(path, value)(answer)
    with pytest.raises(ParserDied):
        document_of(answer, label=LABEL, limits=ReadLimits())


def test_an_answer_nested_without_end_is_refused() -> None:
    answer = copy.deepcopy(GOOD)
    for _ in range(500):
        answer = {**copy.deepcopy(GOOD), "parts": [answer]}
    with pytest.raises(ParserDied):
        document_of(answer, label=LABEL, limits=ReadLimits())


def test_an_answer_over_the_limits_is_refused() -> None:
    for limits in (ReadLimits(characters=5), ReadLimits(pages=0)):
        with pytest.raises(ParserDied):
            document_of(GOOD, label=LABEL, limits=limits)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=6),
    max_leaves=20,
)


@given(st.sampled_from(sorted(GOOD)), JSON)
def test_any_field_may_be_anything_and_only_typed_errors_come(name: str, value: object) -> None:
    try:
        document = document_of({**GOOD, name: value}, label=LABEL, limits=ReadLimits())
    except ParserDied:
        return
    for piece in document.text.pieces:
        assert 0 <= piece.start < piece.end <= len(document.text.content)
