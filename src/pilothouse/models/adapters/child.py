"""Owns the embedded text model as an endpoint of the gateway: a child process behind its transport."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from pilothouse.kernel import PilothouseError
from pilothouse.models.adapters.openai_http import OpenAIBackend
from pilothouse.models.errors import ProviderError
from pilothouse.models.ports import Incoming, Outgoing, Replied
from pilothouse.models.provider import Place, Provider
from pilothouse.models.runtime.meter import METER, Meter
from pilothouse.models.types import Usage

if TYPE_CHECKING:
    import httpx2

__all__ = ["Child", "ChildBackend"]

HERE = Place(host="localhost", address="child", local=True)


class Child(Protocol):
    """A runtime that this process starts: its ``LocalRuntime`` is one."""

    @property
    def base_url(self) -> str:
        """Address for clients."""
        ...

    @property
    def transport(self) -> httpx2.AsyncBaseTransport:
        """Leads to the child, whichever is alive."""
        ...

    def cpu_seconds(self) -> float:
        """What the child has used."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


class ChildBackend:
    """One model in a child process; it is started by the first call.

    Args:
        provider: Its declaration.
        opened: Opens the runtime; may raise that its weights are not here.
    """

    def __init__(self, provider: Provider, opened: Callable[[], Child]) -> None:
        self._provider = provider
        self._opened = opened
        self._child: Child | None = None
        self._inner: OpenAIBackend | None = None

    @property
    def provider(self) -> Provider:
        """Who it is."""
        return self._provider

    async def locate(self) -> Place:
        """Return that it is here."""
        return HERE

    async def send(self, outgoing: Outgoing, *, at: Place, seconds: float) -> AsyncGenerator[Incoming]:
        """Send one attempt to the child, and count what it used of the processor."""
        child, inner = self._ready()
        meter = Meter(child.cpu_seconds)
        METER.set(meter)
        async with aclosing(inner.send(outgoing, at=at, seconds=seconds)) as events:
            async for one in events:
                yield _counted(one, meter.used()) if isinstance(one, Replied) else one

    async def close(self) -> None:
        """End the child."""
        child, inner, self._child, self._inner = self._child, self._inner, None, None
        if inner is not None:
            await inner.close()
        if child is not None:
            await child.close()

    def _ready(self) -> tuple[Child, OpenAIBackend]:
        if self._child is None or self._inner is None:
            try:
                self._child = self._opened()
            except PilothouseError as error:
                name = self._provider.name
                raise ProviderError(
                    f"provider {name!r}: {error.message}", code=error.code, connected=False
                ) from error
            reached = replace(self._provider, url=self._child.base_url, same_model=False)
            from pilothouse.models.runtime import CALLER_HEADER

            self._inner = OpenAIBackend(
                reached, transport=self._child.transport, place=HERE, caller_header=CALLER_HEADER
            )
        return self._child, self._inner


def _counted(replied: Replied, cpu: float) -> Replied:
    return replace(replied, usage=replace(replied.usage or Usage(), cpu_seconds=cpu))
