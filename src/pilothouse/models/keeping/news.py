"""Owns telling the console when a provider's breaker changes: an event of the change feed."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pilothouse.models.breaker import BreakerState
from pilothouse.storage import Feed

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["TOPIC", "BreakerNews"]

TOPIC = "models.breaker"
MOST = 1000
log = logging.getLogger(__name__)


class BreakerNews:
    """Takes changes without waiting, and sends them from a task of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: asyncio.Queue[tuple[str, BreakerState, str]] = asyncio.Queue(MOST)

    def changed(self, provider: str, state: BreakerState, reason: str) -> None:
        """Take one change; when nobody sends, the newest are dropped: the state itself is not."""
        if not self._waiting.full():
            self._waiting.put_nowait((provider, state, reason))

    async def send(self) -> None:
        """Send until cancelled."""
        while True:
            provider, state, reason = await self._waiting.get()
            try:
                async with self._database.transaction() as tx:
                    value = {"provider": provider, "state": state, "reason": reason}
                    await Feed(self._database).append(tx, TOPIC, dict(value))
            except Exception:
                # News is news; the next change is sent again.
                log.exception("the change of provider %r to %r could not be told", provider, state)
