"""Owns the fair queue before a native runtime: one call at a time, callers in turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator

__all__ = ["Lane"]


class Lane:
    """Lets ``width`` calls through; who waits is served round robin by caller, first come first within one.

    A caller with a hundred waiting calls therefore delays another by one call, not by a hundred. It belongs
    to one event loop.
    """

    def __init__(self, width: int = 1) -> None:
        self._free = width
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many calls wait now."""
        return sum(len(queue) for queue in self._waiting.values())

    @contextlib.asynccontextmanager
    async def turn(self, caller: str = "") -> AsyncGenerator[None]:
        """Wait for the turn of ``caller`` and hold it for the block; leaving early is safe."""
        await self.enter(caller)
        try:
            yield
        finally:
            self.leave()

    async def enter(self, caller: str = "") -> None:
        """Wait for a turn; whoever returns from here calls :meth:`leave` once."""
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the turn came and the cancellation with it
                self.leave()
            else:
                self._forget(caller, turn)
            raise

    def leave(self) -> None:
        """Give the turn to the next caller."""
        while self._waiting:
            caller, queue = next(iter(self._waiting.items()))
            turn = queue.popleft()
            del self._waiting[caller]
            if queue:
                self._waiting[caller] = queue  # at the end: the others first
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _forget(self, caller: str, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(caller)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[caller]
