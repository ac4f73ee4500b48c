"""Owns the clock by which approvals expire: the later of the wall clock and the highest time ever seen.

Every process pushes it forward by its own monotonic clock, so setting the machine's clock back, or restoring
a backup, revives nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pilothouse.kernel import UnavailableError
from pilothouse.storage.queries import load_queries

if TYPE_CHECKING:
    from pilothouse.storage.database import Database

__all__ = ["HighWater"]

log = logging.getLogger(__name__)


class HighWater:
    """Pushes the high-water clock of one database.

    Args:
        database: Where it stands.
        monotonic: Seconds that never go back; the process's by default.
    """

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._seen: tuple[datetime, float] | None = None

    async def now(self) -> datetime:
        """Return the later of the wall clock and the highest time seen."""
        found: datetime = await self._database.fetch_value(load_queries("pilothouse.storage").high_water)
        return found

    async def push(self) -> datetime:
        """Move the clock to now, or to what was last seen here plus the time that passed since; return it."""
        at = self._monotonic()
        wanted = None if self._seen is None else self._seen[0] + timedelta(seconds=at - self._seen[1])
        queries = load_queries("pilothouse.storage")
        row = await self._database.fetch_one(queries.push_high_water, {"at": wanted})
        assert row is not None, "the clock has one row"
        high: datetime = row["high"]
        self._seen = (high, at)
        return high

    async def keep(self, *, every: float = 1.0) -> None:
        """Push for ever."""
        while True:
            try:
                await self.push()
            except UnavailableError as error:
                log.warning("the high-water clock waits for the database: %s", error)
            await asyncio.sleep(every)
