"""Owns schedules: which ticks are due, in their own time zone, each started exactly once by its key."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pilothouse.engine.journal import Q
from pilothouse.engine.types import Schedule
from pilothouse.kernel import SYSTEM, UsageError

if TYPE_CHECKING:
    from pilothouse.engine.engine import Engine

__all__ = ["Ticker", "due_ticks"]

_log = logging.getLogger("pilothouse.engine")
_MOST = 1000


def due_ticks(schedule: Schedule, *, last: datetime, now: datetime) -> list[datetime]:
    """Return the planned times after ``last`` up to ``now`` that are to be started, in UTC.

    A rule with a fixed hour is planned by the wall clock: an hour that the change of clocks skips is not
    planned, one that comes twice is planned once. A rule for every hour goes by real time.

    Raises:
        UsageError: ``engine.schedule``: the cron rule or the time zone is not readable.
    """
    from croniter.croniter import CroniterError

    try:
        planned = list(islice(_planned(schedule, last, now), _MOST))
    except (CroniterError, ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(
            f"schedule {schedule.name!r}: {schedule.cron!r} in {schedule.timezone!r}: {error}",
            code="engine.schedule",
        ) from error
    if schedule.missed == "all":
        return planned
    if schedule.missed == "one":
        return planned[-1:]
    return [tick for tick in planned[-1:] if (now - tick).total_seconds() < 60]


def _planned(schedule: Schedule, last: datetime, now: datetime) -> Iterator[datetime]:
    from croniter import croniter

    zone = ZoneInfo(schedule.timezone)
    hour = [*schedule.cron.split(), "", ""][1]
    start = last.astimezone(zone)
    ticks = croniter(schedule.cron, start if hour.startswith("*") else start.replace(tzinfo=None))
    while True:
        tick = ticks.get_next(datetime)
        local = tick if tick.tzinfo is not None else tick.replace(tzinfo=zone)
        planned = local.astimezone(UTC)
        if planned > now:
            return
        exists = planned.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
        if exists and planned > last:
            yield planned


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
            if schedule is None:
                continue
            try:
                await self._fire(schedule, row["last"], row["now"])
            except UsageError as error:
                _log.warning("schedule %r cannot start its run: %s", schedule.name, error)

    async def _fire(self, schedule: Schedule, last: datetime, now: datetime) -> None:
        ticks = due_ticks(schedule, last=last, now=now)
        for planned in ticks:
            key = f"schedule:{schedule.name}:{planned.isoformat()}"
            await self._engine.start(
                schedule.workflow, schedule.args, key=key, principal=SYSTEM, queue=schedule.queue,
                label=schedule.label,
            )  # fmt: skip
        if ticks:
            await self._engine.database.execute(Q.fired, {"name": schedule.name, "last": ticks[-1]})
