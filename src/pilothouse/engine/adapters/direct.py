"""Owns the executor of small tools and tests: segments run in this process, limits hold for it alone."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pilothouse.engine.ports import Handler, Submission
from pilothouse.engine.types import QueueSpec

__all__ = ["DirectExecutor"]

_Place = tuple[int, bool, int, Submission]


@dataclass(slots=True)
class _Lane:
    """One queue: what waits, by priority, and what its limits have let through."""

    spec: QueueSpec
    waiting: list[_Place] = field(default_factory=list[_Place])
    live: Counter[str | None] = field(default_factory=Counter[str | None])
    starts: deque[float] = field(default_factory=deque[float])

    def next(self, now: float) -> Submission | None:
        """Take the first that the limits allow, or None."""
        spec = self.spec
        if spec.concurrency is not None and self.live.total() >= spec.concurrency:
            return None
        if spec.rate is not None and self.pause(now) > 0:
            return None
        for place in sorted(self.waiting, key=lambda place: place[:3]):
            partition = place[3].partition
            if spec.per_partition is None or self.live[partition] < spec.per_partition:
                self.waiting.remove(place)
                self.starts.append(now)
                return place[3]
        return None

    def pause(self, now: float) -> float:
        """Return the seconds until the rate allows another claim."""
        rate = self.spec.rate
        if rate is None:
            return 0.0
        while self.starts and self.starts[0] <= now - rate.period:
            self.starts.popleft()
        return 0.0 if len(self.starts) < rate.limit else self.starts[0] + rate.period - now


class DirectExecutor:
    """Calls the handler in tasks of this process; what was not finished is found by its lease."""

    def __init__(self) -> None:
        self._handler: Handler | None = None
        self._tasks: dict[tuple[UUID, int], asyncio.Task[None] | None] = {}
        self._lanes: dict[str, _Lane] = {}
        self._order = 0

    async def serve(self, handler: Handler, *, owner: str, queues: Sequence[QueueSpec]) -> None:
        """Take ``handler``; an empty ``queues`` means submitting only."""
        self._handler = handler if queues else None
        self._lanes = {spec.name: _Lane(spec) for spec in queues}

    async def submit(self, submissions: Sequence[Submission]) -> None:
        """Queue each segment that is not known here, and start what the limits allow."""
        for item in submissions:
            key = (item.run, item.segment)
            if self._handler is not None and key not in self._tasks and item.queue in self._lanes:
                self._tasks[key] = None
                self._order += 1
                place = (item.priority, item.segment == 0, self._order, item)
                self._lanes[item.queue].waiting.append(place)
        for lane in self._lanes.values():
            self._pump(lane)

    def _pump(self, lane: _Lane) -> None:
        loop = asyncio.get_running_loop()
        while self._handler is not None and lane.waiting:
            item = lane.next(loop.time())
            if item is None:
                pause = lane.pause(loop.time())
                if pause > 0:
                    loop.call_later(pause + 0.001, self._pump, lane)
                return
            lane.live[item.partition] += 1
            self._tasks[item.run, item.segment] = asyncio.create_task(self._call(self._handler, lane, item))

    async def _call(self, handler: Handler, lane: _Lane, item: Submission) -> None:
        try:
            await handler(item.run, item.segment)
        finally:
            lane.live[item.partition] -= 1
            self._tasks.pop((item.run, item.segment), None)
            self._pump(lane)

    async def held(self, owner: str) -> Sequence[tuple[UUID, int]]:
        """Return what waits or runs in this process; nothing of others is known."""
        return list(self._tasks)

    async def holders(self) -> set[str]:
        """Nothing is known of others."""
        return set()

    async def drop(self, segments: Iterable[tuple[UUID, int]]) -> None:
        """Forget what waits here."""
        gone = set(segments)
        for lane in self._lanes.values():
            lane.waiting = [place for place in lane.waiting if (place[3].run, place[3].segment) not in gone]

    async def forget(self, *, older_than: float) -> int:
        """Nothing is stored."""
        return 0

    async def pause(self) -> None:
        """Start nothing more and stop what runs."""
        self._handler = None
        tasks = [task for task in self._tasks.values() if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Stop what still runs."""
        await self.pause()
