"""Owns identifiers: time-ordered UUIDs (RFC 9562 section 5.7)."""

from __future__ import annotations

from uuid import UUID

__all__ = ["new_id"]


def new_id() -> UUID:
    """Return a UUIDv7: sortable by creation time, safe as a primary key."""
    import uuid6

    return UUID(int=uuid6.uuid7().int)
