"""Owns writing and reading the log: append inside the caller's transaction, then look entries up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.audit.links import check_body, entry_of
from pilothouse.audit.types import AuditEntry, ChainedEntry
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["append", "entries"]

Q = load_queries("pilothouse.audit")


async def append(tx: Tx, entry: AuditEntry) -> UUID:
    """Store ``entry`` in the caller's transaction and return its id; it exists if and only if that commits.

    The sequencer gives it its place in the chain within a second (``settle`` waits for it), so that
    writers never queue for the end of the chain.

    Raises:
        LimitError: ``audit.too_large``.
        UsageError: ``audit.text`` or ``wire.type``: the body cannot be stored.
    """
    from pilothouse.storage import Jsonb

    body = check_body(entry)
    await tx.execute(
        Q.append_entry,
        {
            "id": entry.id,
            "kind": entry.kind,
            "actor": entry.actor,
            "run": entry.run,
            "proposal": entry.proposal,
            "approval": entry.approval,
            "effect": entry.effect,
            "refs": list(entry.refs),
            "body": Jsonb(body),
        },
    )
    return entry.id


async def entries(
    database: Database,
    *,
    proposals: Sequence[UUID] = (),
    effect: str | None = None,
    run: str | None = None,
    limit: int = 1000,
) -> tuple[ChainedEntry, ...]:
    """Return the entries that belong to any of the given, in the order they happened."""
    rows = await database.fetch_all(
        Q.entries_of,
        {"proposals": list(proposals) or None, "effect": effect, "run": run, "limit": limit},
    )
    return tuple(entry_of(row) for row in rows)
