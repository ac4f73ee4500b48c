"""Owns the open database: statements, transactions, notifications, advisory locks."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar, cast

from pilothouse.kernel import UnavailableError, UsageError
from pilothouse.storage.connect import Connector, Pool, describe
from pilothouse.storage.errors import REPEATABLE, translated
from pilothouse.storage.listen import Hub, Subscription
from pilothouse.storage.queries import Query

if TYPE_CHECKING:
    from psycopg import AsyncCursor

    from pilothouse.storage.connect import Link
    from pilothouse.storage.settings import StorageSettings

__all__ = ["Database", "HeldLock", "Params", "Row", "Statement", "Tx", "open_database"]

T = TypeVar("T")
Row = dict[str, Any]
Params = Mapping[str, Any]
Statement = Query | LiteralString

_PAUSE = 0.05


class Tx:
    """One transaction on one connection; rows are dicts. Made by :meth:`Database.transaction`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def fetch_all(self, query: Statement, params: Params | None = None) -> list[Row]:
        """Return all rows."""
        return await (await _run(self._link, query, params)).fetchall()

    async def fetch_one(self, query: Statement, params: Params | None = None) -> Row | None:
        """Return the first row or None."""
        return await (await _run(self._link, query, params)).fetchone()

    async def fetch_value(self, query: Statement, params: Params | None = None) -> Any:
        """Return the first column of the first row or None."""
        return _value(await self.fetch_one(query, params))

    async def execute(self, query: Statement, params: Params | None = None) -> int:
        """Run a statement; return the number of rows it touched."""
        return (await _run(self._link, query, params)).rowcount

    async def execute_many(self, query: Statement, rows: list[Params]) -> None:
        """Run a statement once for each of ``rows``, in one round trip."""
        with translated(_doing(query)):
            await self._link.cursor().executemany(_text(query), rows)

    async def copy(self, query: Statement, rows: Iterable[Sequence[Any]]) -> int:
        """Run a ``copy ... from stdin`` over ``rows``; return how many it took.

        Raises:
            ConstraintError: A row is there already, or may not be; nothing of the transaction is kept.
        """
        cursor = self._link.cursor()
        with translated(_doing(query)):
            async with cursor.copy(_text(query)) as copy:
                for row in rows:
                    await copy.write_row(row)
        return cursor.rowcount

    async def notify(self, channel: str, payload: str = "") -> None:
        """Send a notification when the transaction commits; at most 7,900 bytes, refer to rows instead."""
        await self.execute(
            "select pg_notify(%(channel)s, %(payload)s)", {"channel": channel, "payload": payload}
        )


class HeldLock:
    """Answer of a try-lock: true when held; ``lost`` when its connection has gone since."""

    def __init__(self, link: Link | None) -> None:
        self._link = link

    def __bool__(self) -> bool:
        return self._link is not None

    @property
    def lost(self) -> bool:
        """Whether the lock was held and the server has meanwhile given it up."""
        from pilothouse.storage.connect import hung_up

        return self._link is not None and hung_up(self._link)


