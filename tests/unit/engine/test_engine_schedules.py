"""Planned times across the change of clocks and over downtime."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pilothouse.engine import Schedule
from pilothouse.engine.keeping.schedules import due_ticks
from pilothouse.kernel import UsageError


def ticks(
    cron: str, last: str, now: str, *, zone: str = "Europe/Amsterdam", missed: str = "all"
) -> list[str]:
    schedule = Schedule(name="s", cron=cron, workflow="w", timezone=zone, missed=missed)
    at = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (last, now)]
    return [tick.strftime("%d %H:%M") for tick in due_ticks(schedule, last=at[0], now=at[1])]


def test_a_daily_time_is_local_in_summer_and_in_winter():
    assert ticks("0 6 * * *", "2026-03-28T05:30", "2026-03-30T05:30") == ["29 04:00", "30 04:00"]
    assert ticks("0 6 * * *", "2026-10-24T05:30", "2026-10-26T05:30") == ["25 05:00", "26 05:00"]


def test_the_hour_that_is_skipped_and_the_hour_that_comes_twice_start_at_most_once_a_day():
    spring = ticks("30 2 * * *", "2026-03-28T02:00", "2026-03-30T02:00")
    autumn = ticks("30 2 * * *", "2026-10-24T02:00", "2026-10-26T02:00")
    assert len({tick[:2] for tick in spring}) == len(spring) <= 2
    assert len({tick[:2] for tick in autumn}) == len(autumn) == 2


@pytest.mark.parametrize(("missed", "count"), [("all", 5), ("one", 1), ("skip", 0)])
def test_missed_ticks_are_made_up_for_as_declared(missed, count):
    assert len(ticks("0 * * * *", "2026-01-05T00:30", "2026-01-05T05:30", zone="UTC", missed=missed)) == count


def test_nothing_is_due_before_its_time_and_a_tick_on_time_is_never_skipped():
    assert ticks("0 * * * *", "2026-01-05T05:00", "2026-01-05T05:59", zone="UTC") == []
    assert ticks("0 * * * *", "2026-01-05T05:00", "2026-01-05T06:00", zone="UTC", missed="skip") == [
        "05 06:00"
    ]


@pytest.mark.parametrize(("cron", "zone"), [("every day", "UTC"), ("0 6 * * *", "Mars/Olympus")])
def test_an_unreadable_rule_is_named(cron, zone):
    with pytest.raises(UsageError, match="schedule 's'"):
        ticks(cron, "2026-01-05T05:00", "2026-01-05T06:00", zone=zone)
