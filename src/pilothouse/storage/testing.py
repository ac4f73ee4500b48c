"""Owns clean databases for tests: one server, a migrated template, a clone of it for each test.

``PILOTHOUSE_TEST_DATABASE_URL`` names a server to use instead of the embedded one (its role needs
CREATEDB). Otherwise one embedded cluster in the temporary folder is shared by all test processes of
this user, so that it is initialised once.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from pilothouse.storage.database import Database, open_database
from pilothouse.storage.settings import StorageSettings

__all__ = ["cloned_database", "fresh_database", "fresh_url", "shared_server", "with_database"]

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
_LOCK = 0x746573740000
_STALE = 3600.0
_TEMPLATES = 5


def with_database(url: str, name: str) -> str:
    """Return ``url`` pointing at the database ``name``."""
    from urllib.parse import urlsplit, urlunsplit

    split = urlsplit(url)
    return urlunsplit(split._replace(path=f"/{name}"))


@contextmanager
def shared_server() -> Generator[str]:
    """Yield the libpq URL of a server on which databases may be made."""
    given = os.environ.get("PILOTHOUSE_TEST_DATABASE_URL")
    if given:
        yield given
        return
    from pilothouse.storage.embedded import EmbeddedServer

    folder = Path(tempfile.gettempdir()) / f"pilothouse-test-{os.geteuid()}"
    server = EmbeddedServer(folder, fsync=False)
    server.open()
    try:
        _sweep(server.url)
        yield server.url
    finally:
        server.close()


@contextmanager
def fresh_url(server: str, *, migrated: bool = True) -> Generator[str]:
    """Yield the URL of a new database: a clone of the migrated template, or an empty one."""
    import psycopg

    name = f"test_{int(time.time())}_{uuid4().hex[:12]}"
    template = _template(server) if migrated else None
    source = f" template {template} strategy file_copy" if template else ""
    with psycopg.connect(server, autocommit=True) as link:
        link.execute(f"create database {name}{source}".encode())
    try:
        yield with_database(server, name)
    finally:
        # An autovacuum worker inside may not be ended by us; the next run sweeps what is left.
        left = (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege)
        with suppress(*left), psycopg.connect(server, autocommit=True) as link:
            link.execute(f"drop database if exists {name} with (force)".encode())


@asynccontextmanager
async def fresh_database(server: str) -> AsyncGenerator[Database]:
    """Yield an open, migrated, empty database of its own."""
    with fresh_url(server) as url:
        async with cloned_database(url) as database:
            yield database


@asynccontextmanager
async def cloned_database(url: str) -> AsyncGenerator[Database]:
    """Yield ``url`` opened with short patience; it is migrated already."""
    settings = StorageSettings(database_url=url, migrate=False, patience=5)
    async with open_database(settings) as database:
        yield database


def _template(server: str) -> str:
    """Return the template of this state of the migrations; one of the processes that want it makes it."""
    import psycopg

    from pilothouse.storage.migrate import run_migrations

    digest = hashlib.sha256()
    for path in sorted(_VERSIONS.glob("[0-9]*.py")):
        digest.update(path.read_bytes())
    name = f"template_{digest.hexdigest()[:16]}"
    find = b"select 1 from pg_database where datname = %s"
    with psycopg.connect(server, autocommit=True) as link:
        if link.execute(find, [name]).fetchone():
            return name
        link.execute(b"select pg_advisory_lock(%s)", [_LOCK])
        if link.execute(find, [name]).fetchone():
            return name
        draft = f"test_{int(time.time())}_{uuid4().hex[:12]}"
        link.execute(f"create database {draft}".encode())
        run_migrations(with_database(server, draft))
        link.execute(f"alter database {draft} rename to {name}".encode())
    return name


def _sweep(server: str) -> None:
    """Drop what killed test runs left behind, and templates of migrations long gone."""
    import psycopg

    find = b"select datname from pg_database where datname like %s order by oid desc"
    with psycopg.connect(server, autocommit=True) as link:
        tests = [str(row[0]) for row in link.execute(find, ["test\\_%"]).fetchall()]
        templates = [str(row[0]) for row in link.execute(find, ["template\\_%"]).fetchall()]
        for name in [name for name in tests if _stale(name)] + templates[_TEMPLATES:]:
            with suppress(psycopg.Error):
                link.execute(f"drop database if exists {name} with (force)".encode())


def _stale(name: str) -> bool:
    born = name.split("_")[1]
    return born.isdigit() and time.time() - int(born) > _STALE
