"""Owns sending SQL that an asker wrote, made harmless before: read-only, bounded, errors without values.

What arrives here was written anew by :mod:`pilothouse.policy.rows`. A database's words about a failure hold
values of rows, so none of them is passed on: a division by zero must not tell in which row.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

from pilothouse.connectors.adapters.sql.engines import codes_of, deadline, timed_out
from pilothouse.connectors.adapters.sql.reflect import Shape
from pilothouse.connectors.adapters.sql.values import converter
from pilothouse.connectors.errors import (
    SourceDataError,
    SourceDeniedError,
    SourceUnavailableError,
    SourceUsageError,
)
from pilothouse.connectors.ports import Selectable, SourceContext
from pilothouse.kernel import PilothouseError

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["select", "selectable"]

TIMESTAMP = 7
"""MariaDB's type of columns that hold instants; its DATETIME is local."""
DENIED = frozenset[object]({"42501", 1142, 1143, 1370})
MEANINGS = {
    "22": "a value does not suit what is done with it",
    "42": "names or types do not fit together; look at the columns and their types",
    "53": "it takes more than the database has to give",
    "54": "it is too large for the database",
}


def selectable(shapes: Iterable[Shape]) -> list[Selectable]:
    """Return what SQL may name: each table once, of the default schema first."""
    named: dict[str, tuple[bool, Selectable]] = {}
    for shape in shapes:
        relation = shape.relation
        parts = [part for part in (relation.schema, relation.table) if part is not None]
        if any("." in part for part in parts):
            continue  # which dot parts schema and table could be read in two ways
        home = relation.name == relation.table
        place = Selectable(
            object=relation.name,
            table=".".join(parts),
            columns={column.name: column.type for column in shape.schema.fields},
        )
        if home or place.table not in named:
            named[place.table] = (home, place)
    return [place for _, place in sorted(named.values(), key=lambda found: (not found[0], found[1].table))]


def select(engine: sa.Engine, context: SourceContext, text: str, limit: int) -> list[dict[str, Any]]:
    """Return at most ``limit`` rows of one statement.

    Raises:
        PilothouseError: Of the kind that fits; without a word or a value of the database.
    """
    failure: PilothouseError
    try:
        with engine.connect() as connection:
            deadline(connection, context.timeout)
            with _settled(connection, context):
                # The driver gets no parameters at all: then neither a colon nor a percent sign means one.
                found = connection.execution_options(no_parameters=True).exec_driver_sql(text)
                description: Sequence[Any] = found.cursor.description if found.cursor else ()
                return _records(description, found.fetchmany(limit), context)
    except PilothouseError as error:
        failure = error
    except Exception as error:
        failure = _without_words(context.name, error)
    # Raised outside the handler, so that the database's own error is not even its context.
    raise failure


@contextlib.contextmanager
def _settled(connection: sa.Connection, context: SourceContext) -> Generator[None]:
    """Make the session read text as we wrote it, whatever the server's settings are."""
    if connection.dialect.name == "sqlite":
        yield
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL standard_conforming_strings = on")
        connection.exec_driver_sql("SET LOCAL transaction_read_only = on")
        yield
        return
    driver: Any = connection.connection.driver_connection
    if not str(driver.character_set_name()).startswith("utf8"):
        raise SourceUsageError(
            context.name, "SQL needs a connection in utf8mb4; take charset out of the url", code="sources.sql"
        )
    mode = str(connection.exec_driver_sql("SELECT @@SESSION.sql_mode").scalar_one())
    connection.exec_driver_sql("SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
    try:
        yield
        # Other reads on this connection quote as the server's own mode says.
        connection.exec_driver_sql("SET SESSION sql_mode = %s", (mode,))
    except Exception:
        connection.invalidate()
        raise


def _records(
    description: Sequence[Any], found: Iterable[Sequence[Any]], context: SourceContext
) -> list[dict[str, Any]]:
    local, instant = converter(context.timezone), converter(UTC)
    fixes = [instant if column[1] == TIMESTAMP else local for column in description]
    names = _names([str(column[0]) for column in description])
    return [
        {name: fix(value) for name, fix, value in zip(names, fixes, record, strict=True)} for record in found
    ]


def _names(given: Sequence[str]) -> list[str]:
    """Return names of columns, each once: ``id``, ``id_2``."""
    names: list[str] = []
    for name in given:
        fresh, number = name, 1
        while fresh in names:
            number += 1
            fresh = f"{name}_{number}"
        names.append(fresh)
    return names


def _without_words(source: str, error: Exception) -> PilothouseError:
    from sqlalchemy import exc

    cause = getattr(error, "orig", None) or error
    if isinstance(cause, PilothouseError):
        return cause
    codes = codes_of(cause)
    code = next((str(code) for code in sorted(codes, key=str)), type(cause).__name__)
    if timed_out(cause):
        return SourceUnavailableError(source, f"was too slow ({code}); ask for less", code="sources.timeout")
    if codes & DENIED:
        return SourceDeniedError(source, f"refused us ({code})", reasons=("source:refused",))
    lost = getattr(error, "connection_invalidated", False) or isinstance(error, exc.TimeoutError | OSError)
    if lost or (
        isinstance(error, exc.OperationalError) and not codes and not isinstance(cause, sqlite3.Error)
    ):
        return SourceUnavailableError(source, f"does not answer ({code})")
    meaning = (
        MEANINGS.get(code[:2], "it cannot be carried out") if len(code) == 5 else "it cannot be carried out"
    )
    return SourceDataError(source, f"refused the SQL ({code}): {meaning}", code="sources.sql")
