"""Owns how much processor time one call of a child took: only while it held the turn, not while it waited."""

from __future__ import annotations

import contextvars
from collections.abc import Callable

__all__ = ["METER", "Meter"]


class Meter:
    """Counts one call; without a queue that tells of turns it counts from where it was made.

    Args:
        spent: Returns what the child has used so far, in seconds.
    """

    def __init__(self, spent: Callable[[], float]) -> None:
        self._spent = spent
        self._began = spent()
        self._ended: float | None = None

    def begin(self) -> None:
        """Note that the turn came: what the child did before was for others."""
        self._began = self._spent()

    def end(self) -> None:
        """Note that the turn is over: what the child does from now on is for others."""
        if self._ended is None:
            self._ended = self._spent()

    def used(self) -> float:
        """Return the seconds the child used for this call, so far."""
        return max(0.0, (self._spent() if self._ended is None else self._ended) - self._began)


METER: contextvars.ContextVar[Meter | None] = contextvars.ContextVar("pilothouse_model_meter", default=None)
"""Counts the call under way; set by the adapter, told by the queue."""
