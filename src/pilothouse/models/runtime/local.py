"""Owns the local text model as a provider: an OpenAI-compatible server that nobody else can reach."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, cast

import httpx2

from pilothouse.kernel import PilothouseError, UsageError
from pilothouse.models.runtime.defuse import defused
from pilothouse.models.runtime.lane import Lane
from pilothouse.models.runtime.meter import METER
from pilothouse.models.runtime.process import Child, ServerConfig

__all__ = ["CALLER_HEADER", "Adapter", "LocalRuntime", "Weights"]

CALLER_HEADER = "x-pilothouse-caller"
"""Names whose turn a request takes in the fair queue; it is not sent on."""
_BROKEN = (httpx2.NetworkError, httpx2.RemoteProtocolError)
log = logging.getLogger(__name__)


class Weights(Protocol):
    """What is served: an ``OpenPack`` is one."""

    @property
    def name(self) -> str:
        """Name that answers carry."""
        ...

    @property
    def hash(self) -> str:
        """Identity of the weights."""
        ...

    def only(self, suffix: str) -> Path:
        """Return the path of its file with that ending, every byte already checked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA adapter beside the untouched base weights; ``path`` is a GGUF file."""

    name: str
    path: Path


class LocalRuntime:
    """The embedded text model as a child process: OpenAI's HTTP over a unix socket, JSON Schema by grammar.

    ::

        async with LocalRuntime(packs.open("smollm2")) as rt:
            client = AsyncOpenAI(base_url=rt.base_url, api_key="local", max_retries=0,
                                 http_client=httpx2.AsyncClient(transport=rt.transport))

    Opening it starts nothing: the child starts with the first request (or :meth:`start`), ends with the
    block, and dies with this process however that ends. A crash costs the calls in flight; the next one finds
    a new child. One call runs at a time; who waits is served in turn by the header ``x-pilothouse-caller``.
    Closing a streamed answer stops the generation. It belongs to one event loop.

    A request may carry ``lora: [{"id": 0, "scale": 1.0}]``: the place of an adapter in ``adapters`` is its
    id, :meth:`lora` makes the list by name, and without it only ``default`` is on. So an old and a new
    version answer side by side in one process.

    Args:
        weights: An open pack with one GGUF file.
        adapters: Adapters that requests may switch on.
        default: Name of the one that is on where a request says nothing; empty is the bare model.
        context: Tokens of prompt and answer together; a longer prompt gets HTTP 400.
        threads: Threads of the native code. On a shared machine more than one is slower: they spin.
        memory: Most bytes of private memory the child may take.
    """

    base_url = "http://localhost/v1"
    """For clients; every byte goes to the unix socket through :attr:`transport`, nothing is resolved."""

    def __init__(
        self,
        weights: Weights,
        *,
        adapters: Sequence[Adapter] = (),
        default: str = "",
        context: int = 4096,
        threads: int = 1,
        memory: int = 4 << 30,
    ) -> None:
        self.name = weights.name
        self.hash = weights.hash
        self.adapters = tuple(adapters)
        self.starts = 0
        """How often a child was started; more than one means that it crashed."""
        self._config = ServerConfig(
            model=weights.only(".gguf"),
            alias=weights.name,
            adapters=tuple(adapter.path for adapter in adapters),
            default=self._id(default) if default else -1,
            context=context,
            threads=threads,
            memory=memory,
        )
        self._child: Child | None = None
        self._starting = asyncio.Lock()
        self._spent = 0.0
        self._doubted = False
        self.lane = Lane()
        """The queue before the child."""
        self.transport: httpx2.AsyncBaseTransport = _LocalTransport(self)
        """Give it to an ``httpx2.AsyncClient``; closing that client leaves the child running."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def load_seconds(self) -> float | None:
        """Seconds the running child took to load; None when none runs."""
        return None if self._child is None else self._child.seconds

    @property
    def pid(self) -> int | None:
        """Process id of the child; None when none runs."""
        return self._child.pid if self._child is not None and self._child.alive else None

    def cpu_seconds(self) -> float:
        """CPU time of all children so far; the last moments of one that crashed are missing."""
        return self._spent + (0.0 if self._child is None else self._child.cpu_seconds())

    def memory(self) -> int:
        """Resident bytes of the child; 0 when none runs."""
        return 0 if self._child is None else self._child.memory()

    def lora(self, name: str | None, *, scale: float = 1.0) -> list[dict[str, float]]:
        """Return the request's ``lora`` that switches ``name`` on and every other adapter off.

        Raises:
            UsageError: ``models.no_adapter``: it was opened without that one.
        """
        wanted = -1 if name is None else self._id(name)
        return [{"id": id, "scale": scale if id == wanted else 0.0} for id in range(len(self.adapters))]

    def _id(self, name: str) -> int:
        names = [adapter.name for adapter in self.adapters]
        if name not in names:
            raise UsageError(
                f"the local model was opened without an adapter {name!r}, only with {names!r}",
                code="models.no_adapter",
            )
        return names.index(name)

    async def start(self) -> Path:
        """Start the child unless it runs, and return its socket.

        Raises:
            UsageError: ``models.no_runtime``, ``models.no_instructions``: this machine cannot.
            DataError: ``models.load_failed``: the weights were refused; the message says why.
        """
        async with self._starting:
            if self._doubted and self._child is not None:
                self._doubted = False
                await asyncio.to_thread(self._child.settle)
            if self._child is not None and self._child.alive:
                return self._child.socket
            if self._child is not None:
                log.warning("the local model %r ended by itself; starting it again", self.name)
                await self._drop()
            self._child = await _shielded(self._config)
            self.starts += 1
            return self._child.socket

    async def close(self) -> None:
        """End the child; a later request would start another."""
        async with self._starting:
            await self._drop()

    def doubt(self) -> None:
        """Look twice before the next call whether the child lives: a connection to it broke."""
        self._doubted = True

    async def _drop(self) -> None:
        await self.transport.aclose()
        child, self._child = self._child, None
        if child is not None:
            self._spent += child.cpu_seconds()
            await asyncio.to_thread(child.stop)


