"""Owns the MariaDB server: a private `mariadbd` of the system's package, one database and reader a system."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
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

__all__ = ["NAME", "installed", "start_mariadb"]

NAME: Final = "mariadb"
_ADMIN: Final = "world_admin"
_PATH: Final = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
_SETTINGS: Final = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--innodb-log-file-size=16M",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=2",  # survives a kill of the process; the dump survives the rest
    "--character-set-server=utf8mb4",
    "--max-connections=100",
    "--socket=mariadb.sock",  # relative to the data directory: a long path would not fit a socket's name
)


def installed() -> bool:
    """Whether this machine has the server, its installer and its client."""
    return all(_find(name) for name in ("mariadbd", "mariadb-install-db", "mariadb"))


def _find(name: str) -> str | None:
    return shutil.which(name, path=_PATH)


def start_mariadb(
    run: Path, dumps: Mapping[str, Path], passwords: Mapping[str, str], *, content: str
) -> Server:
    """Start the server, loading each dump once; arguments as for PostgreSQL."""
    admin = passwords["admin"]
    home = data_home(run) / NAME

    def answers(server: Server) -> bool:
        return _client(server.port, admin, statement="SELECT 1") is None

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
        # a server that starts deletes the temporary tables of all others in a folder they share
        fresh_folder(home / "tmp", user)
        _initialise(data, user)
    first = _first_statements(home / "first.sql", user, passwords["admin"]) if fresh else None
    server = start(run, lambda: _spawn(run, data, user, content, first), answers)
    if fresh:
        (home / "first.sql").unlink()
        with ThreadPoolExecutor(max_workers=2) as pool:
            jobs = [pool.submit(_load, server.port, passwords, *item) for item in dumps.items()]
        for job in jobs:
            job.result()
        loaded.write_text(content)
    return server


def _initialise(data: Path, user: str | None) -> None:
    command = [_find("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--skip-test-db"]
    command += [
        "--auth-root-authentication-method=normal",
        "--skip-name-resolve",
        "--innodb-log-file-size=16M",
        f"--tmpdir={data.parent / 'tmp'}",
    ]
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
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[-500:]
        raise UnavailableError(f"mariadb-install-db in {str(data)!r} failed: {words}", code="world.server")


def _first_statements(path: Path, user: str | None, password: str) -> Path:
    """What the server runs before it listens: nobody ever sees a root without a password."""
    path.touch(mode=0o600)
    path.write_text(
        f"CREATE OR REPLACE USER '{_ADMIN}'@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON *.* TO '{_ADMIN}'@'127.0.0.1' WITH GRANT OPTION;\n"
        "DELETE FROM mysql.global_priv WHERE User = 'root' OR User = '';\n"
        "FLUSH PRIVILEGES;\n"
    )
    give(path, user)
    return path


def _spawn(run: Path, data: Path, user: str | None, content: str, first: Path | None) -> Server:
    noted = noted_server(run, NAME)
    port = free_port(wanted=noted.port if noted else None)
    command = [str(_find("mariadbd")), "--no-defaults", f"--datadir={data}", f"--port={port}", *_SETTINGS]
    command += [f"--pid-file={data}/server.pid", f"--tmpdir={data.parent / 'tmp'}"]
    command += [f"--init-file={first}"] if first else []
    return spawn(run, NAME, command, port=port, content=content, user=user)


def _client(
    port: int, password: str, *, statement: str = "", database: str = "", file: Path | None = None
) -> str | None:
    """Run a statement or a file; None when all went well, else what the client said."""
    command = [str(_find("mariadb")), "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={port}"]
    command += [f"--user={_ADMIN}", "--default-character-set=utf8mb4", "--skip-ssl", "--batch"]
    command += ["--connect-timeout=5", *([f"--execute={statement}"] if statement else []), database]
    environment = {"MYSQL_PWD": password, "PATH": os.defpath}
    done = subprocess.run(
        [part for part in command if part],
        input=file.read_bytes() if file else b"",
        capture_output=True,
        check=False,
        env=environment,
    )
    return None if done.returncode == 0 else done.stderr.decode(errors="replace").strip()


def _load(port: int, passwords: Mapping[str, str], database: str, dump: Path) -> None:
    reader = f"'{database}_reader'@'127.0.0.1'"
    pattern = database.replace("_", "\\_")
    statement = (
        f"CREATE DATABASE {_name(database)}; CREATE USER {reader} IDENTIFIED BY '{passwords[database]}';"
        f" GRANT SELECT ON {_name(pattern)}.* TO {reader};"
    )
    for problem in (
        _client(port, passwords["admin"], statement=statement),
        _client(port, passwords["admin"], database=database, file=dump),
    ):
        if problem is not None:
            raise DataError(f"loading {database!r} into MariaDB failed: {problem}", code="world.load")


def _name(text: str) -> str:
    return "`" + text.replace("`", "``") + "`"
