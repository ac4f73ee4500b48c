"""Owns triggers: run and cursor of the change feed move in one transaction, so each event starts once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pilothouse.engine.journal import Q
from pilothouse.engine.types import Trigger
from pilothouse.kernel import SYSTEM
from pilothouse.storage import Feed, FeedEvent

if TYPE_CHECKING:
    from pilothouse.engine.engine import Engine
    from pilothouse.storage import Tx

__all__ = ["Puller"]

_log = logging.getLogger("pilothouse.engine")
_BATCH = 200


class Puller:
    """Pulls every declared trigger along the feed; any number of processes may pull at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._feed = Feed(engine.database)

    async def declare(self) -> None:
        """Create missing cursors; a new trigger starts with the next event, not with history."""
        for trigger in self._engine.catalog.triggers.values():
            self._engine.catalog.find(trigger.workflow)
            params = {"name": trigger.name, "position": await self._feed.last()}
            await self._engine.database.execute(Q.put_cursor, params)

    async def pull(self) -> None:
        """Start a run for every new event."""
        for trigger in self._engine.catalog.triggers.values():
            try:
                while await self._pull(trigger) == _BATCH:
                    pass
            except Exception as error:
                # One trigger that cannot read its events must not hold up the others.
                _log.warning("trigger %r stands still: %s", trigger.name, error)

    async def _pull(self, trigger: Trigger) -> int:
        async with self._engine.database.transaction() as tx:
            position = await tx.fetch_value(Q.lock_cursor, {"name": trigger.name})
            if position is None:
                return 0
            events = await self._feed.read(after=position, topics=[trigger.topic], limit=_BATCH)
            for event in events:
                await self._start(tx, trigger, event)
            if events:
                params = {"name": trigger.name, "position": events[-1].position}
                await tx.execute(Q.move_cursor, params)
            return len(events)

    async def _start(self, tx: Tx, trigger: Trigger, event: FeedEvent) -> None:
        key = str(event.position) if trigger.key is None else trigger.key(event.value)
        await self._engine.start(
            trigger.workflow,
            trigger.args(event.value),
            key=f"trigger:{trigger.name}:{key}",
            principal=SYSTEM,
            tx=tx,
        )
