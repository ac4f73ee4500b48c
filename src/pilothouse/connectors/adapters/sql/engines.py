"""Owns opening a foreign database: URL to engine, read-only sessions, statement timeouts, errors in words."""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pilothouse.connectors.errors import (
    SourceConflictError,
    SourceDataError,
    SourceDeniedError,
    SourceUnavailableError,
    SourceUsageError,
)
from pilothouse.connectors.ports import SourceContext
from pilothouse.kernel import PilothouseError

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["build_engine", "codes_of", "deadline", "timed_out", "typed_error"]

DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mariadb": "mariadb+pymysql",
    "mysql": "mysql+pymysql",
    "sqlite": "sqlite+pysqlite",
}
TIMED_OUT = frozenset[object]({"57014", 1969, 3024})
DENIED = frozenset[object]({"28P01", "28000", "42501", 1044, 1045, 1142, 1143, 1370})
DENIED_WORDS = ("authentication failed", "access denied", "permission denied", "no pg_hba.conf entry")
NOT_A_DATABASE = ("file is not a database", "malformed", "file is encrypted")
UNIQUE = frozenset[object]({"23505", 1062})
# SQLAlchemy loads a dialect when it is first used, and two threads that do so at once disturb each other.
_LOADING = threading.Lock()


def build_engine(context: SourceContext, url: str, *, read_only: bool, pool: int) -> sa.Engine:
    """Return an engine for a declared URL; nothing is opened yet.

    Raises:
        SourceUsageError: The URL is malformed, of another database, or its driver is not installed.
    """
    with _LOADING:
        import sqlalchemy as sa
        from sqlalchemy import exc

    try:
        parsed = sa.make_url(context.secret(url))
    except (exc.ArgumentError, ValueError):
        raise _usage(context, "the url is no database URL such as postgresql://host/name") from None
    family = parsed.get_backend_name()
    if family not in DRIVERS:
        raise _usage(context, f"databases of kind {family!r} are not supported; use {', '.join(DRIVERS)}")
    parsed = parsed.set(drivername=DRIVERS[family])
    options: dict[str, Any] = {"pool_pre_ping": True, "pool_timeout": context.timeout}
    if family == "sqlite":
        options["creator"] = _sqlite_creator(context, parsed.database, read_only=read_only)
        options["poolclass"] = sa.QueuePool
    else:
        options["connect_args"] = _connect_args(family, context.timeout)
    try:
        with _LOADING:
            engine = sa.create_engine(parsed, pool_size=pool, max_overflow=0, **options)
    except ImportError as error:
        raise _usage(
            context, f"the driver for {family!r} is missing ({error}); install pilothouse[{family}]"
        ) from error
    _prepare_sessions(engine, family, context.timeout, read_only=read_only)
    return engine


def _usage(context: SourceContext, why: str) -> SourceUsageError:
    return SourceUsageError(context.name, f"[sources.{context.name}]: {why}", code="sources.declaration")


def _connect_args(family: str, timeout: float) -> dict[str, Any]:
    seconds = max(1, math.ceil(timeout))
    if family.startswith("postgres"):
        return {"connect_timeout": seconds}
    return {"connect_timeout": seconds, "read_timeout": seconds + 1, "write_timeout": seconds + 1}


def _sqlite_creator(context: SourceContext, database: str | None, *, read_only: bool) -> Any:
    if not database or database == ":memory:":
        raise _usage(context, "an SQLite source needs a file, as in sqlite:///data/customers.sqlite")
    path = context.path(database)
    uri = f"file:{quote(str(path.absolute()))}?mode={'ro' if read_only else 'rw'}"

    def create() -> sqlite3.Connection:
        _refuse_missing(context.name, path)
        return sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=context.timeout)

    return create


def _refuse_missing(source: str, path: Path) -> None:
    if not path.is_file():
        raise SourceUnavailableError(source, f"the file {path.name!r} is not there")


def _prepare_sessions(engine: sa.Engine, family: str, timeout: float, *, read_only: bool) -> None:
    """Make every new session read-only, in UTC and bounded in time."""

    from sqlalchemy import event

    milliseconds = max(1, int(timeout * 1000))
    statements: list[str]
    if engine.dialect.name == "postgresql":
        statements = [f"SET statement_timeout = {milliseconds}", "SET TIME ZONE 'UTC'"]
        statements += ["SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"] if read_only else []
    elif family == "sqlite":
        statements = ["PRAGMA query_only = on"] if read_only else []
    else:
        statements = ["SET time_zone = '+00:00'"]
        statements += ["SET SESSION TRANSACTION READ ONLY"] if read_only else []

    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        if engine.dialect.name in ("mysql", "mariadb"):
            _bound_mysql(cursor, timeout)
        cursor.close()
        if engine.dialect.name == "postgresql":
            connection.commit()

    event.listen(engine, "connect", prepare)


def _bound_mysql(cursor: Any, timeout: float) -> None:
    cursor.execute("SELECT VERSION()")
    if "mariadb" in str(cursor.fetchone()[0]).lower():
        cursor.execute(f"SET SESSION max_statement_time = {max(timeout, 0.001):.3f}")
    else:
        cursor.execute(f"SET SESSION max_execution_time = {max(1, int(timeout * 1000))}")


def deadline(connection: sa.Connection, timeout: float) -> None:
    """Bound the statements of this transaction where the server cannot: SQLite."""
    if connection.dialect.name != "sqlite":
        return
    driver: Any = connection.connection.driver_connection
    end = time.monotonic() + timeout
    driver.set_progress_handler(lambda: int(time.monotonic() > end), 5_000)


def typed_error(source: str, error: Exception) -> PilothouseError:
    """Return the typed error for what SQLAlchemy or a driver raised."""
    cause: object = getattr(error, "orig", None) or error
    if isinstance(cause, PilothouseError):
        return cause
    codes = codes_of(cause)
    text = " ".join(str(cause).split())[:300]
    lower = text.lower()
    if timed_out(cause):
        return SourceUnavailableError(source, f"was too slow: {text}", code="sources.timeout")
    if codes & DENIED or any(word in lower for word in DENIED_WORDS):
        return SourceDeniedError(source, f"refused us: {text}", reasons=("source:refused",))
    if codes & UNIQUE or "unique constraint" in lower:
        return SourceConflictError(source, f"has this row already: {text}")
    return _by_class(source, error, text)


def _by_class(source: str, error: Exception, text: str) -> PilothouseError:
    from sqlalchemy import exc

    lower = text.lower()
    if isinstance(error, exc.TimeoutError):
        return SourceUnavailableError(source, "all connections are busy", code="sources.timeout")
    if any(word in lower for word in NOT_A_DATABASE):
        return SourceDataError(source, f"is no readable database: {text}")
    wrong = any(word in lower for word in ("no such table", "no such column", "syntax error"))
    if isinstance(error, exc.OperationalError | exc.InterfaceError | OSError) and not wrong:
        return SourceUnavailableError(source, f"does not answer: {text}")
    return SourceDataError(source, f"refused the statement: {text}")


def timed_out(cause: object) -> bool:
    """Whether a driver's error says that the statement took too long."""
    return bool(codes_of(cause) & TIMED_OUT) or str(cause).strip().lower() == "interrupted"


def codes_of(cause: object) -> set[object]:
    """Return the SQLSTATE and MariaDB's error number, as far as there are any."""
    args: tuple[object, ...] = getattr(cause, "args", ())
    number = args[0] if args and isinstance(args[0], int) else None
    found: set[object] = {getattr(cause, "sqlstate", None), number}
    return found - {None}
