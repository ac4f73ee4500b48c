"""Owns what is handed out once: keys, sessions and one-time tokens, of which only a hash is stored.

The text is ``ph_<kind>_<id>.<secret>``: the id finds the row, the secret has 256 random bits, so one SHA-256
of it is enough (a slow hash protects guessable passwords only).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from pilothouse.kernel import DeniedError
from pilothouse.registry.types import Issued
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Row, Tx

__all__ = ["Kind", "find", "issue"]

Q = load_queries("pilothouse.registry")
Kind = Literal["key", "session", "token"]
TEXT = re.compile(r"ph_(key|session|token)_([0-9a-z]{16})\.([A-Za-z0-9_-]{43})")
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


async def issue(
    tx: Tx, kind: Kind, account: str, *, lifetime: timedelta, scopes: Collection[str] = ()
) -> Issued:
    """Make a secret for ``account`` and store its hash."""
    id = "".join(secrets.choice(ALPHABET) for _ in range(16))
    secret = secrets.token_urlsafe(32)
    values: dict[str, Any] = {
        "id": id,
        "kind": kind,
        "account": account,
        "hash": _hash(secret),
        "scopes": sorted(scopes),
        "lifetime": lifetime,
    }
    expires_at = await tx.fetch_value(Q.insert_secret, values)
    return Issued(secret=f"ph_{kind}_{id}.{secret}", account=account, expires_at=expires_at)


async def find(database: Database, kind: Kind, text: str) -> Row:
    """Return the row of a secret that opens something now.

    Raises:
        DeniedError: ``registry.refused``: malformed, unknown, used, revoked, expired, or its account is shut
            out; the message does not say which.
    """
    match = TEXT.fullmatch(text.strip())
    id, secret = (match[2], match[3]) if match else ("", "")
    row = await database.fetch_one(Q.secret, {"id": id, "kind": kind})
    fits = hmac.compare_digest(_hash(secret), bytes(row["hash"]) if row else b"\0" * 32)
    if row is None or not fits or row["late"] or row["revoked_at"] is not None or not row["active"]:
        raise DeniedError(
            f"this {kind} opens nothing here: it is unknown, used, revoked or expired; get a new one",
            code="registry.refused",
            reasons=("registry.refused",),
        )
    return row


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
