"""Owns the change feed: an ordered list of events that other processes and the console follow.

An event becomes readable when every transaction of this database that was running beside its own has
ended; so a reader that goes on from the last position it saw misses nothing, at the price of waiting for
the slowest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pilothouse.kernel import Json, UsageError
from pilothouse.storage.queries import load_queries

if TYPE_CHECKING:
    from pilothouse.storage.database import Database, Tx

__all__ = ["CHANNEL", "Feed", "FeedEvent"]

CHANNEL = "storage_feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """One event; ``position`` goes into ``after`` to read on."""

    position: int
    topic: str
    value: Json
    at: datetime


class Feed:
    """Append inside a transaction, read from anywhere."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, tx: Tx, topic: str, value: Json, *, notify: bool = True) -> int:
        """Append an event; readers see it after the commit.

        Args:
            tx: The transaction that makes the change the event tells of.
            topic: Such as ``engine.run``.
            value: JSON.
            notify: Also wake listeners of channel ``storage_feed``. PostgreSQL commits notifying
                transactions one after the other, so switch it off in hot paths.
        """
        from psycopg.types.json import Jsonb

        if not topic:
            raise UsageError("an event needs a topic such as 'engine.run'", code="storage.topic")
        queries = load_queries("pilothouse.storage")
        position = await tx.fetch_value(queries.feed_append, {"topic": topic, "value": Jsonb(value)})
        if notify:
            await tx.notify(CHANNEL, topic)
        return int(position)

    async def read(
        self, *, after: int = 0, topics: Sequence[str] | None = None, limit: int = 1000
    ) -> list[FeedEvent]:
        """Return up to ``limit`` events after position ``after``, oldest first."""
        params = {
            "after": after,
            "topics": None if topics is None else list(topics),
            "limit": limit,
            "horizon": await self._horizon(),
        }
        rows = await self._database.fetch_all(load_queries("pilothouse.storage").feed_read, params)
        return [
            FeedEvent(position=row["id"], topic=row["topic"], value=row["value"], at=row["at"])
            for row in rows
        ]

    async def last(self) -> int:
        """Return the position from which only later events are read."""
        params = {"horizon": await self._horizon()}
        return int(await self._database.fetch_value(load_queries("pilothouse.storage").feed_last, params))

    async def _horizon(self) -> str:
        """Ask before reading: who has ended by now is visible to the statement that reads."""
        return str(await self._database.fetch_value(load_queries("pilothouse.storage").feed_horizon))

    async def prune(self, before: datetime) -> int:
        """Forget events older than ``before``; return how many."""
        return await self._database.execute(load_queries("pilothouse.storage").feed_prune, {"before": before})
