"""Owns keeping persons out of the log: references under a key per person, and destroying that key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.audit.log import append
from pilothouse.audit.types import AuditEntry
from pilothouse.kernel import UsageError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.kernel import Principal
    from pilothouse.storage import Database, Tx

__all__ = ["erase", "personal", "refers"]

Q = load_queries("pilothouse.audit")
PREFIX = "hmac-sha256:"


async def personal(tx: Tx, subject: str, value: str) -> str:
    """Return what an entry may say instead of a personal value: its HMAC under the key of that person.

    Equal values of a person give equal references until the key is erased; afterwards nobody can tell
    whom they meant, and the tree over them still holds.

    Args:
        tx: The transaction that appends the entry.
        subject: Whose value it is, such as ``customer:4711``; kept beside the key, never in the log.
        value: The value, such as a name or an address.

    Raises:
        UsageError: ``audit.person``: no subject was given.
    """
    if not subject:
        raise UsageError("a personal value needs a subject such as 'customer:4711'", code="audit.person")
    key: bytes = await tx.fetch_value(Q.person_key, {"subject": subject, "fresh": secrets.token_bytes(32)})
    return _reference(key, value)


async def refers(database: Database, subject: str, value: str, reference: str) -> bool:
    """Whether ``reference`` stands for ``value`` of ``subject``; always false once the key is erased."""
    key: bytes | None = await database.fetch_value(Q.known_key, {"subject": subject})
    return key is not None and hmac.compare_digest(_reference(key, value), reference)


async def erase(database: Database, subject: str, *, by: Principal, reason: str) -> UUID | None:
    """Destroy the key of a person and record that it was done; None if there was none.

    Copies of the database made before still hold the key: they are erased by their own retention.

    Raises:
        UsageError: ``audit.reason_missing``.
    """
    if not reason.strip():
        raise UsageError("say why the key is destroyed", code="audit.reason_missing")
    async with database.transaction() as tx:
        key: bytes | None = await tx.fetch_value(Q.erase_person, {"subject": subject})
        if key is None:
            return None
        body = {"person": _reference(key, subject), "reason": reason}
        return await append(tx, AuditEntry(kind="audit.erased", actor=by.id, body=body))


def _reference(key: bytes, value: str) -> str:
    return PREFIX + hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
