"""Owns the executor of small tools and tests: segments run in this process, limits hold for it alone."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from pilothouse.engine.ports import Handler, Submission
from pilothouse.engine.types import QueueSpec

__all__ = ["DirectExecutor"]


class DirectExecutor:
    """Calls the handler in tasks of this process; what was not finished is found by its lease."""

    def __init__(self) -> None:
        self._handler: Handler | None = None
        self._tasks: dict[tuple[UUID, int], asyncio.Task[None]] = {}
        self._room: dict[tuple[str, str | None], asyncio.Semaphore] = {}
        self._specs: dict[str, QueueSpec] = {}

    async def serve(self, handler: Handler, *, owner: str, queues: Sequence[QueueSpec]) -> None:
        """Take ``handler``; an empty ``queues`` means submitting only."""
        self._handler = handler if queues else None
        self._specs = {spec.name: spec for spec in queues}
        self._room = defaultdict(lambda: asyncio.Semaphore(1_000_000))

    async def submit(self, submissions: Sequence[Submission]) -> None:
        """Start a task for each segment that is not running here yet."""
        for item in sorted(submissions, key=lambda item: (item.priority, item.segment == 0)):
            key = (item.run, item.segment)
            if self._handler is not None and key not in self._tasks:
                self._tasks[key] = asyncio.create_task(self._call(item))

    async def _call(self, item: Submission) -> None:
        handler = self._handler
        assert handler is not None
        spec = self._specs.get(item.queue)
        limit = None if spec is None else (spec.per_partition or spec.concurrency)
        place = (item.queue, item.partition)
        if limit is not None and place not in self._room:
            self._room[place] = asyncio.Semaphore(limit)
        try:
            async with self._room[place]:
                await handler(item.run, item.segment)
        finally:
            del self._tasks[item.run, item.segment]

    async def held(self, owner: str) -> Sequence[tuple[UUID, int]]:
        """Return what waits or runs in this process; nothing of others is known."""
        return list(self._tasks)

    async def drop(self, segments: Iterable[tuple[UUID, int]]) -> None:
        """Nothing is stored."""

    async def forget(self, *, older_than: float) -> int:
        """Nothing is stored."""
        return 0

    async def holders(self) -> set[str]:
        """Nothing is known of others."""
        return set()

    async def pause(self) -> None:
        """Start nothing more."""
        self._handler = None
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Stop what still runs."""
        await self.pause()
