"""Owns the open session with one MCP server: opened when needed, closed by the task that opened it."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import anyio

from pilothouse.connectors.errors import SourceDeniedError, SourceUnavailableError

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["Address", "McpSession", "ServerGone"]

T = TypeVar("T")


class ServerGone(Exception):
    """The server went away or fell silent during a call; what it was doing is unknown."""


class Address(Protocol):
    """Where a server is."""

    @property
    def words(self) -> str:
        """How an error names it, without secrets."""
        ...

    async def transport(self, stack: AsyncExitStack) -> Any:
        """Return the transport; ``stack`` closes what it needs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A server started as a child process and spoken to over its pipes."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cwd: str | None = None

    @property
    def words(self) -> str:
        """The command without its arguments."""
        return repr(self.command)

    async def transport(self, stack: AsyncExitStack) -> Any:
        """Start it when the transport is entered; its stderr is not ours to show."""
        from mcp import StdioServerParameters, stdio_client

        errors = stack.enter_context(await anyio.to_thread.run_sync(lambda: open(os.devnull, "w")))  # noqa: PTH123, SIM115
        return stdio_client(
            StdioServerParameters(
                command=self.command, args=list(self.args), env=dict(self.env), cwd=self.cwd
            ),
            errlog=errors,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server spoken to over streamable HTTP."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def words(self) -> str:
        """The address without what may be secret in it."""
        return repr(self.url.partition("?")[0])

    async def transport(self, stack: AsyncExitStack) -> Any:
        """Return a transport with our headers."""
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        client = await stack.enter_async_context(httpx2.AsyncClient(headers=dict(self.headers)))
        return streamable_http_client(self.url, http_client=client)


class McpSession:
    """Keeps one session open; calls come from any task.

    A session must be left by the task that entered it, so a keeper task holds it until :meth:`close`
    or until a call finds the server gone; the next call then opens a new one.

    Args:
        source: Name for errors.
        address: Where the server is.
        timeout: Seconds for opening and for each call.
        changed: Called when the server says that its tools changed.
    """

    def __init__(self, source: str, address: Address, *, timeout: float, changed: Callable[[], None]) -> None:
        self._source = source
        self._address = address
        self._timeout = timeout
        self._changed = changed
        self._keeper: _Keeper | None = None
        self._leaving: set[_Keeper] = set()
        self._opening = anyio.Lock()

    async def call(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Run ``work`` with the open client.

        Raises:
            SourceUnavailableError: No session could be opened; nothing was called.
            ServerGone: The server died or gave no answer in time.
        """
        keeper = await self._kept()
        try:
            with anyio.fail_after(self._timeout):
                return await work(keeper.client)
        except TimeoutError:
            self._give_up(keeper)
            raise ServerGone(f"gave no answer within {self._timeout:g} s") from None
        except Exception as error:
            if not _is_gone(error):
                raise
            self._give_up(keeper)
            raise ServerGone(f"went away: {error}") from error

    async def close(self) -> None:
        """Leave the session and reap every child process; closing twice is fine."""
        if self._keeper is not None:
            self._give_up(self._keeper)
        while self._leaving:
            await self._leaving.pop().stopped()

    async def _kept(self) -> _Keeper:
        async with self._opening:
            if self._keeper is None or self._keeper.ended:
                self._keeper = await self._opened()
            return self._keeper

    async def _opened(self) -> _Keeper:
        keeper = _Keeper(self._address, self._timeout, self._changed)
        try:
            await keeper.start()
        except BaseException as error:
            self._give_up(keeper)
            if not isinstance(error, Exception):
                raise
            raise _closed_door(self._source, self._address.words, _root(error), self._timeout) from error
        return keeper

    def _give_up(self, keeper: _Keeper) -> None:
        """Part from a session without waiting for its child: that may take seconds; :meth:`close` waits."""
        if self._keeper is keeper:
            self._keeper = None
        self._leaving = {other for other in self._leaving if not other.ended} | {keeper}
        keeper.stop()


class _Keeper:
    """Holds one session in a task of its own."""

    def __init__(self, address: Address, timeout: float, changed: Callable[[], None]) -> None:
        self._address = address
        self._timeout = timeout
        self._changed = changed
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._opening: anyio.CancelScope | None = None

    @property
    def client(self) -> Client:
        return self._ready.result()

    @property
    def ended(self) -> bool:
        return self._task is None or self._task.done()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._hold(), name="mcp session")
        with anyio.fail_after(self._timeout):
            await asyncio.shield(self._ready)

    def stop(self) -> None:
        """Begin to leave; a session that is not open yet is broken off."""
        self._stop.set()
        if not self._ready.done() and self._opening is not None:
            self._opening.cancel()

    async def stopped(self) -> None:
        """Wait until the session is left; the library bounds every wait of it, so this ends."""
        if self._task is None:
            return
        with anyio.CancelScope(shield=True):
            await asyncio.wait({self._task})
        if not self._ready.cancelled():
            self._ready.exception()  # seen; otherwise the loop complains that nobody looked

    async def _hold(self) -> None:
        """Open, wait, leave: one task, because the library's scopes must nest."""
        opening = anyio.CancelScope(deadline=anyio.current_time() + self._timeout)
        self._opening = opening
        try:
            with opening:
                async with AsyncExitStack() as stack:
                    client = await self._entered(stack)
                    opening.deadline = math.inf
                    self._ready.set_result(client)
                    await self._stop.wait()
        except Exception as error:
            if not self._ready.done():
                self._ready.set_exception(error)
        finally:
            if not self._ready.done():
                self._ready.set_exception(TimeoutError())

    async def _entered(self, stack: AsyncExitStack) -> Client:
        from mcp import Client

        transport = await self._address.transport(stack)
        client = Client(
            transport, read_timeout_seconds=self._timeout, message_handler=self._heard, cache=None
        )
        return await stack.enter_async_context(client)

    async def _heard(self, message: object) -> None:
        if type(message).__name__ == "ToolListChangedNotification":
            self._changed()
        await anyio.lowlevel.checkpoint()


def _is_gone(error: Exception) -> bool:
    """Whether a call failed because the connection did, not because the server said no."""
    from mcp import MCPError

    root = _root(error)
    if isinstance(root, MCPError):
        return root.code in {-32000, -32001} or "timed out" in root.message.lower()
    return isinstance(root, OSError | EOFError | anyio.ClosedResourceError | anyio.BrokenResourceError) or (
        type(root).__module__.partition(".")[0] in {"httpx2", "httpcore2"}
    )


def _root(error: BaseException) -> BaseException:
    """The first error inside task groups."""
    at = error
    while isinstance(at, BaseExceptionGroup):
        at = cast("BaseExceptionGroup[BaseException]", at).exceptions[0]
    return at


def _closed_door(
    source: str, where: str, error: BaseException, timeout: float
) -> SourceUnavailableError | SourceDeniedError:
    text = str(error)
    if any(code in text for code in ("401", "403", "Unauthorized", "Forbidden")):
        return SourceDeniedError(source, f"{where} refused our credentials: {text}", code="mcp.login")
    why = f"gave no answer within {timeout:g} s" if isinstance(error, TimeoutError) else text or repr(error)
    return SourceUnavailableError(source, f"no MCP session with {where}: {why}", code="mcp.unavailable")
