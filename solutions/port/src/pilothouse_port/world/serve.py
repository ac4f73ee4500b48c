"""Owns running a made world: its servers up, down and seen, and what its foreign systems were told.

Everything listens on 127.0.0.1 and keeps its state in ``OUT/run``, beside ``OUT/world`` and never in it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
import tomllib
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pilothouse.kernel import UsageError
from pilothouse_port.world.render import STAND_IN
from pilothouse_port.world.systems.servers import mariadb, postgres
from pilothouse_port.world.systems.servers.http_start import NAME as HTTP
from pilothouse_port.world.systems.servers.http_start import content_hash, start_http
from pilothouse_port.world.systems.servers.process import (
    Server,
    data_home,
    read_server,
    stop,
)
from pilothouse_port.world.systems.servers.rights import Posted, posted_in
from pilothouse_port.world.systems.servers.secrets_file import kept_passwords, write_secrets
from pilothouse_port.world.systems.servers.smtp_start import NAME as SMTP
from pilothouse_port.world.systems.servers.smtp_start import start_smtp
from pilothouse_port.world.systems.servers.sources import Addresses, sources_toml

__all__ = [
    "Running",
    "down",
    "read_systems",
    "releases_posted",
    "run_folder",
    "set_down",
    "status",
    "stop_servers",
    "up",
]

_DATABASES: Final = (mariadb.NAME, postgres.NAME)  # servers and technologies have the same names


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A world whose servers answer.

    Attributes:
        run: Folder with logs, secrets and ``pilothouse.toml``.
        project: The ``pilothouse.toml`` with its sources.
        servers: What runs.
        notices: What is not as the world says, in sentences.
        seconds: How long it took.
    """

    run: Path
    project: Path
    servers: tuple[Server, ...]
    notices: tuple[str, ...]
    seconds: float


def run_folder(world: Path) -> Path:
    """Where a world's servers keep their state: ``OUT/run`` for ``OUT/world``."""
    return world.resolve().parent / "run"


def read_systems(world: Path) -> dict[str, dict[str, Any]]:
    """The systems as ``world.toml`` lists them.

    Raises:
        UsageError: ``world.folder``: no such file, or none that can be read.
    """
    path = world / "world.toml"
    try:
        return dict(tomllib.loads(path.read_text(encoding="utf-8"))["systems"])
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(
            f"{str(world)!r} is no made world ({type(error).__name__} at world.toml); "
            "make one with `pilothouse port world make OUT` and name OUT/world",
            code="world.folder",
        ) from error


def up(world: Path, *, owner: int | None = None, say: Callable[[str], None] = lambda _: None) -> Running:
    """Start the servers of a world, all at once; those that run already are left alone.

    Args:
        world: ``OUT/world``.
        owner: Process that the servers shall not outlive; None lets them run until `down`.
        say: Told each step in a sentence.

    Raises:
        UsageError: ``world.folder``.
        UnavailableError: ``world.server``: a server does not start.
        DataError: ``world.load``: a dump cannot be loaded.
    """
    began = time.monotonic()
    world = world.resolve()
    systems = read_systems(world)
    run = run_folder(world)
    run.mkdir(exist_ok=True)
    run.chmod(0o700)
    with _locked(run):
        started, addresses, notices = _start(world, systems, run, owner, say)
        urls = {
            name: addresses.database_url(name, system["technology"])
            for name, system in systems.items()
            if system["technology"] in _DATABASES
        }
        secret = write_secrets(run, urls)
        project = run / "pilothouse.toml"
        project.write_text(sources_toml(world, systems, addresses, secret), encoding="utf-8")
    return Running(
        run=run, project=project, servers=started, notices=notices, seconds=time.monotonic() - began
    )


