"""Owns payloads: bytes by their SHA-256, shared by runs, checked when they are read."""

from __future__ import annotations

import hashlib

from pilothouse.engine.journal.rows import Q
from pilothouse.kernel import DataError, LimitError
from pilothouse.storage import Database

__all__ = ["INLINE_LIMIT", "PAYLOAD_LIMIT", "PostgresPayloads"]

INLINE_LIMIT = 32 * 1024
PAYLOAD_LIMIT = 64 * 1024 * 1024


class PostgresPayloads:
    """Payloads in the table ``engine_payload``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, body: bytes, *, media_type: str = "application/json") -> bytes:
        """Store ``body`` once and return its SHA-256.

        Raises:
            LimitError: ``engine.payload_too_large``: over 64 MiB.
        """
        if len(body) > PAYLOAD_LIMIT:
            raise LimitError(
                f"a value of {len(body)} bytes is over the limit of {PAYLOAD_LIMIT}; "
                "keep it in a document or a source and pass its handle",
                code="engine.payload_too_large",
            )
        digest = hashlib.sha256(body).digest()
        params = {"hash": digest, "size": len(body), "media_type": media_type, "body": body}
        await self._database.execute(Q.put_payload, params)
        return digest

    async def get(self, ref: bytes) -> bytes:
        """Return the bytes of ``ref``.

        Raises:
            DataError: ``engine.payload_missing`` when erased, ``engine.payload_corrupt`` when changed.
        """
        row = await self._database.fetch_one(Q.get_payload, {"hash": ref})
        if row is None or row["body"] is None:
            raise DataError(f"payload {ref.hex()!r} was erased", code="engine.payload_missing")
        body = bytes(row["body"])
        if hashlib.sha256(body).digest() != ref:
            raise DataError(
                f"payload {ref.hex()!r} does not fit its hash; restore it from a backup",
                code="engine.payload_corrupt",
            )
        return body

    async def keep(self, text: str | None) -> tuple[str | None, bytes | None]:
        """Return ``text`` inline, or a reference when it is large."""
        if text is None or len(text) <= INLINE_LIMIT // 4:
            return text, None
        body = text.encode()
        if len(body) <= INLINE_LIMIT:
            return text, None
        return None, await self.put(body)
