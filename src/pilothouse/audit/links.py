"""Owns the bytes of the chain: what is hashed, how, and how a sequence of links is checked. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from pilothouse.audit.types import GENESIS, AuditEntry, Broken, ChainedEntry, Head
from pilothouse.kernel import LimitError, UsageError, encode

__all__ = ["MAX_BODY", "Walk", "check_body", "entry_of", "jcs", "link_hash", "plain"]

MAX_BODY = 4096
MAX_EXACT = 2**53


def jcs(value: object) -> bytes:
    """Return the RFC 8785 bytes of plain JSON."""
    import rfc8785

    return rfc8785.dumps(cast("Any", value))


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a stored entry: exactly what is hashed and exported."""
    at: datetime = row["at"]
    return {
        "id": str(row["id"]),
        "at": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "kind": row["kind"],
        "actor": row["actor"],
        "run": row["run"],
        "proposal": _text(row["proposal"]),
        "approval": _text(row["approval"]),
        "effect": row["effect"],
        "refs": list(row["refs"]),
        "body": row["body"],
    }


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def link_hash(prev: str, entry: Mapping[str, Any]) -> str:
    """Return ``sha256(prev || canonical(entry))`` in hexadecimal; ``prev`` counts as its 32 bytes."""
    return hashlib.sha256(bytes.fromhex(prev) + jcs(entry)).hexdigest()


def entry_of(row: Mapping[str, Any]) -> ChainedEntry:
    """Return the noun of a stored row."""
    entry = AuditEntry(
        id=row["id"],
        kind=row["kind"],
        actor=row["actor"],
        run=row["run"],
        proposal=row["proposal"],
        approval=row["approval"],
        effect=row["effect"],
        refs=tuple(row["refs"]),
        body=row["body"],
    )
    return ChainedEntry(
        entry=entry, at=row["at"], position=row["position"], prev=row["prev"], hash=row["hash"]
    )


def check_body(entry: AuditEntry) -> dict[str, Any]:
    """Return the JSON of ``entry.body``.

    Raises:
        LimitError: ``audit.too_large``: over 4 KiB.
        UsageError: ``wire.type`` or ``audit.text``: something that PostgreSQL or RFC 8785 cannot hold.
    """
    body = cast("dict[str, Any]", encode(dict(entry.body), path="body"))
    if any(abs(number) > MAX_EXACT for number in _floats(body)):
        raise UsageError(
            f"{entry.kind!r}: body holds a float beyond 2**53; write it as text or Decimal", code="audit.text"
        )
    try:
        size = len(jcs(body))
        everything = jcs([body, entry.kind, entry.actor, entry.run, entry.effect, list(entry.refs)])
    except ValueError as error:
        raise UsageError(f"{entry.kind!r} has no canonical form: {error}", code="audit.text") from error
    if size > MAX_BODY:
        raise LimitError(
            f"body of {entry.kind!r} has {size} bytes, {MAX_BODY} are allowed; refer to it by hash",
            code="audit.too_large",
        )
    if b"\\u0000" in everything.replace(b"\\\\", b""):
        raise UsageError(f"{entry.kind!r} holds a NUL character; remove it", code="audit.text")
    return body


def _floats(value: object) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from _floats(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _floats(item)


class Walk:
    """Goes along the chain link by link and stops at the first that does not hold."""

    def __init__(self, expected: Head | None = None) -> None:
        self.head = GENESIS
        self.broken: Broken | None = None
        self._expected = expected

    def follow(self, position: int, prev: str, digest: str, entry: Mapping[str, Any] | None) -> bool:
        """Check the next link; False if it does not hold."""
        name = None if entry is None else str(entry.get("id"))
        why = self._fault(position, prev, digest, entry)
        if why is None:
            self.head = Head(position=position, hash=digest)
            return True
        # A gap is named by the position that is missing, not by the one found after it.
        missing = position > self.head.position + 1
        self.broken = Broken(
            position=self.head.position + 1 if missing else position, entry=None if missing else name, why=why
        )
        return False

    def _fault(self, position: int, prev: str, digest: str, entry: Mapping[str, Any] | None) -> str | None:
        if position != self.head.position + 1:
            return f"position {self.head.position + 1} is missing; the next one found is {position}"
        if prev != self.head.hash:
            return f"prev is {prev!r}, but the entry before has the hash {self.head.hash!r}"
        if entry is None:
            return "the entry is gone, its link is not"
        if link_hash(prev, entry) != digest:
            return "the entry's content does not give its hash; it was changed after it was chained"
        if self._expected and self._expected.position == position and self._expected.hash != digest:
            return f"the hash noted elsewhere is {self._expected.hash!r}, here it is {digest!r}: rewritten"
        return None

    def finish(self) -> None:
        """Notice a chain shorter than the head noted elsewhere."""
        if self.broken or self._expected is None or self.head.position >= self._expected.position:
            return
        self.broken = Broken(
            position=self.head.position + 1,
            entry=None,
            why=f"the chain ends at {self.head.position}, {self._expected.position} were noted: truncated",
        )