def _start(
    world: Path,
    systems: Mapping[str, Mapping[str, Any]],
    run: Path,
    owner: int | None,
    say: Callable[[str], None],
) -> tuple[tuple[Server, ...], Addresses, tuple[str, ...]]:
    folders = {name: world / str(system.get("path", f"systems/{name}")) for name, system in systems.items()}

    def of(technology: str) -> dict[str, Path]:
        return {n: folders[n] for n, system in systems.items() if system["technology"] == technology}

    own = {name: folder / "dump.sql" for name, folder in of("mariadb").items()}
    foreign = {name: folder / "dump.sql" for name, folder in of("postgres").items()}
    notices: list[str] = []
    if own and not mariadb.installed():
        notices.append(
            f"MariaDB is not installed: PostgreSQL stands in for {', '.join(sorted(own))}; "
            "apt-get install mariadb-server for the real one"
        )
        foreign |= {name: dump.with_name(STAND_IN) for name, dump in own.items()}
        own = {}
    passwords = kept_passwords(run, ["admin", *own, *foreign])
    zones = {name: str(system["timezone"]) for name, system in systems.items() if "timezone" in system}
    # Data may outlive OUT/run (see data_home); under other passwords it is of no use and is made anew.
    key = hashlib.sha256(json.dumps(passwords, sort_keys=True).encode()).hexdigest()
    jobs: dict[str, Callable[[], Server]] = {}
    if own:
        jobs[mariadb.NAME] = lambda: mariadb.start_mariadb(
            run, own, passwords, content=f"{content_hash(own)}-{key}"
        )
    if foreign:
        jobs[postgres.NAME] = lambda: postgres.start_postgres(
            run, foreign, passwords, content=f"{content_hash(foreign)}-{key}"
        )
    if of("http"):
        jobs[HTTP] = lambda: start_http(of("http"), run, zones, owner)
    if of("mail"):
        jobs[SMTP] = lambda: start_smtp(run)
    servers = _all_at_once(jobs, say)
    ports = {name: server.port for name, server in servers.items()}
    addresses = Addresses(
        mariadb=ports.get(mariadb.NAME),
        postgres=ports.get(postgres.NAME),
        http=ports.get(HTTP),
        smtp=ports.get(SMTP),
        passwords=passwords,
    )
    return tuple(servers.values()), addresses, tuple(notices)


def _all_at_once(jobs: Mapping[str, Callable[[], Server]], say: Callable[[str], None]) -> dict[str, Server]:
    with ThreadPoolExecutor(max_workers=max(len(jobs), 1)) as pool:
        waiting = {name: pool.submit(job) for name, job in jobs.items()}
        servers: dict[str, Server] = {}
        for name, future in waiting.items():
            servers[name] = future.result()
            say(f"{name} answers on 127.0.0.1:{servers[name].port}")
    return servers


@contextmanager
def _locked(run: Path) -> Generator[None]:
    """One `up` or `down` at a time; the lock goes with the process that holds it."""
    descriptor = os.open(run / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def down(world: Path, *, forget: bool = False) -> list[str]:
    """Stop every server of a world; returns the names of those that ran.

    Args:
        world: ``OUT/world``.
        forget: Also delete ``OUT/run``: databases, secrets and what the foreign systems were told.
    """
    run = run_folder(world)
    if not run.exists():
        return []
    stopped = stop_servers(run)
    if forget:
        shutil.rmtree(data_home(run))
        shutil.rmtree(run, ignore_errors=True)
    return stopped


def stop_servers(run: Path) -> list[str]:
    """Stop every server that keeps its state in this folder."""
    with _locked(run):
        kept = (*_DATABASES, SMTP)
        with ThreadPoolExecutor(max_workers=len(kept)) as pool:
            ran = {name: pool.submit(stop, run, name) for name in kept}
        # last, because the REST server may be the one that stops a world nobody owns any more
        http = stop(run, HTTP)
    return [name for name in kept if ran[name].result()] + ([HTTP] if http else [])


def status(world: Path) -> dict[str, Server | None]:
    """Each server this world needs, None where it does not run."""
    run = run_folder(world)
    needed = {system["technology"] for system in read_systems(world).values()}
    if not mariadb.installed() and mariadb.NAME in needed:
        needed |= {postgres.NAME}
        needed -= {mariadb.NAME}
    found = {name: read_server(run, name) for name in (*_DATABASES, HTTP) if name in needed}
    return found | ({SMTP: read_server(run, SMTP)} if "mail" in needed else {})


def set_down(world: Path, system: str, *, is_down: bool = True) -> None:
    """Take a REST service down (503) or bring it back, without touching its neighbours."""
    if read_systems(world).get(system, {}).get("technology") != HTTP:
        raise UsageError(f"{system!r} is no REST service of this world", code="world.system")
    mark = run_folder(world) / f"{system}.down"
    if is_down:
        mark.touch()
    else:
        mark.unlink(missing_ok=True)


def releases_posted(out: Path) -> list[Posted]:
    """Every write the REST services of a world received, as they recorded it themselves.

    Args:
        out: ``OUT``, the folder that holds ``world`` and ``run``.
    """
    world = out / "world"
    found: list[Posted] = []
    for name, system in read_systems(world).items():
        if system["technology"] != HTTP:
            continue
        service = json.loads(
            (world / str(system.get("path", f"systems/{name}")) / "service.json").read_text()
        )
        for resource, held in service["resources"].items():
            if held["writes"]:
                path = run_folder(world) / f"{name}.{resource}.sqlite"
                found += posted_in(path, system=name, writes=held["writes"])
    return found
