"""Owns saying in words what is wrong with the database; called by ``pilothouse doctor``."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.kernel import PilothouseError
from pilothouse.storage.connect import describe
from pilothouse.storage.migrate import EXTENSIONS, head, schema_version

if TYPE_CHECKING:
    from psycopg import Connection

    from pilothouse.storage.embedded import EmbeddedServer
    from pilothouse.storage.settings import StorageSettings

__all__ = ["Finding", "diagnose"]

_LEAST_DISK = 1024**3
_LEAST_VERSION = 16
_FULL = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: ``what`` it is, ``why`` it is as it is, the ``next_step`` when not ok."""

    ok: bool
    what: str
    why: str
    next_step: str = ""


def diagnose(settings: StorageSettings | None = None) -> list[Finding]:
    """Look at everything storage needs; starts the embedded server for the time of the look, changes no data.

    Blocking. A data directory that does not exist yet is not created.
    """
    from pilothouse.storage.settings import StorageSettings

    settings = settings or StorageSettings()
    if settings.database_url is not None:
        return list(_server(settings.database_url))
    return list(_embedded(settings))


def _embedded(settings: StorageSettings) -> Generator[Finding]:
    folder = settings.data_dir
    yield from _folder(folder)
    yield _disk(folder)
    if not folder.exists():
        return
    yield _locks(folder)
    yield from _started(settings)


def _folder(folder: Path) -> Generator[Finding]:
    what = f"data directory {str(folder)!r}"
    if not folder.exists():
        parent = _existing(folder)
        if os.access(parent, os.W_OK | os.X_OK):
            yield Finding(ok=True, what=what, why="does not exist yet; the first start makes it")
            return
        yield Finding(
            ok=False,
            what=what,
            why=f"does not exist and {str(parent)!r} is not writable for us",
            next_step="set PILOTHOUSE_DATA_DIR to a folder you may write",
        )
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            ok=False,
            what=what,
            why=f"belongs to user id {folder.stat().st_uid} and we may not use it",
            next_step="start as that user, or set PILOTHOUSE_DATA_DIR to another folder",
        )
        return
    yield Finding(ok=True, what=what, why="is ours to read and write")
    if folder.stat().st_mode & 0o002:
        yield Finding(
            ok=False,
            what=what,
            why="everybody on this machine may write into it",
            next_step=f"chmod o-w {folder}",
        )


def _existing(path: Path) -> Path:
    path = path.absolute()
    return path if path.exists() else _existing(path.parent)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    what, why = "disk", f"{free / 1024**3:.1f} GiB free for {str(folder)!r}"
    if free >= _LEAST_DISK:
        return Finding(ok=True, what=what, why=why)
    return Finding(
        ok=False, what=what, why=why, next_step="free at least 1 GiB; PostgreSQL stops when it is full"
    )


def _locks(folder: Path) -> Finding:
    from pilothouse.storage.embedded.server import held_by_others

    lock = folder / "server.lock"
    until = time.monotonic() + 2
    while lock.exists() and held_by_others(lock):
        if time.monotonic() > until:
            return Finding(
                ok=False,
                what="start lock",
                why="another process has been starting or stopping PostgreSQL for over 2 s",
                next_step=f"wait; if it stays, find the process with `fuser {lock}` and end it",
            )
        time.sleep(0.05)
    running = folder / "running.lock"
    if running.exists() and held_by_others(running):
        return Finding(ok=True, what="start lock", why="is free; the server runs")
    if (folder / "postgres" / "postmaster.pid").exists():
        return Finding(
            ok=True,
            what="start lock",
            why="is free; a killed server left its pid file, the next start clears it",
        )
    return Finding(ok=True, what="start lock", why="is free; the server does not run")


