"""Owns bringing the schema up to date: Alembic revisions with plain SQL, one ordered history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.kernel import UnavailableError, UsageError
from pilothouse.storage.connect import describe

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

__all__ = ["EXTENSIONS", "head", "revert_migrations", "run_migrations", "schema_version"]

EXTENSIONS = ("vector", "pg_trgm", "btree_gist")
_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x70696C6F74  # 'pilot'
_LOCK_LIMIT = "60s"


def head() -> str:
    """Return the newest revision, read from the file names: Alembic is costly to import."""
    return max(path.name for path in (_FOLDER / "versions").glob("[0-9]*.py"))[:4]


def schema_version(url: str) -> str | None:
    """Return the revision of the database, None when it was never migrated.

    Raises:
        UnavailableError: The server does not answer.
    """
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=10, autocommit=True) as link:
            row = link.execute("select version_num from storage_version").fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"{describe(url)} does not answer: {' '.join(str(error).split())}; see `pilothouse doctor`",
            code="storage.unreachable",
        ) from error
    return None if row is None else str(row[0])


def run_migrations(url: str) -> bool:
    """Upgrade the database to the newest revision; True when something was done.

    Any number of processes may call it at once: one works, the others wait and find it done.

    Raises:
        UsageError: ``storage.extension``: the server lacks an extension; ``storage.newer``: the schema was
            made by a newer program; ``storage.rights``: the role may not create tables.
        UnavailableError: The server does not answer, or another process has been migrating for a minute.
    """
    if schema_version(url) == head():
        return False
    return _migrate(url, to="head")


def revert_migrations(url: str) -> None:
    """Take the schema back to nothing. All data is lost; for tests."""
    _migrate(url, to="base")


def _migrate(url: str, *, to: str) -> bool:
    import sqlalchemy
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    address = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(address, poolclass=NullPool)
    try:
        with engine.connect() as link, link.begin():
            link.exec_driver_sql(f"set local lock_timeout = '{_LOCK_LIMIT}'")
            link.exec_driver_sql(f"select pg_advisory_xact_lock({_LOCK})")
            return _locked(link, to)
    except DBAPIError as error:
        raise _explained(error.orig, url) from error
    finally:
        engine.dispose()


def _locked(link: Connection, to: str) -> bool:
    from alembic import command

    has_table = link.exec_driver_sql("select to_regclass('storage_version') is not null").scalar()
    now = link.exec_driver_sql("select version_num from storage_version").scalar() if has_table else None
    if to == "base":
        command.downgrade(_config(link), "base")
        return True
    if now == head():
        return False
    if now is not None and now > head():
        raise UsageError(
            f"the schema is at revision {now!r}, this program knows only {head()!r}: start the newer program",
            code="storage.newer",
        )
    _require_extensions(link)
    command.upgrade(_config(link), "head")
    return True


def _config(link: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = link
    return config


def _require_extensions(link: Connection) -> None:
    available = {row[0] for row in link.exec_driver_sql("select name from pg_available_extensions")}
    missing = [name for name in EXTENSIONS if name not in available]
    if missing:
        raise UsageError(
            f"the server lacks the extension {missing[0]!r} (of {', '.join(EXTENSIONS)}): install its "
            "package on the server (for example postgresql-18-pgvector) or choose a server that has it",
            code="storage.extension",
        )


def _explained(error: BaseException | None, url: str) -> Exception:
    import psycopg

    from pilothouse.storage.errors import translate

    if isinstance(error, psycopg.errors.LockNotAvailable):
        return UnavailableError(
            f"another process has been migrating {describe(url)} for over {_LOCK_LIMIT}: "
            "wait for it, then start again",
            code="storage.migrating",
        )
    if isinstance(error, psycopg.Error):
        return translate(error, doing=f"migrating {describe(url)}")
    return UnavailableError(f"migrating {describe(url)} failed: {error}", code="storage.migrating")
