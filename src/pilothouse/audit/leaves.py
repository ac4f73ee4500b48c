"""Owns the bytes of a leaf: what of an entry is hashed, in which form, and what the log refuses. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from pilothouse.audit.types import AuditEntry, ChainedEntry, Record, SignedHead
from pilothouse.kernel import LimitError, UsageError, content_hash, encode

if TYPE_CHECKING:
    from pilothouse.labels import Label

__all__ = [
    "MAX_BODY",
    "check_body",
    "entry_line",
    "entry_of",
    "head_line",
    "jcs",
    "label_fields",
    "plain",
    "stamp",
]

MAX_BODY = 4096
MAX_EXACT = 2**53
_fast = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def jcs(value: object) -> bytes:
    """Return the RFC 8785 bytes of plain JSON.

    Raises:
        ValueError: A value without a canonical form.
    """
    if _simple(value):
        return _fast.encode(value).encode()
    import rfc8785

    return rfc8785.dumps(cast("Any", value))


def _simple(value: object) -> bool:
    """Whether Python's own encoder gives the same bytes: no fractions, keys that sort alike in any form."""
    cls = value.__class__
    if value is None or cls is str or cls is bool:
        return True
    if cls is int:
        return -MAX_EXACT < cast("int", value) < MAX_EXACT
    if cls is dict:
        fields = cast("dict[Any, object]", value)
        return all(key.__class__ is str and key.isascii() and _simple(item) for key, item in fields.items())
    return cls is list and all(map(_simple, cast("list[object]", value)))


def stamp(at: datetime) -> str:
    """Return a time as the log writes it: UTC with microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a stored entry: exactly what is hashed and exported."""
    return {
        "id": str(row["id"]),
        "at": stamp(row["at"]),
        "kind": row["kind"],
        "actor": row["actor"],
        "run": row["run"],
        "proposal": _text(row["proposal"]),
        "approval": _text(row["approval"]),
        "effect": row["effect"],
        "refs": list(row["refs"]),
        "body": row["body"],
        "label": row["label"],
        "policy": row["policy"],
    }


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def entry_line(body: bytes, digest: str, position: int | None) -> Record:
    """Return the line of an entry, itself in RFC 8785 form."""
    place = "null" if position is None else str(position)
    line = b'{"entry":%b,"hash":"%b","position":%b}' % (body, digest.encode(), place.encode())
    return Record(line=line, position=position)


def head_line(head: SignedHead) -> Record:
    """Return the line of a signed head."""
    return Record(line=jcs({"head": head.fields()}))


def label_fields(label: Label) -> dict[str, Any]:
    """Return what an entry says of a label: readers, integrity, and the hash of its origin."""
    return {
        "readers": sorted(label.readers),
        "integrity": label.integrity.name.lower(),
        "origin": content_hash(label.origin),
    }


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
        label=row["label"],
        policy=row["policy"],
    )
    digest: bytes | None = row["hash"]
    return ChainedEntry(
        entry=entry, at=row["at"], position=row["position"], hash=None if digest is None else digest.hex()
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
    about = [entry.kind, entry.actor, entry.run, entry.effect, list(entry.refs), entry.policy]
    try:
        held = jcs([body, None if entry.label is None else dict(entry.label)])
        everything = held + jcs(about)
    except ValueError as error:
        raise UsageError(f"{entry.kind!r} has no canonical form: {error}", code="audit.text") from error
    if len(held) > MAX_BODY:
        raise LimitError(
            f"body and label of {entry.kind!r} have {len(held)} bytes, {MAX_BODY} are allowed; "
            "refer to it by hash",
            code="audit.too_large",
        )
    if b"\\u0000" in everything and b"\\u0000" in everything.replace(b"\\\\", b""):
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