def _started(settings: StorageSettings) -> Generator[Finding]:
    from pilothouse.storage.embedded import EmbeddedServer

    server: EmbeddedServer | None = None
    try:
        server = EmbeddedServer(settings.data_dir, fsync=settings.fsync)
        server.open()
        yield Finding(
            ok=True, what="embedded PostgreSQL", why=f"answers as user {server.cluster.account.name!r}"
        )
        yield from _server(server.url)
    except PilothouseError as error:
        yield _failed("embedded PostgreSQL", error)
    finally:
        if server is not None:
            server.close()


def _failed(what: str, error: PilothouseError) -> Finding:
    separator = "; " if "; " in error.message else ": "  # our messages end with the next step
    why, _, step = error.message.rpartition(separator)
    return Finding(ok=False, what=what, why=why or error.message, next_step=step)


def _server(url: str) -> Generator[Finding]:
    import psycopg

    what = describe(url)
    try:
        link = psycopg.connect(url, connect_timeout=10, autocommit=True)
    except psycopg.Error as error:
        yield Finding(
            ok=False,
            what=what,
            why=" ".join(str(error).split()),
            next_step="check PILOTHOUSE_DATABASE_URL (host, name, user, password) and that the server runs",
        )
        return
    yield Finding(ok=True, what=what, why="answers")
    looks: Iterable[Callable[[Connection[Any]], Finding]] = (_version, _extensions, _connections, _writable)
    with link:
        for look in looks:
            yield look(link)
    yield _schema(url)


def _version(link: Connection[Any]) -> Finding:
    version = link.info.server_version // 10000
    if version >= _LEAST_VERSION:
        return Finding(ok=True, what="server version", why=f"PostgreSQL {version}")
    return Finding(
        ok=False,
        what="server version",
        why=f"PostgreSQL {version} is older than {_LEAST_VERSION}",
        next_step="upgrade the server; 18 is what is tested",
    )


def _extensions(link: Connection[Any]) -> Finding:
    rows = link.execute("select name, installed_version from pg_available_extensions").fetchall()
    versions: dict[str, str | None] = {str(row[0]): row[1] for row in rows}
    missing = [name for name in EXTENSIONS if name not in versions]
    if missing:
        return Finding(
            ok=False,
            what="extensions",
            why=f"the server has no {', '.join(missing)}",
            next_step="install the package on the server, for example postgresql-18-pgvector",
        )
    words = ", ".join(f"{name} {versions[name] or '(installed by the migrations)'}" for name in EXTENSIONS)
    return Finding(ok=True, what="extensions", why=words)


def _connections(link: Connection[Any]) -> Finding:
    query = (
        "select count(*), current_setting('max_connections')::int"
        " from pg_stat_activity where backend_type = 'client backend'"
    )
    used, most = link.execute(query).fetchone() or (0, 1)
    why = f"{used} of {most} in use"
    if used <= most * _FULL:
        return Finding(ok=True, what="connections", why=why)
    return Finding(
        ok=False, what="connections", why=why, next_step="lower PILOTHOUSE_POOL_SIZE or raise max_connections"
    )


def _writable(link: Connection[Any]) -> Finding:
    query = "select pg_is_in_recovery(), has_database_privilege(current_database(), 'create')"
    standby, may_create = link.execute(query).fetchone() or (False, False)
    if standby:
        return Finding(
            ok=False,
            what="role",
            why="the server is a read-only standby",
            next_step="use the primary's address",
        )
    if may_create:
        return Finding(ok=True, what="role", why="may create tables")
    return Finding(
        ok=True,
        what="role",
        why="may not create schemas; enough for workers with PILOTHOUSE_MIGRATE=false, not for migrations",
    )


def _schema(url: str) -> Finding:
    now, newest = schema_version(url), head()
    if now == newest:
        return Finding(ok=True, what="schema", why=f"is at revision {now}")
    if now is not None and now > newest:
        return Finding(
            ok=False,
            what="schema",
            why=f"is at revision {now}, this program knows {newest}",
            next_step="start the newer program",
        )
    return Finding(
        ok=True, what="schema", why=f"is at revision {now or 'none'}; the next start brings it to {newest}"
    )
