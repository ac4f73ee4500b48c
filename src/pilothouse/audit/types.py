"""Owns the nouns of the log: an entry, its place in the chain, and what a check of the chain found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pilothouse.kernel import new_id

__all__ = ["GENESIS", "AuditEntry", "Broken", "ChainedEntry", "Head", "Verification"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that happened; never changed, never deleted.

    Attributes:
        kind: What happened, such as ``effects.intent``.
        actor: Who did it: a principal's id.
        run: The run it belongs to.
        proposal: The proposal it belongs to.
        approval: The approval given or used.
        effect: The effect id.
        refs: SHA-256 references to what the entry rests on.
        body: At most 4 KiB of JSON; no secrets, no personal data beyond ids.
        id: UUIDv7.
    """

    kind: str
    actor: str
    run: str | None = None
    proposal: UUID | None = None
    approval: UUID | None = None
    effect: str | None = None
    refs: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainedEntry:
    """An entry as stored.

    Attributes:
        entry: What was appended.
        at: When, by the database's clock.
        position: Place in the chain, from 1; None until the sequencer has passed (within a second).
        prev: Hash of the entry before; None until chained.
        hash: ``sha256(prev || canonical(entry))``; None until chained.
    """

    entry: AuditEntry
    at: datetime
    position: int | None
    prev: str | None
    hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the chain at one moment; note it elsewhere and a later truncation shows.

    Attributes:
        position: Number of chained entries.
        hash: Hash of the last one.
    """

    position: int
    hash: str


GENESIS = Head(position=0, hash="0" * 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The first place where the chain does not hold.

    Attributes:
        position: Where.
        entry: Which entry, as text; None if it is gone.
        why: In words.
    """

    position: int
    entry: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a check of the chain found.

    Attributes:
        entries: How many entries hold, from the first on.
        head: The last entry that holds.
        pending: Entries committed but not chained yet.
        broken: The first entry that does not hold; None if all do.
    """

    entries: int
    head: Head
    pending: int
    broken: Broken | None

    @property
    def ok(self) -> bool:
        """Whether every entry holds."""
        return self.broken is None