async def _shielded(config: ServerConfig) -> Child:
    """Start a child in a thread; one that comes up after we were cancelled is ended, not lost."""
    work = asyncio.ensure_future(asyncio.to_thread(Child.start, config))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        work.add_done_callback(_end_unwanted)
        raise


def _end_unwanted(work: asyncio.Future[Child]) -> None:
    if not work.cancelled() and work.exception() is None:
        work.result().stop()


class _LocalTransport(httpx2.AsyncBaseTransport):
    """Sends requests to the child in turn; a failed start is a failed connection, as with any server."""

    def __init__(self, runtime: LocalRuntime) -> None:
        self._runtime = runtime
        self._socket: Path | None = None
        self._inner: httpx2.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        lane = self._runtime.lane
        caller = request.headers.pop(CALLER_HEADER, "")
        request = await defused(request)
        try:
            async with asyncio.timeout(_pool_timeout(request)):
                await lane.enter(caller)
        except TimeoutError as error:
            raise httpx2.PoolTimeout("the local model was busy with other calls", request=request) from error
        meter = METER.get()
        if meter is not None:
            meter.begin()
        try:
            response = await (await self._connected(request)).handle_async_request(request)
        except BaseException as error:
            if isinstance(error, _BROKEN):
                self._runtime.doubt()
            lane.leave()
            raise
        body = cast("httpx2.AsyncByteStream", response.stream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Turn(body, self._runtime),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        inner, self._inner, self._socket = self._inner, None, None
        if inner is not None:
            await inner.aclose()

    async def _connected(self, request: httpx2.Request) -> httpx2.AsyncHTTPTransport:
        try:
            socket = await self._runtime.start()
        except PilothouseError as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        if self._inner is None or socket != self._socket:
            await self.aclose()
            self._inner, self._socket = httpx2.AsyncHTTPTransport(uds=str(socket)), socket
        return self._inner


class _Turn(httpx2.AsyncByteStream):
    """The body of an answer; the turn ends when it is closed."""

    def __init__(self, body: httpx2.AsyncByteStream, runtime: LocalRuntime) -> None:
        self._body = body
        self._runtime = runtime
        self._lane: Lane | None = runtime.lane
        self._meter = METER.get()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body:
                yield chunk
        except _BROKEN:
            self._runtime.doubt()
            raise

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        finally:
            lane, self._lane = self._lane, None
            if lane is not None:
                if self._meter is not None:
                    self._meter.end()
                lane.leave()


def _pool_timeout(request: httpx2.Request) -> float | None:
    timeouts = cast("dict[str, float | None]", request.extensions.get("timeout", {}))
    return timeouts.get("pool")