class Database:
    """A pool over one PostgreSQL database. Made by :func:`open_database`.

    The verbs of this class are single statements in autocommit. A server that is away is waited for
    before the statement is sent; a connection lost while it runs is an ``UnavailableError``, since nobody
    knows whether it took effect. With ``repeat=True`` it is sent again instead, for up to the settings'
    ``patience``: for reads, and for writes that do nothing the second time.
    """

    def __init__(self, connector: Connector, *, pool_size: int = 10, embedded: bool = False) -> None:
        self.url = connector.url
        self.embedded = embedded
        self._connector = connector
        self._pool = Pool(connector, size=pool_size)
        self._hub = Hub(connector)

    def __repr__(self) -> str:
        return f"<Database {describe(self.url)}>"

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx]:
        """BEGIN, the block, COMMIT; an exception rolls back.

        Raises:
            UnavailableError: No connection, or it was lost; after a loss the transaction may have committed
                only if the loss happened during COMMIT.
        """
        async with self._pool.link() as link:
            with translated("the transaction"):
                async with link.transaction():
                    yield Tx(link)

    async def fetch_all(
        self, query: Statement, params: Params | None = None, *, repeat: bool = False
    ) -> list[Row]:
        """Return all rows; ``repeat``: see the class."""
        return await self._alone(lambda tx: tx.fetch_all(query, params), repeat)

    async def fetch_one(
        self, query: Statement, params: Params | None = None, *, repeat: bool = False
    ) -> Row | None:
        """Return the first row or None; ``repeat``: see the class."""
        return await self._alone(lambda tx: tx.fetch_one(query, params), repeat)

    async def fetch_value(
        self, query: Statement, params: Params | None = None, *, repeat: bool = False
    ) -> Any:
        """Return the first column of the first row or None; ``repeat``: see the class."""
        return _value(await self.fetch_one(query, params, repeat=repeat))

    async def execute(self, query: Statement, params: Params | None = None, *, repeat: bool = False) -> int:
        """Run a statement; return the number of rows it touched; ``repeat``: see the class."""
        return await self._alone(lambda tx: tx.execute(query, params), repeat)

    async def _alone(self, verb: Callable[[Tx], Awaitable[T]], repeat: bool) -> T:
        until = asyncio.get_running_loop().time() + self._connector.patience
        while True:
            try:
                async with self._pool.link() as link:
                    return await verb(Tx(link))
            except UnavailableError as error:
                if not repeat or error.code not in REPEATABLE or asyncio.get_running_loop().time() > until:
                    raise
            await asyncio.sleep(_PAUSE)

    def listen(self, *channels: str) -> Subscription:
        """Return the notifications on ``channels`` as an async iterator; use it with ``async with``.

        All subscriptions share one connection, which reconnects by itself; after a gap each gets one
        notification with ``gap=True``, so that it looks at its tables instead of trusting the silence.
        """
        return self._hub.subscribe(channels)

    @asynccontextmanager
    async def advisory_lock(self, name: str) -> AsyncGenerator[HeldLock]:
        """Try to take the lock ``name`` for the block; false when another session holds it.

        It lives on a connection of its own and is free as soon as that connection or its process ends.
        """
        link = await self._connector.connect()
        try:
            query = "select pg_try_advisory_lock(%(key)s) as held"
            held = await Tx(link).fetch_value(query, {"key": _lock_key(name)})
            yield HeldLock(link if held else None)
        finally:
            await asyncio.shield(link.close())

    async def close(self) -> None:
        """Close all connections."""
        await self._hub.close()
        await self._pool.close()


@asynccontextmanager
async def open_database(settings: StorageSettings | None = None) -> AsyncGenerator[Database]:
    """Open the database: start the embedded server if there is no URL, connect, migrate; close at the end.

    Raises:
        UnavailableError: The server does not answer or does not start; names host and database, no password.
        UsageError: The settings, the data directory or the server cannot be used; says what to change.
    """
    from pilothouse.storage.settings import StorageSettings

    settings = settings or StorageSettings()
    if settings.database_url is not None:
        database = await _connected(settings, settings.database_url)
        try:
            yield database
        finally:
            await database.close()
        return
    async with _embedded(settings) as database:
        yield database


@asynccontextmanager
async def _embedded(settings: StorageSettings) -> AsyncGenerator[Database]:
    from pilothouse.storage.embedded import EmbeddedServer

    server = await asyncio.to_thread(EmbeddedServer, settings.data_dir, fsync=settings.fsync)
    opening = asyncio.create_task(asyncio.to_thread(server.open))
    database: Database | None = None
    try:
        await asyncio.shield(opening)
        database = await _connected(settings, server.url, server)
        yield database
    finally:
        if database is not None:
            await database.close()
        await asyncio.wait([opening])  # a thread cannot be cancelled; what it opened must be closed
        await asyncio.shield(asyncio.to_thread(server.close))


async def _connected(settings: StorageSettings, url: str, server: Any = None) -> Database:
    from pilothouse.storage.migrate import run_migrations

    async def revive() -> None:
        await asyncio.to_thread(server.ensure)

    connector = Connector(
        url,
        patience=settings.patience,
        idle_in_transaction=settings.idle_in_transaction,
        revive=revive if server is not None else None,
    )
    database = Database(connector, pool_size=settings.pool_size, embedded=server is not None)
    try:
        await database.fetch_value("select 1")
        if settings.migrate:
            await asyncio.to_thread(run_migrations, url)
    except BaseException:
        await database.close()
        raise
    return database


async def _run(link: Link, query: Statement, params: Params | None) -> AsyncCursor[Row]:
    with translated(_doing(query)):
        return await link.execute(_text(query), params)


def _text(query: Statement) -> LiteralString:
    return cast("LiteralString", query.text) if isinstance(query, Query) else query


def _doing(query: Statement) -> str:
    return (
        f"query {query.part}.{query.name}"
        if isinstance(query, Query)
        else f"{' '.join(query.split())[:60]!r}"
    )


def _value(row: Row | None) -> Any:
    return None if row is None else next(iter(row.values()))


def _lock_key(name: str) -> int:
    if not name:
        raise UsageError("an advisory lock needs a name", code="storage.lock_name")
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
