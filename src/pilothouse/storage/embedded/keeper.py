"""Owns the server process: starts PostgreSQL, waits for it, stops it when nobody uses it any more.

Run as a script with the interpreter's ``-I -S`` (standard library only, about 10 MB). It detaches, so
it outlives the process that started it; while that one still waits for the server, the exit code of a
server that did not come up arrives through ``report``.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

__all__: list[str] = []

_BEAT = 0.5
_LOG_LIMIT = 10 * 1024 * 1024


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes] | None:
    """Start the server; it and all its children inherit the running lock, so it tells whether one lives."""
    running = os.open(order["running_lock"], os.O_RDWR | os.O_CREAT, 0o600)
    if not _try_lock(running):
        return None
    who: dict[str, Any] = {}
    if order["switch"]:
        who = {"user": order["uid"], "group": order["gid"], "extra_groups": []}
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    spawn = cast("Any", subprocess.Popen)
    try:
        return spawn(
            order["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=order["env"],
            pass_fds=(running,),
            **who,
        )
    finally:
        os.close(log)
        os.close(running)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _wait(seconds: float) -> None:
    if hasattr(signal, "sigtimedwait"):
        signal.sigtimedwait([signal.SIGCHLD], seconds)
    else:
        time.sleep(seconds)


def _unused(lock: int, users: int) -> bool:
    """Whether nobody uses the server; keeps both locks when so."""
    if not _try_lock(lock):
        return False
    if not _try_lock(users):
        fcntl.flock(lock, fcntl.LOCK_UN)
        return False
    return True


def _keep(order: dict[str, Any]) -> str:
    """Return how the server ended."""
    server = _start(order)
    if server is None:
        return "running"
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    lock = os.open(order["server_lock"], os.O_RDWR)
    users = os.open(order["users_lock"], os.O_RDWR)
    unused_since: float | None = None
    while server.poll() is None:
        _wait(_BEAT)
        _rotate(Path(order["log"]))
        if not _unused(lock, users):
            unused_since = None
            continue
        unused_since = unused_since if unused_since is not None else time.monotonic()
        if time.monotonic() - unused_since >= order["grace"]:
            server.send_signal(signal.SIGINT)
            server.wait()
            break
        fcntl.flock(users, fcntl.LOCK_UN)
        fcntl.flock(lock, fcntl.LOCK_UN)
    return str(server.returncode)


def _rotate(log: Path) -> None:
    """Keep one old log; the server appends, so emptying the file under it is safe."""
    with suppress(OSError):
        if log.stat().st_size > _LOG_LIMIT:
            log.with_suffix(".log.old").write_bytes(log.read_bytes())
            os.truncate(log, 0)


def _main() -> None:
    order = cast("dict[str, Any]", json.loads(sys.argv[1]))
    if os.fork():
        os._exit(0)
    os.setsid()
    os.umask(0o077)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    end = _keep(order)
    with suppress(OSError):  # the process that started us may be gone, or content
        os.write(order["report"], end.encode())


if __name__ == "__main__":
    _main()
