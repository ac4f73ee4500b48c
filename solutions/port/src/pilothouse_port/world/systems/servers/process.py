"""Owns the life of a server's process: start, find again by pid and start time, stop; `serve` calls it.

A pid alone may belong to somebody else after a restart of the machine, so the file keeps the process's
start time too, and nothing is ever stopped that does not have both.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

from pilothouse.kernel import UnavailableError

__all__ = [
    "Server",
    "free_port",
    "noted_server",
    "read_server",
    "service_user",
    "spawn",
    "start",
    "stop",
]

_LOG_LINES: Final = 5
_ATTEMPTS: Final = 3
_PROGRAMS: Final = ("postgres", "initdb", "mariadbd", "mariadb-install")
_CHILDREN: Final[dict[int, subprocess.Popen[bytes]]] = {}  # kept so that a server may outlive its starter


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that was started.

    Attributes:
        name: Of its pid and log file in the run folder.
        pid: Process id.
        started: Start time of that process, seconds since the epoch.
        port: On 127.0.0.1.
        content: Hash of what it was started to serve.
    """

    name: str
    pid: int
    started: float
    port: int
    content: str


def spawn(
    run: Path,
    name: str,
    command: Sequence[str],
    *,
    port: int,
    content: str,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Start a server in a session of its own and note it in ``run/<name>.pid``."""
    import psutil

    log = run / f"{name}.log"
    with log.open("wb") as out:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
    _CHILDREN[child.pid] = child
    server = Server(
        name=name, pid=child.pid, started=psutil.Process(child.pid).create_time(), port=port, content=content
    )
    _write_atomically(run / f"{name}.pid", json.dumps(asdict(server)))
    return server


def _write_atomically(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def read_server(run: Path, name: str) -> Server | None:
    """The server as noted, if its very process still runs."""
    noted = noted_server(run, name)
    return noted if noted is not None and _process(noted) is not None else None


def noted_server(run: Path, name: str) -> Server | None:
    """The server as noted, running or not; its port is taken again when it starts anew."""
    try:
        return Server(**json.loads((run / f"{name}.pid").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _process(server: Server) -> Any:
    import psutil

    child = _CHILDREN.get(server.pid)
    if child is not None and child.poll() is not None:
        return None
    try:
        process = psutil.Process(server.pid)
        same = abs(process.create_time() - server.started) < 1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def stop(run: Path, name: str, *, patience: float = 10) -> bool:
    """Stop a server politely, then by force; True if one was running. Its noted port is kept."""
    import psutil

    server = noted_server(run, name)
    process = _process(server) if server is not None else None
    if process is not None:
        offspring = process.children(recursive=True)
        process.terminate()
        try:
            process.wait(patience)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(patience)
        for child in offspring:  # a killed postmaster leaves its workers for a moment
            _kill(child)
        _reap(process.pid)
    _kill_orphans(data_home(run) / name, plan=run / f"{name}.plan.json")
    return process is not None


def _kill_orphans(folder: Path, *, plan: Path) -> None:
    """End what works on this folder or plan because its starter was killed before it noted a pid."""
    import psutil

    found: list[Any] = []
    for process in psutil.process_iter(["cmdline", "name"]):
        words = cast("list[str]", process.info["cmdline"] or [])
        database = str(process.info["name"]).startswith(_PROGRAMS)
        if str(plan) in words or (database and any(str(folder) in word for word in words)):
            found += [process, *_offspring(process)]
    for process in found:
        _kill(process)
    psutil.wait_procs(found, timeout=5)


def _offspring(process: Any) -> list[Any]:
    import psutil

    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill(process: Any) -> None:
    import psutil

    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _reap(pid: int) -> None:
    child = _CHILDREN.pop(pid, None)
    if child is not None:
        child.poll()
        child.returncode = child.returncode or 0  # psutil may have collected the status first


def start(run: Path, spawned: Callable[[], Server], ready: Callable[[Server], bool]) -> Server:
    """Start a server until it answers; tried three times, for a port may be lost to somebody meanwhile.

    Raises:
        UnavailableError: ``world.server``: with the last words of its log.
    """
    for attempt in range(_ATTEMPTS):
        server = spawned()
        try:
            _wait_ready(run, server, lambda: ready(server))  # noqa: B023 - called before the next turn
            return server
        except UnavailableError:
            stop(run, server.name)
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.5)
    raise AssertionError


def _wait_ready(run: Path, server: Server, ready: Callable[[], bool], *, patience: float = 30) -> None:
    deadline = time.monotonic() + patience
    pause = 0.01
    while not ready():
        if _process(server) is None:
            raise _silent(run, server, "ended while starting")
        if time.monotonic() > deadline:
            raise _silent(run, server, f"does not answer after {patience:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def _silent(run: Path, server: Server, what: str) -> UnavailableError:
    try:
        words = (run / f"{server.name}.log").read_text(errors="replace").splitlines()[-_LOG_LINES:]
    except OSError:
        words = []
    last = "; ".join(words) or "nothing"
    return UnavailableError(f"server {server.name!r} {what}; its log says: {last}", code="world.server")


def free_port(*, wanted: int | None = None, patience: float = 2) -> int:
    """A free port on 127.0.0.1: the wanted one, if a killed server's children let it go in time, else any."""
    deadline = time.monotonic() + patience
    while wanted is not None:
        if _is_free(wanted):
            return wanted
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def service_user() -> str | None:
    """Whom a database server runs as: database servers refuse root, so root lends them a plain user."""
    if os.geteuid() != 0:
        return None
    import pwd

    name = "embedded_postgres"  # the user our own embedded cluster has too
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", name], check=True, capture_output=True)
    return name


def data_home(run: Path) -> Path:
    """Where databases of this run folder keep their data; it exists and belongs to who runs them.

    That is the run folder itself, but for root: the plain user his servers run as cannot pass folders that
    only root may enter, and opening those to everybody would be worse than a folder elsewhere.

    Raises:
        UnavailableError: ``world.home``: somebody else took the folder.
    """
    user = service_user()
    if user is None:
        return run
    import pwd

    tag = hashlib.sha256(str(run.resolve()).encode()).hexdigest()[:12]
    home = Path(tempfile.gettempdir()) / f"pilothouse-world-{tag}"
    home.mkdir(mode=0o700, exist_ok=True)
    found = home.lstat()
    owner = pwd.getpwnam(user)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {0, owner.pw_uid}:
        raise UnavailableError(f"{str(home)!r} belongs to somebody else; remove it", code="world.home")
    os.chown(home, owner.pw_uid, owner.pw_gid)
    return home


def fresh_folder(folder: Path, user: str | None) -> None:
    """Empty a folder of ours and give it to the service user."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    give(folder, user)


def give(path: Path, user: str | None) -> None:
    """Let the service user own a file or folder."""
    if user is not None:
        shutil.chown(path, user, user)
