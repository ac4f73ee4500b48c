"""Errors, exit codes, rights, ids and clocks: the words every part shares."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pilothouse.kernel import (
    SYSTEM,
    AwaitDecision,
    Cancelled,
    ConflictError,
    DeniedError,
    FakeClock,
    PilothouseError,
    Principal,
    SystemClock,
    UnavailableError,
    UsageError,
    exit_code,
    new_id,
    require,
)

clerk = Principal(id="clerk.amira", rights=frozenset({"sources:*", "decisions:release"}))


@pytest.mark.parametrize(
    ("right", "granted"),
    [("sources:tos:read", True), ("decisions:release", True), ("decisions:release_all", False), ("", False)],
)
def test_a_right_is_granted_literally_or_by_its_prefix(right: str, granted: bool) -> None:
    assert clerk.may(right) is granted


def test_a_missing_right_names_who_and_what() -> None:
    with pytest.raises(DeniedError, match=r"'clerk.amira' may not 'effects:release'") as caught:
        require(clerk, "effects:release")
    assert caught.value.reasons == ("missing:effects:release",)
    require(SYSTEM, "effects:release")


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError("x"), 2), (DeniedError("x"), 3), (ConflictError("x"), 1), (PilothouseError("x"), 1)],
)
def test_exit_codes_are_mapped_once(error: PilothouseError, code: int) -> None:
    assert exit_code(error) == code


def test_waiting_is_not_an_error() -> None:
    for signal in (AwaitDecision, Cancelled):
        assert not issubclass(signal, Exception)


def test_an_error_shows_its_message_and_code() -> None:
    error = UnavailableError("database 'x' is down", code="storage.down", retry_after=3)
    assert str(error) == "database 'x' is down [storage.down]"
    assert error.retry_after == 3


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(set(ids))
    assert ids[0].version == 7


def test_a_fake_clock_moves_only_when_told() -> None:
    clock = FakeClock()
    before = clock.now()
    assert clock.advance(timedelta(days=1)) - before == timedelta(days=1)
    assert SystemClock().now().tzinfo is not None
