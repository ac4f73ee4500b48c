"""What a person said is approved; what nobody said is worth what brought it about."""

from __future__ import annotations

from datetime import UTC, datetime

from pilothouse.decisions import Answer, answer_label
from pilothouse.kernel import new_id
from pilothouse.labels import Integrity, leaves, unknown


def _answer(*, by_person: bool) -> Answer:
    return Answer(
        approved=by_person,
        verdict="approve" if by_person else "expire",
        proposal=new_id(),
        approval=new_id() if by_person else None,
        by="clerk.amira",
        reason="",
        args={},
        edited=False,
        at=datetime(2026, 1, 5, tzinfo=UTC),
    )


def test_an_answer_is_approved_and_keeps_its_readers() -> None:
    asked = unknown("x")
    label = answer_label(asked, _answer(by_person=True))
    assert (label.readers, label.integrity) == (asked.readers, Integrity.APPROVED)
    assert len(leaves(label)) == 2


def test_silence_is_worth_what_brought_it_about() -> None:
    assert answer_label(unknown("x"), _answer(by_person=False)) == unknown("x")
