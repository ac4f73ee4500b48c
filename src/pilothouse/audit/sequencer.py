"""Owns giving committed entries their place in the tree, one process at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.audit.leaves import jcs, plain
from pilothouse.audit.offline import leaf_hash
from pilothouse.audit.tree import HEIGHT, fold
from pilothouse.kernel import DataError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["BATCH", "chain", "settle"]

Q = load_queries("pilothouse.audit")
BATCH = 1000
FULL = 1 << HEIGHT


async def chain(database: Database, *, wait: bool = False) -> int:
    """Give up to 1,000 committed entries their place and return how many.

    Args:
        database: The database.
        wait: Queue behind a sequencer at work; else return 0 when there is one.
    """
    async with database.transaction() as tx:
        if wait:
            await tx.execute(Q.await_sequencer)
        elif not await tx.fetch_value(Q.try_sequencer):
            return 0
        rows = await tx.fetch_all(Q.pending_entries, {"limit": BATCH})
        if rows:
            await _place(tx, rows)
        return len(rows)


async def _place(tx: Tx, rows: list[dict[str, Any]]) -> None:
    size: int = await tx.fetch_value(Q.size)
    ids = [row["id"] for row in rows]
    hashes = [leaf_hash(jcs(plain(row))) for row in rows]
    positions = list(range(size + 1, size + 1 + len(rows)))
    await tx.execute(Q.insert_leaves, {"positions": positions, "entries": ids, "hashes": hashes})
    await _grow(tx, 0, size, hashes)
    await tx.execute(Q.clear_pending, {"entries": ids})


async def _grow(tx: Tx, level: int, before: int, added: list[bytes]) -> None:
    """Store the roots of the subtrees of 256 that ``added`` completes on ``level``, and so upwards."""
    open_part = before % FULL
    if open_part + len(added) < FULL:
        return
    values = {"levels": [level], "firsts": [before - open_part], "counts": [open_part]}
    rows = await tx.fetch_all(Q.subtrees, values)
    held = [row["hash"] for row in sorted(rows, key=lambda row: row["place"])] + added
    made = [fold(held[n : n + FULL]) for n in range(0, len(held) - FULL + 1, FULL)]
    first = before // FULL
    places = list(range(first, first + len(made)))
    await tx.execute(Q.insert_nodes, {"level": level + HEIGHT, "places": places, "hashes": made})
    await _grow(tx, level + HEIGHT, first, made)


async def settle(database: Database, entry: UUID) -> int:
    """Return the place of a committed entry, placing what stands before it if need be.

    Raises:
        DataError: ``audit.unknown``: no such entry was committed.
    """
    last_look = False
    while True:
        position: int | None = await database.fetch_value(Q.position_of, {"id": entry})
        if position is not None:
            return position
        if last_look:
            raise DataError(
                f"audit entry {entry!s} was never committed; append it first", code="audit.unknown"
            )
        # Nothing left to place: another sequencer did it since the last look, or it is not there.
        last_look = not await chain(database, wait=True)
