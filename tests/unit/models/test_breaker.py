"""When a provider is left alone, and when it is tried again."""

from __future__ import annotations

from pilothouse.models.breaker import Breaker, RetryBudget


class Watch:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def made() -> tuple[Breaker, Watch, list[str]]:
    watch, told = Watch(), list[str]()
    breaker = Breaker(now=watch, chance=lambda: 0.5)
    breaker.listen(told.append)
    return breaker, watch, told


def test_three_connect_failures_in_a_row_open_it() -> None:
    breaker, watch, told = made()
    for _ in range(2):
        breaker.failed("models.no_connection", connected=False)
    assert breaker.closed_for() == 0
    breaker.failed("models.no_connection", connected=False)
    assert breaker.closed_for() == 5
    watch.at += 5
    assert breaker.closed_for() == 0
    breaker.begin()
    assert breaker.closed_for() > 0, "one probe at a time"
    breaker.failed("models.no_connection", connected=False)
    assert breaker.closed_for() == 10, "twice as long"
    watch.at += 10
    breaker.begin()
    breaker.succeeded()
    assert breaker.closed_for() == 0
    assert told == ["open", "half-open", "open", "half-open", "closed"]


def test_half_of_five_calls_in_thirty_seconds_open_it() -> None:
    breaker, watch, _ = made()
    for n in range(4):
        breaker.failed("models.failed", connected=True) if n % 2 else breaker.succeeded()
    assert breaker.state == "closed"
    breaker.failed("models.failed", connected=True)
    assert breaker.state == "open"
    other, watch, _ = made()
    for _ in range(4):
        other.failed("models.failed", connected=True)
        watch.at += 10
    other.failed("models.failed", connected=True)
    assert other.state == "closed", "what is older than the window does not count"


def test_retry_after_is_kept_to() -> None:
    breaker, watch, _ = made()
    breaker.failed("models.busy", connected=True, retry_after=7)
    assert breaker.closed_for() == 7
    watch.at += 7
    assert breaker.closed_for() == 0


def test_a_caller_that_leaves_frees_the_probe() -> None:
    breaker, watch, _ = made()
    for _ in range(3):
        breaker.failed("x", connected=False)
    watch.at += 5
    breaker.begin()
    breaker.left()
    assert breaker.closed_for() == 0


def test_it_stays_open_five_minutes_at_most_and_calls_a_dead_one_rarely() -> None:
    breaker, watch, _ = made()
    calls = [watch.at] * 3
    for _ in range(3):
        breaker.failed("x", connected=False)
    while watch.at < 1000 + 3600:
        watch.at += breaker.closed_for()
        breaker.begin()
        calls.append(watch.at)
        breaker.failed("x", connected=False)
        assert breaker.closed_for() <= 300
    in_the_first_minute = [at for at in calls if at < 1060]
    assert len(in_the_first_minute) <= 10


def test_retries_are_a_share_of_calls() -> None:
    budget = RetryBudget(0.1)
    taken = sum(budget.take() for _ in range(100))
    assert taken == 3
    for _ in range(100):
        budget.called()
    assert sum(budget.take() for _ in range(100)) in (9, 10)
