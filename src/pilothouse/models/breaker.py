"""Owns when a provider is left alone: circuit breaker, Retry-After, retry budget."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

__all__ = ["Breaker", "BreakerState", "RetryBudget"]

BreakerState = Literal["closed", "open", "half-open"]
CONNECT_FAILURES = 3
WINDOW = 30.0
LEAST_CALLS = 5
FIRST = 5.0
LONGEST = 300.0
START = 3.0


class Breaker:
    """Of one provider and model, in this process (Nygard, Release It!).

    Opens at 3 connect failures in a row, or when of at least 5 calls in 30 s half failed; stays open for
    ``min(5 s * 2**k, 5 min)`` with jitter, then lets one probe through.

    Args:
        now: Seconds that only grow.
        chance: A number between 0 and 1.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._tell: Callable[[BreakerState], None] | None = None
        self._now = now
        self._chance = chance
        self._calls: deque[tuple[float, bool]] = deque(maxlen=256)
        self._connects = 0
        self._openings = 0
        self._until = 0.0
        self._busy = 0.0
        self._probing = False
        self.state: BreakerState = "closed"
        self.reason = ""

    def listen(self, tell: Callable[[BreakerState], None]) -> None:
        """Tell each new state to ``tell``."""
        self._tell = tell

    def closed_for(self) -> float:
        """Return the seconds until a call may be tried; 0 is now."""
        now = self._now()
        if self.state == "half-open" and self._probing:
            return FIRST
        waits = self._until if self.state == "open" else 0.0
        return max(0.0, waits - now, self._busy - now)

    def begin(self) -> None:
        """Note that a call begins: the first after the pause is the probe."""
        if self.state == "open":
            self._change("half-open")
        if self.state == "half-open":
            self._probing = True

    def succeeded(self) -> None:
        """Note an answer."""
        self._probing = False
        self._connects = 0
        self._calls.append((self._now(), True))
        if self.state != "closed":
            self._openings = 0
            self._calls.clear()
            self._change("closed")

    def failed(self, reason: str, *, connected: bool, retry_after: float = 0.0) -> None:
        """Note a failure of the provider; what it asked for by Retry-After is kept to."""
        now = self._now()
        self.reason = reason
        self._connects = 0 if connected else self._connects + 1
        self._calls.append((now, False))
        self._busy = max(self._busy, now + retry_after)
        recent = [fine for at, fine in self._calls if at > now - WINDOW]
        half = len(recent) >= LEAST_CALLS and recent.count(False) * 2 >= len(recent)
        if self.state == "half-open" or self._connects >= CONNECT_FAILURES or half:
            self._open()

    def left(self) -> None:
        """Note that a call was given up by its caller: that says nothing about the provider."""
        self._probing = False

    def _open(self) -> None:
        self._probing = False
        if self.state == "open":
            return
        pause = min(FIRST * 2**self._openings, LONGEST)
        self._openings += 1
        self._until = self._now() + pause * (0.75 + 0.5 * self._chance())
        self._change("open")

    def _change(self, state: BreakerState) -> None:
        self.state = state
        if self._tell is not None:
            self._tell(state)


class RetryBudget:
    """Retries of one provider as a share of its calls (Google SRE book, Handling Overload)."""

    def __init__(self, share: float = 0.1) -> None:
        self._share = share
        self._left = START

    def called(self) -> None:
        """Note a first attempt."""
        self._left = min(self._left + self._share, START * 10)

    def take(self) -> bool:
        """Take one retry; False if there is none left."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
