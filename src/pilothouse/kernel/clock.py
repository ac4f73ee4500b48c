"""Owns the clock port; tests use :class:`FakeClock`, everything else :class:`SystemClock`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "FakeClock", "SystemClock"]


class Clock(Protocol):
    """Tells the time in UTC."""

    def now(self) -> datetime:
        """Return an aware datetime in UTC."""
        ...


class SystemClock:
    """The host's wall clock."""

    def now(self) -> datetime:
        """Return the host's time in UTC."""
        return datetime.now(UTC)


class FakeClock:
    """A clock that moves only when told to."""

    def __init__(self, at: datetime = datetime(2026, 1, 5, 6, tzinfo=UTC)) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return the set time."""
        return self._at

    def advance(self, by: timedelta) -> datetime:
        """Move the clock by ``by`` and return the new time."""
        self._at += by
        return self._at
