"""Owns looking at PostgreSQL's processes: a pid in a file proves nothing, standing in the data folder does.

Postmaster and backends all stand in the data folder (their working directory), which neither a reused
pid nor a zombie does.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

__all__ = ["drop_stale_files", "end_orphans", "postmaster", "stop_postmaster"]

_ORPHAN_PATIENCE = 2.0


def postmaster(pgdata: Path) -> int | None:
    """Return the pid of the living postmaster of ``pgdata``."""
    pid = _recorded(pgdata)
    if pid is None:
        return None
    import psutil

    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
    return pid if _at_home(process, pgdata) else None


def end_orphans(pgdata: Path) -> None:
    """Wait for backends whose postmaster was killed; end those that stay.

    They notice by themselves within moments, except in the middle of a long statement. Until the last
    has gone PostgreSQL refuses to start, because two servers on one folder would destroy it.
    """
    until = time.monotonic() + _ORPHAN_PATIENCE
    while orphans := _residents(pgdata):
        overdue = time.monotonic() > until
        for orphan in orphans if overdue else ():
            with suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
        time.sleep(0.05)


def drop_stale_files(pgdata: Path, socket: Path) -> None:
    """Remove what a killed server left: its pid file, its socket and the socket's lock.

    Call it only when no process of the server lives. PostgreSQL itself copes with a dead pid, but when
    the number belongs to some other living process of the same user it would refuse for ever.
    """
    for path in (pgdata / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")):
        path.unlink(missing_ok=True)


def stop_postmaster(pgdata: Path, *, limit: float) -> None:
    """Stop the server in an orderly way (fast), after ``limit`` seconds at once (immediate)."""
    import psutil

    pid = postmaster(pgdata)
    if pid is None:
        return
    process = psutil.Process(pid)
    for order in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(order)
        until = time.monotonic() + limit
        while time.monotonic() < until:
            if not _at_home(process, pgdata):
                return
            time.sleep(0.01)


def _recorded(pgdata: Path) -> int | None:
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
        return abs(int(lines[0]))
    except (OSError, ValueError, IndexError):
        return None


def _at_home(process: psutil.Process, pgdata: Path) -> bool:
    import psutil

    try:
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == pgdata.resolve()
    except psutil.Error:
        return False


def _residents(pgdata: Path) -> list[int]:
    import psutil

    return [
        process.pid
        for process in psutil.process_iter(["name"])
        if process.info["name"] == "postgres" and _at_home(process, pgdata)
    ]
