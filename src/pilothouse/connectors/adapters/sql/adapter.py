"""Owns the SQL source: reads tables and views in read-only transactions, on threads of its own limit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import anyio
import anyio.to_thread

from pilothouse.connectors.adapters.sql.engines import build_engine, deadline, typed_error
from pilothouse.connectors.adapters.sql.reflect import Catalogue, Shape
from pilothouse.connectors.adapters.sql.select import select, selectable
from pilothouse.connectors.adapters.sql.settings import SqlOptions
from pilothouse.connectors.adapters.sql.statement import Plan
from pilothouse.connectors.adapters.sql.write import SqlWriter
from pilothouse.connectors.errors import SourceDataError, SourceLimitError
from pilothouse.connectors.ports import Selectable, SourceContext
from pilothouse.connectors.types import ObjectSchema, Query, Row, WriteTool
from pilothouse.kernel import Json
from pilothouse.policy import Dialect

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["SqlSource", "connect"]

T = TypeVar("T")
COUNTED = 100_000
"""Rows are counted up to here; larger tables say None."""
MAX_COUNTED_TABLES = 200
MOVED = ("column", "no such", "not exist", "doesn't exist")


def connect(context: SourceContext) -> SqlSource:
    """Return the adapter of a source of kind ``sql``; nothing is opened before the first read.

    Raises:
        SourceUsageError: The declaration is not right.
    """
    return SqlSource(context, context.parse(SqlOptions))


class SqlSource:
    """One foreign database.

    Args:
        context: The source.
        options: Its declaration.
    """

    def __init__(self, context: SourceContext, options: SqlOptions) -> None:
        self._context = context
        self._options = options
        self._engine: sa.Engine | None = None
        self._limiter = anyio.CapacityLimiter(options.pool)
        self._catalogue = Catalogue(
            context.name,
            schemas=options.schemas,
            keys={name: item.key for name, item in options.objects.items()},
            every=options.reflect_every,
        )
        self._writer = SqlWriter(context, options)

    async def ping(self) -> None:
        """Return when the database answers."""
        await self._run(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())

    async def objects(self) -> list[ObjectSchema]:
        """Return tables and views; rows are counted up to 100,000."""
        return await self._run(self._objects)

    async def read(self, query: Query) -> list[Row]:
        """Return the matching rows of a table or view, all keys in one statement."""
        return await self._run(lambda connection: self._read(connection, query))

    async def sample(self, object: str, n: int) -> list[Row]:
        """Return the first ``n`` rows the database gives."""
        return await self.read(Query(object, limit=n))

    def dialect(self) -> Dialect:
        """Return what the database speaks; nothing is opened for it."""
        name = self._opened().dialect.name
        return "postgres" if name == "postgresql" else "sqlite" if name == "sqlite" else "mysql"

    async def selectable(self) -> list[Selectable]:
        """Return tables and views, of the default schema first."""
        return await self._run(lambda connection: selectable(self._catalogue.all_shapes(connection)))

    async def select(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Run one statement that was made harmless; see :mod:`pilothouse.connectors.adapters.sql.select`."""
        return await anyio.to_thread.run_sync(
            lambda: select(self._opened(), self._context, text, limit),
            abandon_on_cancel=True,
            limiter=self._limiter,
        )

    async def tools(self) -> list[WriteTool]:
        """Return the declared writes."""
        return self._writer.tools()

    async def write(self, tool: str, args: Mapping[str, Any], *, effect_id: str) -> dict[str, Json]:
        """Run a declared statement once; see :class:`SqlWriter`."""
        return await anyio.to_thread.run_sync(
            lambda: self._writer.write(tool, args, effect_id=effect_id),
            abandon_on_cancel=True,
            limiter=self._limiter,
        )

    async def close(self) -> None:
        """Close all connections."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await anyio.to_thread.run_sync(engine.dispose)
        await anyio.to_thread.run_sync(self._writer.close)

    async def _run(self, work: Callable[[sa.Connection], T]) -> T:
        return await anyio.to_thread.run_sync(
            lambda: self._in_transaction(work), abandon_on_cancel=True, limiter=self._limiter
        )

    def _opened(self) -> sa.Engine:
        if self._engine is None:
            self._engine = build_engine(
                self._context, self._options.url, read_only=True, pool=self._options.pool
            )
        return self._engine

    def _in_transaction(self, work: Callable[[sa.Connection], T]) -> T:
        from sqlalchemy import exc

        try:
            with self._opened().connect() as connection:
                deadline(connection, self._context.timeout)
                return work(connection)
        except (exc.SQLAlchemyError, OSError) as error:
            raise typed_error(self._context.name, error) from error

    def _objects(self, connection: sa.Connection) -> list[ObjectSchema]:
        found = self._catalogue.all_shapes(connection)
        if len(found) > MAX_COUNTED_TABLES:
            return [shape.schema for shape in found]
        return [
            dataclasses.replace(shape.schema, row_count=_count(connection, shape))
            if shape.relation.is_table
            else shape.schema
            for shape in found
        ]

    def _read(self, connection: sa.Connection, query: Query) -> list[Row]:
        from sqlalchemy import exc

        try:
            return self._select(connection, query)
        except (exc.ProgrammingError, exc.OperationalError) as error:
            if not any(word in str(error.orig).lower() for word in MOVED):
                raise
        except SourceDataError as error:
            if error.code not in ("sources.field", "sources.object"):
                raise
        # The schema may have moved under the kept reflection: look again once.
        connection.rollback()
        self._catalogue.forget()
        return self._select(connection, query)

    def _select(self, connection: sa.Connection, query: Query) -> list[Row]:
        shape = self._catalogue.shape(connection, query.object)
        plan = Plan(shape, query, self._context, by_xmin=_has_xmin(connection, shape))
        statement = plan.statement
        limit = self._options.max_rows
        unbounded = query.limit is None or query.limit > limit
        if unbounded:
            statement = statement.limit(limit + 1)
        records = cast("Sequence[Sequence[Any]]", connection.execute(statement).fetchall())
        if unbounded and len(records) > limit:
            raise SourceLimitError(
                self._context.name,
                f"{query.object!r} has more than {limit} matching rows; narrow the query or raise max_rows",
            )
        return plan.rows(records)


def _has_xmin(connection: sa.Connection, shape: Shape) -> bool:
    return connection.dialect.name == "postgresql" and shape.relation.is_table


def _count(connection: sa.Connection, shape: Shape) -> int | None:
    import sqlalchemy as sa

    inner = sa.select(sa.literal(1)).select_from(shape.table).limit(COUNTED + 1).subquery()
    number = connection.execute(sa.select(sa.func.count()).select_from(inner)).scalar_one()
    return None if number > COUNTED else number
