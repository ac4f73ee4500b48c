"""Owns the label of an outcome: what became of an effect is a record of ours, whatever it was made of."""

from __future__ import annotations

from datetime import UTC, datetime

from pilothouse.labels import Integrity, Label, Origin, join, lifted

__all__ = ["outcome_label"]

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def outcome_label(made_of: Label, effect_id: str, tool: str, *, approved: bool) -> Label:
    """Return the label of an outcome's state; the receiver's result carries a label of its own.

    Args:
        made_of: The join of arguments and choice.
        effect_id: Which effect.
        tool: Which tool.
        approved: Whether a person approved the call, so that it is no longer as doubtful as its values.
    """
    ours = Origin(
        source="effects", object=tool, key={"effect": effect_id}, field="state", version="1", read_at=_NO_TIME
    )
    record = Label(readers=frozenset(), integrity=Integrity.RECORD, origin=ours)
    return join(lifted(made_of, Integrity.RECORD, by=ours) if approved else made_of, record)
