"""Owns what a story's workflows do, and looking at the books afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from pilothouse import engine as e
from pilothouse.engine.testing.story import eventually

__all__ = ["Bodies", "park_all", "replay_again"]

Body = Callable[..., Awaitable[Any]]


class Bodies:
    """A catalogue of small workflows that notes which bodies ran, when, and how many at once."""

    def __init__(self) -> None:
        self.catalog = e.Catalog()
        self.effect = "effect"
        self._log: list[tuple[str, float, Any]] = []
        self._live: dict[str, int] = {}
        self._most: dict[str, int] = {}

    def add(
        self, name: str, body: Callable[..., Awaitable[Any]], *, version: str = "1", pin: bool = False
    ) -> None:
        """Register or replace a workflow."""
        self.catalog.register(e.Definition(name=name, version=version, body=body, pin=pin))

    def simple(self, name: str, *, pause: float = 0.0) -> None:
        """Register a workflow of one step that returns its argument."""

        async def body(n: int) -> int:
            return await self.step(name, n, pause=pause)

        self.add(name, body)

    def gate(
        self, name: str, *, until: timedelta | None = None, version: str = "1", pin: bool = False
    ) -> None:
        """Register a workflow that asks once."""

        async def body(n: int) -> dict[str, Any]:
            waited = await e.wait("gate", str(n), until=until)
            return {"outcome": waited.outcome, "value": waited.value}

        self.add(name, body, version=version, pin=pin)

    async def step(
        self, name: str, n: Any, *, pause: float = 0.0, once: bool = False, give: Any = None
    ) -> Any:
        """Run a noted step that returns ``n``, or ``give``."""

        async def body() -> Any:
            self._log.append((name, time.monotonic(), n))
            self._live[name] = self._live.get(name, 0) + 1
            self._most[name] = max(self._most.get(name, 0), self._live[name])
            try:
                await asyncio.sleep(pause)
            finally:
                self._live[name] -= 1
            return n if give is None else give

        return await e.step(name, body, inputs=n, once=once)

    def ran(self, name: str) -> int:
        """How often a body ran."""
        return sum(1 for found, _, _ in self._log if found == name)

    def most(self, name: str) -> int:
        """How many bodies ran at once."""
        return self._most.get(name, 0)

    def order(self, name: str) -> list[tuple[float, Any]]:
        """When each body started, and with what."""
        return [(at, n) for found, at, n in self._log if found == name]

    def span(self, name: str) -> float:
        """Seconds between the first and the last start."""
        times = [at for at, _ in self.order(name)]
        return max(times) - min(times)


async def park_all(engine: e.Engine, count: int) -> None:
    """Return when ``count`` runs wait."""

    async def parked() -> bool:
        return (await engine.counts()).get("parked", 0) >= count

    await eventually(parked, within=30)


async def replay_again(engine: e.Engine) -> None:
    """Replay every finished run once more from its journal: no difference, nothing new."""
    found = await engine.check(states=("done",))
    wrong = [item for item in found if item.verdict not in ("same", "adopt")]
    assert not wrong, wrong
