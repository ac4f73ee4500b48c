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
from typing import Any, cast

__all__: list[str] = []

_BEAT = 0.5


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    who = {"user": order["uid"], "group": order["gid"], "extra_groups": []} if order["switch"] else {}
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            order["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=order["env"],
            **who,
        )
    finally:
        os.close(log)


def _wait(seconds: float) -> None:
    if hasattr(signal, "sigtimedwait"):
        signal.sigtimedwait([signal.SIGCHLD], seconds)
    else:
        time.sleep(seconds)


def _unused(lock: int, users: int) -> bool:
    """Whether nobody uses the server; keeps both locks when so."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fcntl.flock(lock, fcntl.LOCK_UN)
        return False
    return True


def _keep(order: dict[str, Any], report: int) -> None:
    server = _start(order)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    lock = os.open(order["server_lock"], os.O_RDWR)
    users = os.open(order["users_lock"], os.O_RDWR)
    unused_since: float | None = None
    while server.poll() is None:
        _wait(_BEAT)
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
    try:
        os.write(report, str(server.returncode).encode())
    except OSError:
        pass  # the process that started us has long been content


def _main() -> None:
    order = cast("dict[str, Any]", json.loads(sys.argv[1]))
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    _keep(order, order["report"])


if __name__ == "__main__":
    _main()
