"""Owns taking over from a dead or frozen executor, in steps that another may repeat if the taker dies."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.engine.journal import Q
from pilothouse.engine.keeping.leases import lock_name
from pilothouse.engine.ports import Executor
from pilothouse.storage import Database, Row

if TYPE_CHECKING:
    from pilothouse.engine.settings import EngineSettings

__all__ = ["Reaper"]

_MISSED = 1.5


class Reaper:
    """Looks for silent leases and moves their runs on.

    Order: mark the lease (so that a frozen owner notices), move its runs to their next segment under
    the next epoch, drop what the executor shows as taken, delete the lease. Every step is idempotent,
    and a lease that is still marked after a lease's time may be taken by another reaper.
    """

    def __init__(
        self, database: Database, executor: Executor, settings: EngineSettings, *, owner: str
    ) -> None:
        self._database = database
        self._executor = executor
        self._settings = settings
        self.owner = owner

    async def look(self, *, eager: bool = False) -> int:
        """Take over whoever is dead; ``eager`` also asks for those who have only just been seen.

        Returns:
            How many runs were moved on.
        """
        moved = 0
        for lease in await self._database.fetch_all(Q.leases):
            if lease["executor"] != self.owner and await self._gone(lease, eager=eager):
                moved += await self.take(lease["executor"], dead=lease["silent"] < self._settings.lease_s)
        return moved + await self._orphans()

    async def _gone(self, lease: Row, *, eager: bool) -> bool:
        if lease["reaper"] is not None:
            return bool(lease["reaper"] == self.owner or lease["reaping"] > self._settings.lease_s)
        if lease["silent"] > self._settings.lease_s:
            return True
        if not eager and lease["silent"] < self._settings.beat_s * _MISSED:
            return False
        async with self._database.advisory_lock(lock_name(lease["executor"])) as free:
            return bool(free)

    async def take(self, executor: str, *, dead: bool) -> int:
        """Move everything of ``executor`` on; return how many runs."""
        params = {"executor": executor, "me": self.owner, "lease": self._settings.lease_s, "dead": dead}
        if await self._database.fetch_value(Q.begin_reaping, params) is None:
            return 0
        return await self.release(executor)

    async def release(self, executor: str) -> int:
        """Move everything of ``executor`` on, whether or not its lease still stands."""
        held = await self._executor.held(executor)
        owned = await self._database.fetch_all(Q.owned_by, {"owner": executor})
        moved = await self.move({*held, *((row["id"], row["segment"]) for row in owned)}, owner=executor)
        await self._executor.drop(held)
        await self._database.execute(Q.drop_lease, {"executor": executor})
        return moved

    async def move(self, segments: set[tuple[UUID, int]], *, owner: str) -> int:
        """Give the runs of ``owner`` their next segment and epoch."""
        if not segments:
            return 0
        ordered = sorted(segments)
        params = {"ids": [run for run, _ in ordered], "segments": [n for _, n in ordered], "owner": owner}
        return len(await self._database.fetch_all(Q.bump_segments, params))

    async def stragglers(self) -> int:
        """Free what executors without any lease still hold in the queues; return how many runs moved on.

        Such are left when a frozen process goes on, claims once more and dies before it has noticed.
        """
        alive = {lease["executor"] for lease in await self._database.fetch_all(Q.leases)}
        return sum([await self.release(owner) for owner in await self._executor.holders() - alive])

    async def _orphans(self) -> int:
        """Runs whose owner's lease is gone altogether: it was dropped while they were being claimed."""
        moved = 0
        rows = await self._database.fetch_all(Q.orphans, {"limit": 500})
        for owner in {row["owner"] for row in rows}:
            moved += await self.move(
                {(row["id"], row["segment"]) for row in rows if row["owner"] == owner}, owner=owner
            )
        return moved
