"""Owns the label of an answer: what a person said is approved, whatever they were asked about."""

from __future__ import annotations

from pilothouse.decisions.types import Answer
from pilothouse.labels import Integrity, Label, Origin, lifted

__all__ = ["answer_label"]


def answer_label(asked_about: Label, answer: Answer) -> Label:
    """Return the label of what the person said; who could read the question's values is still asked of all.

    An answer that nobody gave (time ran out, the question was taken back) is worth what brought it about.

    Args:
        asked_about: The join of what the question was about and of the choice to ask it.
        answer: As the run got it.
    """
    if answer.approval is None:
        return asked_about
    by = Origin(
        source="decisions", object="approval", key={"approval": str(answer.approval), "by": answer.by},
        field="verdict", version=str(answer.proposal), read_at=answer.at,
    )  # fmt: skip
    return lifted(asked_about, Integrity.APPROVED, by=by)
