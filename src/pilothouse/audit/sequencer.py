"""Owns giving committed entries their place in the chain, one process at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.audit.links import link_hash, plain
from pilothouse.audit.types import GENESIS
from pilothouse.kernel import DataError, UnavailableError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["chain", "keep_chained", "settle"]

Q = load_queries("pilothouse.audit")
BATCH = 1000
log = logging.getLogger(__name__)


async def chain(database: Database, *, wait: bool = False) -> int:
    """Chain up to 1,000 committed entries and return how many.

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
            await _link(tx, rows)
        return len(rows)


async def _link(tx: Tx, rows: list[dict[str, Any]]) -> None:
    last: Mapping[str, Any] | None = await tx.fetch_one(Q.head)
    position, prev = (last["position"], last["hash"]) if last else (GENESIS.position, GENESIS.hash)
    prevs: list[str] = []
    hashes: list[str] = []
    for row in rows:
        prevs.append(prev)
        prev = link_hash(prev, plain(row))
        hashes.append(prev)
    ids = [row["id"] for row in rows]
    positions = list(range(position + 1, position + 1 + len(rows)))
    await tx.execute(
        Q.insert_links, {"positions": positions, "entries": ids, "prevs": prevs, "hashes": hashes}
    )
    await tx.execute(Q.clear_pending, {"entries": ids})


async def settle(database: Database, entry: UUID) -> int:
    """Return the place of a committed entry, chaining what stands before it if need be.

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
        # Nothing left to chain: another sequencer did it since the last look, or it is not there.
        last_look = not await chain(database, wait=True)


async def keep_chained(database: Database, *, every: float = 0.5) -> None:
    """Chain for ever, every ``every`` seconds; ``app.py`` runs it in each process, one works at a time."""
    while True:
        try:
            chained = await chain(database)
        except UnavailableError as error:
            log.warning("audit chain waits for the database: %s", error)
            chained = 0
        if chained < BATCH:
            await asyncio.sleep(every)
