"""Owns opening connections and the pool: patient with a server that went away, cheap when it did not."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from pilothouse.kernel import UnavailableError
from pilothouse.storage.errors import lost

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    Link: TypeAlias = AsyncConnection[dict[str, Any]]

__all__ = ["Connector", "Pool", "describe", "hung_up"]

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


def describe(url: str) -> str:
    """Return "database 'd' on 'host'" for messages; never user or password."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "the database of an unreadable URL"
    host = parts.get("host") or parts.get("hostaddr") or "the local socket"
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"database {parts.get('dbname') or ''!r} on '{host}{port}'"


class Connector:
    """Opens connections to one database, trying again for ``patience`` seconds.

    Args:
        url: libpq URL.
        patience: Seconds to go on trying while the server is away.
        idle_in_transaction: Seconds after which the server ends a silent transaction.
        revive: Called between attempts; starts the embedded server again.
    """

    def __init__(
        self,
        url: str,
        *,
        patience: float,
        idle_in_transaction: float,
        revive: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.url = url
        self.patience = patience
        self._idle = f"{round(idle_in_transaction * 1000)}ms"
        self._revive = revive
        self._reviving: asyncio.Task[None] | None = None

    async def connect(self) -> Link:
        """Return a fresh connection in autocommit, rows as dicts.

        Raises:
            UnavailableError: ``storage.unreachable``: no connection within the patience.
        """
        import psycopg

        until = asyncio.get_running_loop().time() + self.patience
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._once()
            except psycopg.Error as error:
                remaining = until - asyncio.get_running_loop().time()
                if not _passing(error) or remaining <= 0:
                    raise self._unreachable(error) from error
            await asyncio.sleep(min(pause, remaining))
            pause = min(pause * 2, _LONGEST_PAUSE)
            await self._bring_back()

    async def _bring_back(self) -> None:
        """Revive the server once for all who wait; who gives up waiting does not stop it for the others."""
        if self._revive is None:
            return
        if self._reviving is None or self._reviving.done():
            self._reviving = asyncio.create_task(self._revive())
        await asyncio.shield(self._reviving)

    async def _once(self) -> Link:
        from psycopg import AsyncConnection
        from psycopg.rows import dict_row

        link: Link = await AsyncConnection[dict[str, Any]].connect(
            self.url,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=10,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            application_name="pilothouse",
        )
        try:
            await link.execute(
                "select set_config('idle_in_transaction_session_timeout', %s, false),"
                " set_config('timezone', 'UTC', false)",
                (self._idle,),
            )
        except BaseException:
            await link.close()
            raise
        return link

    def _unreachable(self, error: BaseException) -> UnavailableError:
        reason = " ".join(str(error).split())
        return UnavailableError(
            f"{describe(self.url)} does not answer: {reason}; "
            "check PILOTHOUSE_DATABASE_URL and see `pilothouse doctor`",
            code="storage.unreachable",
            retry_after=5.0,
        )


def _passing(error: BaseException) -> bool:
    """Whether waiting may help: not for a wrong password or a missing database."""
    text = str(error)
    if getattr(error, "sqlstate", None) == "53300" or "too many clients" in text:
        return True
    final = ("authentication failed", "does not exist", "no pg_hba.conf entry", "Peer authentication")
    return lost(error) and ("No such file" in text or not any(word in text for word in final))


class Pool:
    """At most ``size`` connections; an idle one that the server closed is noticed without a round trip."""

    def __init__(self, connector: Connector, *, size: int) -> None:
        self._connector = connector
        self._room = asyncio.Semaphore(size)
        self._idle: list[Link] = []
        self._closed = False

    @asynccontextmanager
    async def link(self) -> AsyncGenerator[Link]:
        """Lend a connection; it comes back clean or is thrown away.

        Raises:
            UnavailableError: ``storage.unreachable``, or ``storage.closed`` after :meth:`close`.
        """
        async with self._room:
            link = await self._take()
            try:
                yield link
            finally:
                await self._give(link)

    async def close(self) -> None:
        """Close the idle connections; lent ones are closed when they come back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _take(self) -> Link:
        if self._closed:
            raise UnavailableError("the database was closed; open it again", code="storage.closed")
        while self._idle:
            link = self._idle.pop()
            if not hung_up(link):
                return link
            await _discard(link)
        return await self._connector.connect()

    async def _give(self, link: Link) -> None:
        from psycopg.pq import TransactionStatus

        clean = not link.closed and link.info.transaction_status == TransactionStatus.IDLE
        if clean and not self._closed:
            self._idle.append(link)
        else:
            await _discard(link)


def hung_up(link: Link) -> bool:
    """Whether the server closed the connection (its farewell makes the socket readable); no round trip."""
    if link.closed:
        return True
    with suppress(OSError, ValueError):
        poll = select.poll()
        poll.register(link.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    return True


async def _discard(link: Link) -> None:
    with suppress(Exception):
        await asyncio.shield(link.close())
