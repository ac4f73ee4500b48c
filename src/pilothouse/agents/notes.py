"""Owns what an agent keeps between runs: notes that are stored with their label and come back with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from pilothouse.agents.values import Value
from pilothouse.connectors import Row
from pilothouse.kernel import DataError, DeniedError, Principal, canonical, decode, loads
from pilothouse.labels import Condensed, Integrity, Label, join, leaves

__all__ = ["KeptNotes", "Notes", "load", "save"]


class Notes(Protocol):
    """Where notes are; every note is stored in its wire form, value and label together."""

    def get(self, name: str) -> bytes | None:
        """Return the stored bytes of a note, or None."""
        ...

    def put(self, name: str, note: bytes) -> None:
        """Store a note."""
        ...


class KeptNotes:
    """Notes in memory, as bytes."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        """Return the stored bytes of a note, or None."""
        return self.kept.get(name)

    def put(self, name: str, note: bytes) -> None:
        """Store a note."""
        self.kept[name] = note


def load(notes: Notes, name: str, by: Principal) -> Value:
    """Return a note with the label it was stored with; the words of somebody else are a record to ``by``.

    Raises:
        DataError: ``agents.nothing``: no such note; ``labels.missing``: it has no label.
    """
    stored = notes.get(name)
    if stored is None:
        raise DataError(f"there is no note {name!r}", code="agents.nothing")
    value = decode(loads(stored))
    if not isinstance(value, Value):
        raise DataError(f"note {name!r} was stored without a label; forget it", code="labels.missing")
    if value.whole.integrity <= Integrity.RECORD and value.chosen <= Integrity.RECORD:
        return value
    capped = value.mapped(lambda label: label if _said(label, by) else join(label, _recorded(name)))
    return capped if _said(value.whole, by) else capped.under(which=Integrity.RECORD)


def save(notes: Notes, name: str, value: Value, by: Principal) -> None:
    """Store a note under its label.

    Raises:
        DeniedError: ``agents.note_kept``: what stands there is trusted more, so this may not replace it.
    """
    if notes.get(name) is not None:
        there = load(notes, name, by).whole
        if there.integrity > value.whole.integrity:
            raise DeniedError(
                f"note {name!r} is trusted more than what would replace it; take another name",
                code="agents.note_kept",
                reasons=("agents.note_kept",),
            )
    notes.put(name, canonical(value))


def _said(label: Label, by: Principal) -> bool:
    """Whether ``by`` typed it, or it is worth no more than a record anyway."""
    if label.integrity <= Integrity.RECORD:
        return True
    typists = [leaf for leaf in leaves(label) if isinstance(leaf, Condensed) or leaf.source == "typed"]
    return bool(typists) and all(not isinstance(one, Condensed) and one.object == by.id for one in typists)


def _recorded(name: str) -> Label:
    row = Row(
        source="notes", object="note", key={"name": name}, values={"note": None}, version="",
        read_at=datetime(1970, 1, 1, tzinfo=UTC), readers=frozenset(), integrity=Integrity.RECORD,
    )  # fmt: skip
    return row.labelled("note").label
