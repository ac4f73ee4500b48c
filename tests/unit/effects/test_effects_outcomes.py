"""The label of what became of an effect, and a double."""

from __future__ import annotations

from typing import Any

import pytest

from pilothouse.effects import outcome_label
from pilothouse.effects.testing import FakeResumer, marked
from pilothouse.kernel import UnavailableError
from pilothouse.labels import Integrity, leaves


def test_an_outcome_is_a_record_unless_what_it_was_made_of_is_worth_less() -> None:
    for integrity, approved, worth in (
        (Integrity.UNTRUSTED, False, Integrity.UNTRUSTED),
        (Integrity.UNTRUSTED, True, Integrity.RECORD),
        (Integrity.OPERATOR, False, Integrity.RECORD),
        (Integrity.APPROVED, True, Integrity.RECORD),
    ):
        label = outcome_label(marked(integrity, "acl:a"), "e:1", "send", approved=approved)
        assert (label.integrity, label.readers) == (worth, {"acl:a"})
        assert {leaf.source for leaf in leaves(label)} == {"desk", "effects"}  # type: ignore[union-attr]


async def test_the_double_of_a_run_tells_whether_it_waits() -> None:
    answer: Any = object()
    gone, broken = FakeResumer(waiting=False), FakeResumer(error=UnavailableError("engine is away"))
    assert await gone.resume(None, "run-1", "2", answer) is False  # type: ignore[arg-type]
    with pytest.raises(UnavailableError):
        await broken.resume(None, "run-1", "2", answer)  # type: ignore[arg-type]
    assert gone.got == broken.got == []
