"""Owns starting, sharing and stopping the embedded server; callers hold an :class:`EmbeddedServer`."""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pilothouse.kernel import UnavailableError
from pilothouse.storage.embedded import processes
from pilothouse.storage.embedded.cluster import Cluster

__all__ = ["EmbeddedServer"]

_GRACE = 3.0  # seconds the keeper lets a server live unused, so that a quick restart finds it warm
_START_LIMIT = 120.0  # crash recovery of a large cluster takes its time
_STOP_LIMIT = 60.0
_PASSING = ("is still in use", "lock file", "the database system is")


class EmbeddedServer:
    """One use of the server in ``data_dir``: opened, kept alive by :meth:`ensure`, closed.

    Blocking; call it from a thread. Any number of processes may use one data directory.
    """

    def __init__(self, data_dir: Path, *, fsync: bool = True) -> None:
        self.cluster = Cluster.at(data_dir)
        self._fsync = fsync
        self._use: int | None = None

    @property
    def url(self) -> str:
        """libpq URL of the product's database."""
        return self.cluster.url()

    def open(self) -> None:
        """Count as a user and return when the server answers.

        Raises:
            UnavailableError: ``storage.start``: it does not come up; the message quotes its log.
            UsageError: The data directory cannot be used; the message says why.
        """
        with self._starting():
            use = os.open(self.cluster.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(use, fcntl.LOCK_SH)
                self._ensure()
            except BaseException:
                os.close(use)
                raise
            self._use = use

    def ensure(self) -> None:
        """Start the server again if it went away; cheap when it answers."""
        if _answers(self.cluster.url()):
            return
        with self._starting():
            self._ensure()

    def close(self) -> None:
        """Stop counting as a user; the last one out stops the server."""
        if self._use is None:
            return
        with self._starting():
            os.close(self._use)
            self._use = None
            users = os.open(self.cluster.users_lock, os.O_RDWR)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._stop()
            except BlockingIOError:
                return  # others still use it
            finally:
                os.close(users)

    @contextmanager
    def _starting(self) -> Iterator[None]:
        lock = os.open(self.cluster.server_lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _ensure(self) -> None:
        if self.cluster.socket.exists() and _answers(self.cluster.url()):
            return
        self.cluster.initialise(fsync=self._fsync)
        until = time.monotonic() + _START_LIMIT
        while not self._came_up(until):
            time.sleep(0.2)
        self._provide()

    def _came_up(self, until: float) -> bool:
        """Make one attempt; False when it met a passing obstacle and should be made again."""
        pgdata = self.cluster.pgdata
        if processes.postmaster(pgdata) is not None:
            return self._await_running(until)
        processes.end_orphans(pgdata)
        processes.drop_stale_pid_file(pgdata)
        before = self.cluster.log.stat().st_size if self.cluster.log.exists() else 0
        report = self._launch()
        try:
            failed = self._await_ready(report, until)
        finally:
            os.close(report)
        if failed is None:
            return True
        words = self._log_since(before)
        if time.monotonic() < until and any(word in words for word in _PASSING):
            return False
        raise UnavailableError(
            f"PostgreSQL in {str(pgdata)!r} did not start ({failed}); its log {str(self.cluster.log)!r} ends: "
            f"{words[-800:]!r}; see `pilothouse doctor`",
            code="storage.start",
        )

    def _await_running(self, until: float) -> bool:
        """A server process exists but did not answer: it starts, stops or hangs. Wait for either outcome."""
        deaf_since = time.monotonic()
        while processes.postmaster(self.cluster.pgdata) is not None:
            if _answers(self.cluster.url(database="postgres", user="postgres")):
                return True
            if not self.cluster.socket.exists() and time.monotonic() - deaf_since > 10:
                self._stop()  # somebody removed the socket: nobody can reach it any more
                return False
            if time.monotonic() > until:
                raise UnavailableError(
                    f"PostgreSQL in {str(self.cluster.pgdata)!r} runs but has not answered for {_START_LIMIT:.0f} s; "
                    f"read {str(self.cluster.log)!r} and see `pilothouse doctor`",
                    code="storage.deaf",
                )
            time.sleep(0.05)
        return False

    def _launch(self) -> int:
        cluster = self.cluster
        reading, writing = os.pipe()
        order = {
            "command": cluster.command(),
            "env": cluster.environment(),
            "uid": cluster.account.uid,
            "gid": cluster.account.gid,
            "switch": cluster.account.switch,
            "log": str(cluster.log),
            "server_lock": str(cluster.server_lock),
            "users_lock": str(cluster.users_lock),
            "grace": _GRACE,
            "report": writing,
        }
        keeper = Path(__file__).with_name("keeper.py")
        command = [sys.executable, "-I", "-S", str(keeper), json.dumps(order)]
        try:
            subprocess.run(
                command,
                check=True,
                pass_fds=(writing,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=cluster.environment(),
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return reading

    def _await_ready(self, report: int, until: float) -> str | None:
        """Return None when the server answers, else what happened to it."""
        while time.monotonic() < until:
            if self.cluster.socket.exists() and _answers(
                self.cluster.url(user="postgres", database="postgres")
            ):
                return None
            if select.select([report], [], [], 0.02)[0]:
                return f"exit code {os.read(report, 16).decode() or 'unknown'}"
        return f"no answer within {_START_LIMIT:.0f} s"

    def _log_since(self, offset: int) -> str:
        with suppress(OSError), self.cluster.log.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")
        return ""

    def _provide(self) -> None:
        """Create the product's role (no superuser) and database unless a former start did."""
        import psycopg

        if _answers(self.cluster.url()):
            return
        with psycopg.connect(
            self.cluster.url(user="postgres", database="template1"), autocommit=True
        ) as link:
            # Only a superuser may add vector; in the template, every database of this cluster has it.
            link.execute("create extension if not exists vector")
            if link.execute("select 1 from pg_roles where rolname = 'pilothouse'").fetchone() is None:
                link.execute("create role pilothouse login createdb")
        with psycopg.connect(self.cluster.url(user="postgres", database="postgres"), autocommit=True) as link:
            if link.execute("select 1 from pg_database where datname = 'pilothouse'").fetchone() is None:
                link.execute("create database pilothouse owner pilothouse")

    def _stop(self) -> None:
        processes.stop_postmaster(self.cluster.pgdata, limit=_STOP_LIMIT)


def _answers(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
