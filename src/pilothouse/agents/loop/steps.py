"""Owns how an agent's steps are recorded: by the engine inside a run, or not at all outside of one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from pilothouse import engine
from pilothouse.engine import Retry
from pilothouse.kernel import new_id
from pilothouse.labels import Label

__all__ = ["BareSteps", "EngineSteps", "Steps", "steps_here"]

Body = Callable[[], Awaitable[Any]]
Told = Callable[[Label | None], None]
# An answer that took a minute is not asked for again at once because the network hiccuped.
_RETRY = Retry(tries=3, first=1.0, longest=20.0)


def _unheard(_: Label | None) -> None:
    """What is not asked for."""


class Steps(Protocol):
    """Records what an agent's model and tools answered."""

    @property
    def run(self) -> str:
        """Id of the run; the same at every replay."""
        ...

    async def model(
        self, name: str, body: Body, *, inputs: Any, label: Callable[[], Label], told: Told
    ) -> Any:
        """Ask a model, or answer from the journal."""
        ...

    async def tool(
        self,
        name: str,
        body: Body,
        *,
        inputs: Any,
        label: Callable[[], Label],
        told: Told = _unheard,
        once: bool = False,
    ) -> Any:
        """Call a tool, or answer from the journal."""
        ...

    async def scope(
        self, name: str, body: Body, *, inputs: Any, label: Callable[[], Label], told: Told
    ) -> Any:
        """Run an agent, or answer from the journal."""
        ...

    async def plain(self, name: str, body: Body, *, inputs: Any, label: Label) -> Any:
        """Look something up of our own, or answer from the journal."""
        ...

    def call_id(self) -> str:
        """Return the id of the call whose body is running; stable over attempts and take-over."""
        ...

    def now(self) -> float:
        """Return seconds; the same at every replay."""
        ...


class EngineSteps:
    """Steps of the engine's run that the caller stands in."""

    @property
    def run(self) -> str:
        """Id of the run, and where in it this agent runs."""
        return f"{engine.current_run().id}:{engine.next_key()}"

    async def model(
        self, name: str, body: Body, *, inputs: Any, label: Callable[[], Label], told: Told
    ) -> Any:
        """Ask a model, or answer from the journal."""
        return await engine.step(
            name, body, inputs=inputs, kind="model", label=label, on_label=told, retry=_RETRY
        )

    async def tool(
        self,
        name: str,
        body: Body,
        *,
        inputs: Any,
        label: Callable[[], Label],
        told: Told = _unheard,
        once: bool = False,
    ) -> Any:
        """Call a tool, or answer from the journal."""
        found: list[Label | None] = []
        if engine.place() == "step":
            # Inside another step nothing is recorded, so nobody tells the label.
            answer = await body()
            told(label())
            return answer
        answer = await engine.step(
            name, body, inputs=inputs, kind="tool", label=label, once=once, retry=_RETRY,
            on_label=found.append,
        )  # fmt: skip
        told(found[-1])
        return answer

    async def scope(
        self, name: str, body: Body, *, inputs: Any, label: Callable[[], Label], told: Told
    ) -> Any:
        """Run an agent, or answer from the journal."""
        return await engine.scope(name, body, inputs=inputs, label=label, on_label=told)

    async def plain(self, name: str, body: Body, *, inputs: Any, label: Label) -> Any:
        """Look something up of our own, or answer from the journal."""
        return await engine.step(name, body, inputs=inputs, label=label)

    def call_id(self) -> str:
        """Return ``run:key`` of the step whose body is running."""
        return engine.effect_key()

    def now(self) -> float:
        """Return the end of the previous entry, by the database clock."""
        return engine.now().timestamp()


class BareSteps:
    """Nothing is recorded: for tests, for one question on the command line, and inside another step."""

    def __init__(self) -> None:
        # Inside a step: another attempt at it must come to the same effects.
        self._run = engine.effect_key() if engine.place() == "step" else str(new_id())
        self._calls = 0

    @property
    def run(self) -> str:
        """An id of its own."""
        return self._run

    async def model(
        self, name: str, body: Body, *, inputs: Any, label: Callable[[], Label], told: Told
    ) -> Any:
        """Ask a model."""
        answer = await body()
        told(label())
        return answer

    async def tool(
        self,
        name: str,
        body: Body,
        *,
        inputs: Any,
        label: Callable[[], Label],
        told: Told = _unheard,
        once: bool = False,
    ) -> Any:
        """Call a tool."""
        answer = await body()
        told(label())
        return answer

    async def scope(
        self, name: str, body: Body, *, inputs: Any, label: Callable[[], Label], told: Told
    ) -> Any:
        """Run an agent."""
        found = await body()
        told(label())
        return found

    async def plain(self, name: str, body: Body, *, inputs: Any, label: Label) -> Any:
        """Look something up."""
        return await body()

    def call_id(self) -> str:
        """Return a new id."""
        self._calls += 1
        return f"{self._run}:{self._calls}"

    def now(self) -> float:
        """Return seconds of this machine."""
        return time.monotonic()


def steps_here() -> Steps:
    """Return how steps are recorded where the caller stands."""
    return EngineSteps() if engine.place() in ("top", "branch") else BareSteps()
