"""Owns the nouns that say where a value comes from and who may see it.

Only what every stored value must carry is here: readers, integrity and origin. The full lattice
(handles, program counter, quarantine) is a later part and keeps these fields.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pilothouse.kernel import content_hash, wired

__all__ = ["Derived", "Integrity", "Label", "Labelled", "Origin", "Position", "join"]


@wired("integrity")
class Integrity(enum.IntEnum):
    """How far a value may be trusted; the join of two is the lower."""

    UNTRUSTED = 0
    RECORD = 1
    APPROVED = 2
    OPERATOR = 3


@wired("position")
@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where inside a file or message a value stands; unset parts are None.

    Attributes:
        file: Name inside the source, never a path of this machine.
        offset: First byte, counted from 0.
        length: Bytes.
        line: Counted from 1.
        part: Segment, sheet, JSON path or MIME part, such as ``LOC[2].C517.3225``.
    """

    file: str | None = None
    offset: int | None = None
    length: int | None = None
    line: int | None = None
    part: str | None = None


@wired("origin")
@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One value as one source gave it.

    Attributes:
        source: Name of the system as declared in the project.
        object: Table, resource, message type or file pattern.
        key: The row's key fields, as text.
        field: Column, JSON path or segment path.
        version: The row's version token (xmin, ETag, file hash, content hash); changes when the row does.
        read_at: When it was read (UTC).
        position: Where inside a file or message.
    """

    source: str
    object: str
    key: dict[str, str]
    field: str
    version: str
    read_at: datetime
    position: Position | None = None


@wired("derived")
@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """The origin of a value made from several others: the hashes of theirs, sorted."""

    sources: tuple[str, ...]


@wired("label")
@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Who may read a value and how far it may be trusted; there are no default values.

    Attributes:
        readers: ACL ids; only who satisfies all of them may read. The empty set is public.
        integrity: See :class:`Integrity`.
        origin: One :class:`Origin`, or :class:`Derived` for a joined value.
    """

    readers: frozenset[str]
    integrity: Integrity
    origin: Origin | Derived


@wired("labelled")
@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A value and its label; the two are never parted."""

    value: Any
    label: Label


def join(first: Label, *others: Label) -> Label:
    """Return the label of a value made from all: readers united, integrity the lowest."""
    labels = (first, *others)
    if len(labels) == 1:
        return first
    hashes: set[str] = set()
    for label in labels:
        hashes.update(
            label.origin.sources if isinstance(label.origin, Derived) else [content_hash(label.origin)]
        )
    return Label(
        readers=frozenset[str]().union(*(label.readers for label in labels)),
        integrity=min(label.integrity for label in labels),
        origin=Derived(sources=tuple(sorted(hashes))),
    )
