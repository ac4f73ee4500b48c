"""The clock by which approvals expire goes on when the machine's clock is set back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pilothouse.storage import ConstraintError, Database, HighWater

AHEAD = timedelta(days=400)


async def test_it_follows_the_wall_clock(database: Database) -> None:
    clock = HighWater(database)
    first = await clock.push()
    assert await clock.push() >= first
    assert await clock.now() >= first


async def test_it_stays_where_a_jump_forward_took_it_and_goes_on_from_there(database: Database) -> None:
    # What a machine leaves behind whose clock stood 400 days ahead before it was set right.
    await database.execute("update storage_clock set high = clock_timestamp() + %(ahead)s", {"ahead": AHEAD})
    passed = 0.0
    clock = HighWater(database, monotonic=lambda: passed)
    high = await clock.push()
    passed = 60.0
    assert await clock.push() == high + timedelta(seconds=60)
    assert await clock.now() == high + timedelta(seconds=60)


async def test_nothing_pushes_it_back(database: Database) -> None:
    for attempt in (
        "update storage_clock set high = high - interval '1 second'",
        "delete from storage_clock",
    ):
        with pytest.raises(Exception, match="only goes forward"):
            await database.execute(attempt)
    with pytest.raises(ConstraintError):
        await database.execute("insert into storage_clock (one, high) values (false, clock_timestamp())")
