"""Owns the nouns of the log: entries and their places, heads, proofs, and what a check found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pilothouse.kernel import new_id

__all__ = [
    "EMPTY",
    "AuditEntry",
    "Broken",
    "ChainedEntry",
    "Growth",
    "Head",
    "Proof",
    "Record",
    "SignedHead",
    "Tail",
    "Verification",
]


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
        body: At most 4 KiB of JSON; no secrets; persons by id or by :func:`pilothouse.audit.personal`.
        label: The label of what moved, as :func:`pilothouse.audit.label_fields` writes it.
        policy: Version of the policy that decided.
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
    label: Mapping[str, Any] | None = None
    policy: str | None = None
    id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainedEntry:
    """An entry as stored.

    Attributes:
        entry: What was appended.
        at: When, by the database's clock.
        position: Place in the tree, from 1; None until the sequencer has passed (within a second).
        hash: Hash of its leaf; None until it has a place.
    """

    entry: AuditEntry
    at: datetime
    position: int | None
    hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The tree at one moment.

    Attributes:
        size: Number of entries.
        root: Hash over all of them.
    """

    size: int
    root: str


EMPTY = Head(size=0, root=hashlib.sha256(b"").hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """The tree at one moment, signed; note it elsewhere and a later rewrite or cut shows.

    Attributes:
        size: Number of entries.
        root: Hash over all of them.
        at: When it was signed, UTC with microseconds, as text: these very characters are signed.
        key: Public Ed25519 key, hexadecimal.
        signature: Over ``pilothouse.audit.offline.head_message``, hexadecimal.
    """

    size: int
    root: str
    at: str
    key: str
    signature: str

    def fields(self) -> dict[str, Any]:
        """Return the JSON that is exported."""
        return {
            "at": self.at,
            "key": self.key,
            "root": self.root,
            "signature": self.signature,
            "size": self.size,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """That an entry stands in a tree, for somebody who has only the root.

    Attributes:
        entry: The bytes that are hashed, as text.
        position: Its place, from 1.
        size: Size of the tree.
        path: Hashes from the leaf to the root (RFC 6962 section 2.1.1).
        root: The root they lead to.
        head: The signed head of that root; None if nobody here can sign.
    """

    entry: str
    position: int
    size: int
    path: tuple[str, ...]
    root: str
    head: SignedHead | None

    def fields(self) -> dict[str, Any]:
        """Return the JSON that the offline verifier takes."""
        return {
            "entry": self.entry,
            "position": self.position,
            "size": self.size,
            "path": list(self.path),
            "root": self.root,
            "head": None if self.head is None else self.head.fields(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """That a tree begins with an earlier one: nothing before was changed (RFC 6962 section 2.1.2).

    Attributes:
        old: The earlier tree.
        new: The later tree.
        path: The hashes that show it.
    """

    old: Head
    new: Head
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line for a second device.

    Attributes:
        line: The line of an export, without its newline.
        position: Place of the entry in the tree; None for a head and for an entry without a place yet.
    """

    line: bytes
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """How far a second device has come.

    Attributes:
        position: Place of the last entry it holds; 0 for none.
        hash: Hash of that entry's leaf; empty for none.
        head: The last signed head it holds.
        loose: Entries it took alone while the database was away, not seen with a place since.
    """

    position: int = 0
    hash: str = ""
    head: SignedHead | None = None
    loose: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The first place where the log does not hold.

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
    """What a check of the log found.

    Attributes:
        entries: How many entries hold, from the first on.
        head: The tree of the entries that hold.
        pending: Entries committed but without a place yet.
        broken: The first entry that does not hold; None if all do.
        heads: How many signed heads hold.
        signed: Size of the last tree that a trusted key signed.
        device: Entries that the second device holds; None if none was compared.
        sealed: Whether an export carries its seal; None for a database.
        notes: What a reader should know though nothing is broken.
    """

    entries: int
    head: Head
    pending: int
    broken: Broken | None
    heads: int = 0
    signed: int = 0
    device: int | None = None
    sealed: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every entry holds."""
        return self.broken is None
