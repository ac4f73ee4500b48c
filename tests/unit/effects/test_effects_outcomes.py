"""The label of what became of an effect."""

from __future__ import annotations

from pilothouse.effects import outcome_label
from pilothouse.effects.testing import marked
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
