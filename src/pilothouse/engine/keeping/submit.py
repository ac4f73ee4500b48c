"""Owns handing ready runs to whoever runs them: this process directly, or the executor's queues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.engine.journal import Q
from pilothouse.engine.ports import Claim, Executor, Submission
from pilothouse.engine.registry import Catalog
from pilothouse.engine.running.handler import SegmentHandler
from pilothouse.storage import Database, Row

if TYPE_CHECKING:
    from pilothouse.engine.settings import EngineSettings

__all__ = ["Submitter"]

_BATCH = 500


class Submitter:
    """Moves runs from ``ready`` to running; the row of the run is the outbox.

    Runs of the queue ``default`` are taken by this process as long as it has room (each by one
    process only); everything else, and what does not fit, goes to the executor's queues.
    """

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        settings: EngineSettings,
        executor: Executor,
        handler: SegmentHandler,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._settings = settings
        self._executor = executor
        self._handler = handler
        self._tasks: set[asyncio.Task[str]] = set()
        self._taken_here: set[tuple[UUID, int]] = set()
        self._reserved = 0
        self.on_room: Callable[[], None] | None = None
        # True while more runs wait than there was room for; then every free place is a reason to look.
        self.backlog = True
        self.closed = False

    def reserve(self) -> bool:
        """Keep a place for a run that is about to be inserted; False when there is no room."""
        if self.closed or self.room <= 0:
            self.backlog = True
            return False
        self._reserved += 1
        return True

    def release(self) -> None:
        """Give a reserved place back."""
        self._reserved -= 1

    @property
    def room(self) -> int:
        """How many more segments may start here now."""
        return self._settings.direct - len(self._tasks) - self._reserved

    @property
    def pending(self) -> list[tuple[UUID, int]]:
        """Segments that this process has taken and may not have claimed yet."""
        return list(self._taken_here)

    def spawn(self, run: UUID, segment: int) -> None:
        """Run a segment in this process, now."""
        self._keep(self._handler(run, segment), (run, segment))

    def spawn_claimed(self, claim: Claim) -> None:
        """Run a segment that was claimed when its run was created."""
        self._keep(self._handler.run_claimed(claim), (claim.run.id, claim.run.segment))

    def _keep(self, work: Coroutine[Any, Any, str], segment: tuple[UUID, int]) -> None:
        task = asyncio.create_task(work, name=f"segment {segment[0]}#{segment[1]}")
        self._tasks.add(task)
        self._taken_here.add(segment)
        task.add_done_callback(lambda done: self._done(done, segment))

    def _done(self, task: asyncio.Task[str], segment: tuple[UUID, int]) -> None:
        self._tasks.discard(task)
        self._taken_here.discard(segment)
        if self.backlog and self.on_room is not None:
            self.on_room()
        if not task.cancelled() and task.exception() is not None:
            asyncio.get_running_loop().call_exception_handler(
                {
                    "message": "a segment failed outside its journal",
                    "exception": task.exception(),
                    "task": task,
                }
            )

    async def take(self) -> int:
        """Take ready runs for this process as far as there is room; return how many."""
        if self.closed:
            return 0
        if self._settings.executor == "direct":
            return await self._take_all()
        room = self.room
        if room <= 0:
            self.backlog = True
            return 0
        self._reserved += room
        try:
            rows = await self._taken(["default"], room)
        finally:
            self._reserved -= room
        # Suspects come few at a time: when one is done, the next may be taken.
        self.backlog = len(rows) >= room or any(row["attempts"] > 1 for row in rows)
        for row in rows:
            self.spawn(row["id"], row["segment"])
        return len(rows)

    async def _taken(self, queues: list[str], limit: int) -> list[Row]:
        params = {"owner": self._handler.owner, "limit": limit, "queues": queues}
        return await self._database.fetch_all(Q.take_direct, params)

    async def _take_all(self) -> int:
        """The direct executor takes whatever is declared; its limits hold inside this process."""
        rows = await self._taken(list(self._catalog.queues), _BATCH)
        await self._executor.submit([_submission(row) for row in rows])
        return len(rows)

    async def submit_rest(self, *, older: float) -> int:
        """Hand ready runs that nobody has taken for ``older`` seconds to the executor; return how many."""
        if self.closed or self._settings.executor == "direct":
            return 0
        rows = await self._database.fetch_all(Q.unsubmitted, {"older": older, "limit": _BATCH})
        rows = [row for row in rows if row["queue"] in self._catalog.queues]
        if not rows:
            return 0
        await self._executor.submit([_submission(row) for row in rows])
        params = {"ids": [row["id"] for row in rows], "segments": [row["segment"] for row in rows]}
        await self._database.execute(Q.mark_submitted, params)
        return len(rows)

    async def close(self) -> None:
        """Take nothing more and stop what runs directly."""
        self.closed = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _submission(row: Row) -> Submission:
    return Submission(
        run=row["id"], segment=row["segment"], queue=row["queue"],
        partition=row["partition"], priority=row["priority"],
    )  # fmt: skip
