"""Owns schedules: which ticks are due, in their own time zone, each started exactly once by its key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pilothouse.engine.journal import Q
from pilothouse.engine.types import Schedule
from pilothouse.kernel import SYSTEM, UsageError

if TYPE_CHECKING:
    from pilothouse.engine.engine import Engine

__all__ = ["Ticker", "due_ticks"]

_MOST = 1000


def due_ticks(schedule: Schedule, *, last: datetime, now: datetime) -> list[datetime]:
    """Return the planned times after ``last`` up to ``now`` that are to be started, in UTC.

    A local time that the change of clocks skips is not planned; one that comes twice is planned once.

    Raises:
        UsageError: ``engine.schedule``: the cron rule or the time zone is not readable.
    """
    from croniter import croniter
    from croniter.croniter import CroniterError

    try:
        zone = ZoneInfo(schedule.timezone)
        ticks = croniter(schedule.cron, last.astimezone(zone), ret_type=datetime)
    except (CroniterError, ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(
            f"schedule {schedule.name!r}: {schedule.cron!r} in {schedule.timezone!r}: {error}",
            code="engine.schedule",
        ) from error
    planned: list[datetime] = []
    while len(planned) < _MOST:
        tick = ticks.get_next(datetime).astimezone(UTC)
        if tick > now:
            break
        if tick > last and (not planned or tick != planned[-1]):
            planned.append(tick)
    if schedule.missed == "all":
        return planned
    if schedule.missed == "one":
        return planned[-1:]
    return [tick for tick in planned[-1:] if (now - tick).total_seconds() < 60]


class Ticker:
    """Starts what is due; called by the sweeper."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def declare(self) -> None:
        """Store the schedules of this process, checking them."""
        for schedule in self._engine.catalog.schedules.values():
            now = datetime.now(UTC)
            due_ticks(schedule, last=now, now=now)
            params = {"name": schedule.name, "cron": schedule.cron, "timezone": schedule.timezone}
            await self._engine.database.execute(Q.put_schedule, params)

    async def tick(self) -> None:
        """Start every due tick; the key makes each start once."""
        if not self._engine.catalog.schedules:
            return
        for row in await self._engine.database.fetch_all(Q.schedules):
            schedule = self._engine.catalog.schedules.get(row["name"])
            if schedule is not None:
                await self._fire(schedule, row["last"], row["now"])

    async def _fire(self, schedule: Schedule, last: datetime, now: datetime) -> None:
        ticks = due_ticks(schedule, last=last, now=now)
        for planned in ticks:
            key = f"schedule:{schedule.name}:{planned.isoformat()}"
            await self._engine.start(
                schedule.workflow, schedule.args, key=key, principal=SYSTEM, queue=schedule.queue
            )
        if ticks:
            await self._engine.database.execute(Q.fired, {"name": schedule.name, "last": ticks[-1]})
