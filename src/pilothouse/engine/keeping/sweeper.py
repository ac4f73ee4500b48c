"""Owns the sweep: what must happen without anybody asking. Every action may be repeated by another."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.engine.journal import Q
from pilothouse.engine.journal.parking import meet
from pilothouse.engine.keeping.submit import Submitter
from pilothouse.engine.keeping.takeover import Reaper
from pilothouse.engine.ports import Executor
from pilothouse.engine.running.handler import SegmentHandler
from pilothouse.kernel import ConflictError, PilothouseError
from pilothouse.storage import Database, Row, Tx

if TYPE_CHECKING:
    from pilothouse.engine.settings import EngineSettings

__all__ = ["Sweeper"]

_log = logging.getLogger("pilothouse.engine")
_BATCH = 200
_FORGET_EVERY = 60.0
_STRAGGLERS_EVERY = 15.0
_RETAIN_EVERY = 3600.0


class Sweeper:
    """Sweeps once a second and whenever a run becomes ready.

    Every process reaps and takes work; only the one with the oldest living lease submits, wakes,
    expires and forgets. That is a division of labour, not a lock: two sweepers at once do no harm.
    """

    def __init__(
        self, database: Database, settings: EngineSettings, executor: Executor, *,
        submitter: Submitter, reaper: Reaper, handler: SegmentHandler,
        cancel: Callable[[UUID, str], Awaitable[None]], tick: Callable[[], Awaitable[None]],
        pull: Callable[[], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._database = database
        self._settings = settings
        self._executor = executor
        self._submitter = submitter
        self._reaper = reaper
        self._handler = handler
        self._cancel = cancel
        self._tick = tick
        self._pull = pull
        self._news = True
        self._wake = asyncio.Event()
        self._missing: set[tuple[UUID, int]] = set()
        self._last: dict[str, float] = {}
        self._chief = False

    def wake(self) -> None:
        """Take work now; called when a run became ready or a place became free."""
        self._wake.set()

    def news(self) -> None:
        """Look at the change feed now."""
        self._news = True
        self._wake.set()

    async def run(self) -> None:
        """Sweep until cancelled; a database that is away is waited for."""
        swept = 0.0
        while True:
            try:
                await self._submitter.take()
                if self._news:
                    self._news = False
                    await self._pull()
                if self._chief:
                    await self._drain(older=0.02)
                if time.monotonic() - swept >= self._settings.sweep_s:
                    await self.sweep()
                    swept = time.monotonic()
            except Exception as error:
                # The sweep must outlive whatever goes wrong in it: a database away, a driver's own error.
                _log.warning("sweep failed: %s", error, exc_info=not isinstance(error, PilothouseError))
                await asyncio.sleep(self._settings.sweep_s)
            await self._pause(swept)

    async def _pause(self, swept: float) -> None:
        left = self._settings.sweep_s - (time.monotonic() - swept)
        try:
            async with asyncio.timeout(max(left, 0.01)):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()
        # Many wake-ups in a burst are one look.
        await asyncio.sleep(0.002)

    async def sweep(self) -> None:
        """Do everything once."""
        if await self._reaper.look():
            self._wake.set()
        await self._own_strays()
        await self._pull()
        self._chief = await self._is_chief()
        if not self._chief:
            return
        await self._drain(older=0.05)
        await self._due()
        await self._overdue()
        await self._tick()
        await self._now_and_then("stragglers", _STRAGGLERS_EVERY, self._reaper.stragglers)
        every = min(_FORGET_EVERY, self._settings.forget_after_s)
        await self._now_and_then("forget", every, self._forget)
        await self._now_and_then("retain", _RETAIN_EVERY, self._retain)

    async def _now_and_then(self, name: str, every: float, work: Callable[[], Awaitable[object]]) -> None:
        if time.monotonic() - self._last.get(name, 0.0) >= every:
            self._last[name] = time.monotonic()
            await work()

    async def _drain(self, *, older: float) -> None:
        """Hand everything to the executor that nobody has taken, batch by batch."""
        while await self._submitter.submit_rest(older=older):
            pass

    async def _is_chief(self) -> bool:
        """Whether this process holds the oldest lease that is alive."""
        for lease in await self._database.fetch_all(Q.leases):
            if lease["reaper"] is None and lease["silent"] < self._settings.lease_s:
                return bool(lease["executor"] == self._handler.owner)
        return False

    async def _own_strays(self) -> None:
        """Move on what this process owns on paper but does not run: its journal was lost on the way."""
        owner = self._handler.owner
        rows = await self._database.fetch_all(Q.owned_by, {"owner": owner})
        stray = {(row["id"], row["segment"]) for row in rows if row["id"] not in self._handler.live}
        again, self._missing = stray & self._missing, stray
        again -= set(self._submitter.pending)
        if again:
            await self._reaper.move(again - set(await self._executor.held(owner)), owner=owner)

    async def _due(self) -> None:
        while rows := await self._database.fetch_all(Q.due_waits, {"limit": _BATCH}):
            for row in rows:
                async with self._database.transaction() as tx:
                    await _meet_due(tx, row)
            if len(rows) < _BATCH:
                break
        for row in await self._database.fetch_all(Q.childless_waits, {"limit": _BATCH}):
            async with self._database.transaction() as tx:
                await _meet_childless(tx, row)

    async def _overdue(self) -> None:
        for row in await self._database.fetch_all(Q.overdue, {"limit": _BATCH}):
            await self._cancel(row["id"], "deadline passed")

    async def _forget(self) -> None:
        """Delete the executor's rows of ended segments, batch by batch."""
        while await self._executor.forget(older_than=self._settings.forget_after_s):
            pass

    async def _retain(self) -> None:
        """Delete runs beyond the retention, then payloads that nothing refers to."""
        params = {"days": self._settings.keep_runs_days, "limit": _BATCH}
        while await self._database.execute(Q.drop_old_runs, params):
            pass
        await self._database.execute(Q.drop_unreferenced, {"older": self._settings.keep_payloads_s})


async def _meet_due(tx: Tx, row: Row) -> None:
    """Meet one wait: an answer whose grace is over, a timer that rang, or a deadline that counts as no."""
    await tx.fetch_one(Q.lock_run, {"id": row["run"]})
    waits = await tx.fetch_all(Q.waits_at, {"run": row["run"], "key": row["key"]})
    now = next(wait for wait in waits if wait["position"] == row["position"])
    if (now["answer"], now["after"]) != (row["answer"], row["after"]):
        # Taken back or replaced between our look and our lock.
        return
    answered = row["after"] is not None and row["answer"] is not None
    outcome = "ok" if answered or row["kind"] == "timer" else "expired"
    try:
        await meet(
            tx, row["run"], row["key"], row["position"],
            value=row["answer"] if answered else None, outcome=outcome,
        )  # fmt: skip
    except ConflictError:
        # Somebody else met it between our look and our lock.
        return


async def _meet_childless(tx: Tx, row: Row) -> None:
    """Meet a wait for children none of which is left, should the last one's own word have been lost."""
    await tx.fetch_one(Q.lock_run, {"id": row["run"]})
    try:
        await meet(tx, row["run"], row["key"], row["position"], value=None, outcome="ok")
    except ConflictError:
        return
