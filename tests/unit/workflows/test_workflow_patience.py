"""An approved effect waits for its receiver: hours of its absence are a delay, not a failure."""

from __future__ import annotations

from pilothouse.workflows import performing


def test_a_receiver_may_be_away_for_hours_and_the_run_waits_without_a_process():
    retry = performing._PATIENT
    # Pauses are drawn between nothing and their ceiling: half of it on average.
    pauses = [min(retry.longest, retry.first * 2**n) / 2 for n in range(retry.tries - 1)]
    assert sum(pauses) > 3 * 3600
    assert retry.longest > 60, "longer pauses park the run"
