"""Owns what the agents are given: texts for the one, records and handles for the other, labels kept apart."""

from __future__ import annotations

from collections.abc import Iterable

from pilothouse.agents import Value
from pilothouse.connectors import as_text
from pilothouse.kernel import Json
from pilothouse.labels import Integrity, Label, join, signed
from pilothouse_port.pack import Pack
from pilothouse_port.types import Absent, Fact, Facts, Reason, Unread

__all__ = ["OURS", "case_of", "findings_of", "texts_of", "valued", "words_of_text"]

OURS = signed("workflow:port.prepare", "1")
"""Of what the workflow itself says, such as that there is nothing."""


def valued(data: Json, label: Label) -> Value:
    """Return ``data`` as an agent is given it, all of it under one label."""
    parts: dict[str, Value] = {}
    if isinstance(data, dict):
        parts = {name: valued(item, label) for name, item in data.items()}
    elif isinstance(data, list):
        parts = {str(place): valued(item, label) for place, item in enumerate(data)}
    return Value(data=data, label=label, parts=parts)


def texts_of(facts: Facts) -> dict[str, Value]:
    """Return every text as data of its own: ``text1``, ``text2``, ... in their order."""
    return {f"text{place}": _text(one) for place, one in enumerate(facts.unread, 1)}


def words_of_text(text: Unread) -> str:
    """Return what stands in a text: its subject and its body."""
    subject = text.also.get("subject")
    words = text.words or str(text.text.value or "")
    return f"{subject.value}\n{words}" if subject is not None and subject.value else words


def case_of(facts: Facts, pack: Pack) -> Value:
    """Return what records alone say: reasons none of whose values a stranger could have written.

    The label is of exactly those values, so whoever reads this has seen no text.
    """
    sure = [reason for reason in pack.verdict.reasons if _vouched(reason)]
    labels = [label for reason in sure for label in _labels(reason)]
    known = [
        reading
        for reading in facts.readings.values()
        if isinstance(reading, Fact) and _least(item.label for item in reading.cited) >= Integrity.RECORD
    ]
    labels += [item.label for reading in known for item in reading.cited]
    data: Json = {
        "reasons": [_said(reason) for reason in sure],
        "drafts": _ready(pack, sure),
        "facts": {reading.name: [as_text(item.value) for item in reading.cited] for reading in known},
    }
    return valued(data, join(OURS, *labels))


def findings_of(facts: Facts, pack: Pack) -> Value:
    """Return what rests on texts as well; for the handler a handle, under all that it rests on."""
    rest = [reason for reason in pack.verdict.reasons if not _vouched(reason)]
    labels = [label for reason in pack.verdict.reasons for label in _labels(reason)]
    labels += [text.text.label for text in facts.unread]
    data: Json = {"reasons": [_said(reason) for reason in rest], "drafts": _ready(pack, rest)}
    return valued(data, join(OURS, *labels))


def _text(text: Unread) -> Value:
    labels = [text.text.label, *(item.label for item in text.also.values())]
    data: Json = {"kind": text.kind, "part": text.part, "text": words_of_text(text)}
    return valued(data, join(*labels))


def _labels(reason: Reason) -> list[Label]:
    return [item.label for reading in reason.evidence for item in reading.cited]


def _least(labels: Iterable[Label]) -> Integrity:
    return min((label.integrity for label in labels), default=Integrity.UNTRUSTED)


def _vouched(reason: Reason) -> bool:
    """Whether records alone gave this reason; an unknown that a text may hide is no record."""
    if reason.cause == "unread" or any(not isinstance(one, Fact | Absent) for one in reason.evidence):
        return False
    claims = any(one.name.startswith("claim.") for one in reason.evidence)
    return not claims and _least(_labels(reason)) >= Integrity.RECORD


def _said(reason: Reason) -> dict[str, Json]:
    return {
        "check": reason.check, "outcome": reason.outcome, "code": reason.code,
        "verdict": reason.verdict.value,
    }  # fmt: skip


def _ready(pack: Pack, reasons: list[Reason]) -> list[Json]:
    named = {reason.check for reason in reasons}
    return [draft.check for draft in pack.drafts if draft.check in named]
