"""Owns declared writes: one parametrised statement in one transaction, once per effect id."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pilothouse.connectors.adapters.sql.engines import build_engine, deadline, typed_error
from pilothouse.connectors.adapters.sql.settings import SqlOptions, ToolOptions
from pilothouse.connectors.errors import (
    OutcomeUnknownError,
    SourceConflictError,
    SourceUnavailableError,
    SourceUsageError,
    near,
    unknown_tool,
)
from pilothouse.connectors.ports import SourceContext
from pilothouse.connectors.types import WriteTool
from pilothouse.kernel import Json, content_hash

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["SqlWriter"]

EFFECT_ID = "effect_id"
TARGET = re.compile(r"\s*(?:insert\s+into|update)\s+((?:[\w.]+|\"[^\"]+\"|`[^`]+`|\.)+)", re.IGNORECASE)
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


class SqlWriter:
    """The write tools of one database, over connections of their own.

    Args:
        context: The source.
        options: Its declaration.

    Raises:
        SourceUsageError: ``sources.declaration``: a tool's statement does not fit its declaration.
    """

    def __init__(self, context: SourceContext, options: SqlOptions) -> None:
        self._context = context
        self._options = options
        self._engine: sa.Engine | None = None
        for name, tool in options.tools.items():
            self._check(name, tool)

    def tools(self) -> list[WriteTool]:
        """Return the declared writes, sorted by name."""
        return [self._tool(name, tool) for name, tool in sorted(self._options.tools.items())]

    def write(self, name: str, args: Mapping[str, Any], *, effect_id: str) -> dict[str, Json]:
        """Run the statement once; a second call with the same id finds it done.

        Returns:
            ``rows`` changed and ``repeated``: whether it had been done before.

        Raises:
            SourceUsageError: ``sources.tool``, ``sources.arguments``.
            SourceConflictError: It changed no row, or the row is there already.
            OutcomeUnknownError: The connection broke while committing.
        """
        if name not in self._options.tools:
            raise unknown_tool(self._context.name, name, self._options.tools)
        tool = self._options.tools[name]
        values = self._arguments(name, tool, args)
        if EFFECT_ID in _parameters(tool.statement):
            values[EFFECT_ID] = effect_id
        return self._run(name, tool, values, effect_id)

    def close(self) -> None:
        """Close the connections."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _run(self, name: str, tool: ToolOptions, values: dict[str, Any], effect_id: str) -> dict[str, Json]:
        from sqlalchemy import exc

        if self._engine is None:
            url = self._options.write_url or self._options.url
            self._engine = build_engine(self._context, url, read_only=False, pool=self._options.pool)
        try:
            with self._engine.connect() as connection:
                deadline(connection, self._context.timeout)
                try:
                    return self._once(connection, name, tool, values, effect_id)
                finally:
                    _unlock(connection)
        except (exc.SQLAlchemyError, OSError) as error:
            raise typed_error(self._context.name, error) from error

    def _once(
        self, connection: sa.Connection, name: str, tool: ToolOptions, values: dict[str, Any], effect_id: str
    ) -> dict[str, Json]:
        import sqlalchemy as sa

        if tool.idempotency and self._done(connection, tool, effect_id):
            return {"rows": 0, "repeated": True}
        changed = connection.execute(sa.text(tool.statement), values).rowcount
        if changed == 0 and tool.must_change:
            raise SourceConflictError(self._context.name, f"tool {name!r} changed no row; read again")
        self._commit(connection, name)
        return {"rows": changed, "repeated": False}

    def _commit(self, connection: sa.Connection, name: str) -> None:
        from sqlalchemy import exc

        try:
            connection.commit()
        except (exc.OperationalError, exc.InterfaceError, OSError) as error:
            raise OutcomeUnknownError(
                self._context.name,
                f"the connection broke while committing {name!r}; probe before sending again",
            ) from error

    def _done(self, connection: sa.Connection, tool: ToolOptions, effect_id: str) -> bool:
        """Whether the effect id is there; two writers with one id wait for each other."""
        import sqlalchemy as sa

        self._lock(connection, effect_id)
        table = tool.table or _target(tool.statement)
        column = connection.dialect.identifier_preparer.quote_identifier(tool.idempotency or "")
        found = connection.execute(
            sa.text(f"SELECT 1 FROM {table} WHERE {column} = :effect_id LIMIT 1"), {EFFECT_ID: effect_id}
        )
        return found.first() is not None

    def _lock(self, connection: sa.Connection, effect_id: str) -> None:
        import sqlalchemy as sa

        match connection.dialect.name:
            case "postgresql":
                connection.execute(
                    sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:id, 0))"), {"id": effect_id}
                )
            case "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            case _:
                got = connection.execute(
                    sa.text("SELECT GET_LOCK(:id, :seconds)"),
                    {"id": effect_id[-64:], "seconds": self._context.timeout / 2},
                ).scalar()
                if got != 1:
                    raise SourceUnavailableError(
                        self._context.name, f"another write of effect {effect_id!r} is under way"
                    )

    def _arguments(self, name: str, tool: ToolOptions, args: Mapping[str, Any]) -> dict[str, Any]:
        wanted = _parameters(tool.statement) - {EFFECT_ID}
        for given in args:
            if given not in wanted:
                raise self._wrong(f"tool {name!r} has no argument {given!r}; {near(given, wanted)}")
        for missing in sorted(wanted - set(args)):
            raise self._wrong(f"tool {name!r} needs the argument {missing!r}")
        for given, value in args.items():
            kind = tool.args.get(given, "string")
            fits = isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
            if value is not None and not fits:
                raise self._wrong(f"argument {given!r} of {name!r} is {value!r}, not of type {kind!r}")
        return dict(args)

    def _wrong(self, why: str) -> SourceUsageError:
        return SourceUsageError(self._context.name, why, code="sources.arguments")

    def _tool(self, name: str, tool: ToolOptions) -> WriteTool:
        names = sorted(_parameters(tool.statement) - {EFFECT_ID})
        properties: dict[str, Json] = {item: {"type": tool.args.get(item, "string")} for item in names}
        required: list[Json] = list(names)
        return WriteTool(
            name=name,
            schema={
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": False,
            },
            effect=tool.effect,
            idempotent=tool.idempotency is not None,
            version=content_hash(tool.model_dump()),
            documentation=tool.documentation,
        )

    def _check(self, name: str, tool: ToolOptions) -> None:
        """Refuse at start what would fail at the first effect."""
        parameters = _parameters(tool.statement)
        where = f"[sources.{self._context.name}.tools.{name}]"
        for item in tool.args:
            if item not in parameters:
                raise self._declared(f"{where}: args names {item!r}; {near(item, parameters)}")
        if tool.idempotency and EFFECT_ID not in parameters:
            raise self._declared(f"{where}: with idempotency the statement must store :effect_id")
        if tool.idempotency and not (tool.table or _target(tool.statement)):
            raise self._declared(f"{where}: name the table that keeps {tool.idempotency!r}")

    def _declared(self, why: str) -> SourceUsageError:
        return SourceUsageError(self._context.name, why, code="sources.declaration")


def _parameters(statement: str) -> set[str]:
    import sqlalchemy as sa

    return set(sa.text(statement).compile().params)


def _target(statement: str) -> str:
    match = TARGET.match(statement)
    return match[1] if match else ""


def _unlock(connection: sa.Connection) -> None:
    """Give back named locks, which in MariaDB outlive the transaction and would stay with the pool."""
    from sqlalchemy import exc

    if connection.dialect.name not in ("mysql", "mariadb") or connection.invalidated:
        return
    # A broken connection has no locks any more; its own error is the one to tell.
    with contextlib.suppress(exc.SQLAlchemyError):
        connection.exec_driver_sql("SELECT RELEASE_ALL_LOCKS()")
