"""Owns forgetting: calls that are old enough go, and whatever only they had named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Statement

__all__ = ["Pruned", "prune"]

Q = load_queries("pilothouse.models")
BATCH = 500
LOCK = "pilothouse.models.prune"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was forgotten.

    Attributes:
        calls: Attempts.
        threads: Nodes of conversations.
        bodies: Messages, answers and labels.
        busy: Another process is at it; nothing was done here.
    """

    calls: int = 0
    threads: int = 0
    bodies: int = 0
    busy: bool = False


async def prune(database: Database, *, keep_days: int, batch: int = BATCH) -> Pruned:
    """Forget calls that began more than ``keep_days`` ago, then what no call that is left leads to.

    The search for what nothing names runs beside everybody. Only each batch's last look and its deletion
    hold new calls back, for a moment: whatever came into use since the search began was named by a call of
    the last day, and only those are looked at again.
    """
    async with database.advisory_lock(LOCK) as held:
        if not held:
            return Pruned(busy=True)
        calls = 0
        while done := await database.execute(Q.old_calls, {"days": keep_days, "batch": batch}):
            calls += done
        threads = await _threads(database, batch)
        return Pruned(calls=calls, threads=threads, bodies=await _bodies(database, batch))


async def _threads(database: Database, batch: int) -> int:
    rows = await database.fetch_all(Q.dead_threads)
    order = _leaves_first(
        {bytes(row["hash"]): None if row["prev"] is None else bytes(row["prev"]) for row in rows}
    )
    gone = 0
    for hashes in _batches(order, batch):
        done = await _buried(database, Q.bury_threads, hashes)
        if not done:
            # Somebody went on with one of these conversations: what stands before it lives too. The next
            # time is a new search.
            break
        gone += done
    return gone


async def _bodies(database: Database, batch: int) -> int:
    rows = await database.fetch_all(Q.dead_bodies)
    gone = 0
    for hashes in _batches([bytes(row["hash"]) for row in rows], batch):
        gone += await _buried(database, Q.bury_bodies, hashes)
    return gone


async def _buried(database: Database, query: Statement, hashes: Sequence[bytes]) -> int:
    async with database.transaction() as tx:
        # No call begins or ends until this is over; what began before is seen.
        await tx.execute("lock table models_call in share mode")
        return await tx.execute(query, {"hashes": list(hashes)})


def _leaves_first(prevs: dict[bytes, bytes | None]) -> list[bytes]:
    """Return the nodes so that none stands after one that it follows: a node that is there is whole."""
    following = Counter(prev for prev in prevs.values() if prev in prevs)
    order = [one for one in prevs if not following[one]]
    for one in order:  # grows while it is gone through
        prev = prevs[one]
        if prev in prevs:
            following[prev] -= 1
            if not following[prev]:
                order.append(prev)
    return order


def _batches(hashes: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    return (hashes[at : at + size] for at in range(0, len(hashes), size))
