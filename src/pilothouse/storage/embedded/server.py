"""Owns starting, sharing and stopping the embedded server; callers hold an :class:`EmbeddedServer`."""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from pilothouse.kernel import UnavailableError, UsageError
from pilothouse.storage.embedded import processes
from pilothouse.storage.embedded.cluster import Cluster

__all__ = ["EmbeddedServer", "held_by_others"]

_GRACE = 3.0  # seconds the keeper lets a server live unused, so that a quick restart finds it warm
_START_LIMIT = 120.0  # crash recovery of a large cluster takes its time
_STOP_LIMIT = 60.0
_DEAF_LIMIT = 10.0
_LOCK_LIMIT = _START_LIMIT + _STOP_LIMIT
_PASSING = ("is still in use", "lock file", "running")


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

    @property
    def _superuser_url(self) -> str:
        return self.cluster.url(user="postgres", database="postgres")

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
        if _answers(self.url):
            return
        with self._starting():
            self._ensure()

    def close(self) -> None:
        """Stop counting as a user; the last one out stops the server."""
        if self._use is None:
            return
        use, self._use = self._use, None
        try:
            with self._starting():
                fcntl.flock(use, fcntl.LOCK_UN)
                if not held_by_others(self.cluster.users_lock):
                    self._stop()
        except FileNotFoundError:
            pass  # somebody removed the data directory; the keeper will notice and stop the server
        finally:
            os.close(use)

    def _stop(self) -> None:
        processes.stop_postmaster(self.cluster.pgdata, limit=_STOP_LIMIT)
        if self._alive():  # its postmaster was killed and somebody's long statement goes on
            processes.end_orphans(self.cluster.pgdata)

    @contextmanager
    def _starting(self) -> Generator[None]:
        """Hold the right to start and stop the server."""
        lock = os.open(self.cluster.server_lock, os.O_RDWR | os.O_CREAT, 0o600)
        until = time.monotonic() + _LOCK_LIMIT
        try:
            while not _try_lock(lock):
                if time.monotonic() > until:
                    raise UnavailableError(
                        f"another process has been starting or stopping PostgreSQL in "
                        f"{str(self.cluster.data_dir)!r} for {_LOCK_LIMIT:.0f} s: see `pilothouse doctor`",
                        code="storage.busy",
                    )
                time.sleep(0.02)
            yield
        finally:
            os.close(lock)

    def _ensure(self) -> None:
        if self.cluster.socket.exists() and _answers(self.url):
            return
        until = time.monotonic() + _START_LIMIT
        while not self._came_up(until):
            time.sleep(0.1)
        self._provide()

    def _came_up(self, until: float) -> bool:
        """Make one attempt; False when it met a passing obstacle and should be made again."""
        cluster = self.cluster
        if self._alive():
            return self._await_running(until)
        cluster.initialise(fsync=self._fsync)
        processes.drop_stale_files(cluster.pgdata, cluster.socket)
        before = cluster.log.stat().st_size if cluster.log.exists() else 0
        report = self._launch()
        try:
            failed = self._await_ready(report, until)
        finally:
            os.close(report)
        if failed is None:
            return True
        words = self._log_since(before)
        if time.monotonic() < until and any(word in failed + words for word in _PASSING):
            return False
        raise UnavailableError(
            f"PostgreSQL in {str(cluster.pgdata)!r} did not start ({failed}); its log {str(cluster.log)!r} "
            f"ends: {words[-800:]!r}; see `pilothouse doctor`",
            code="storage.start",
        )

    def _alive(self) -> bool:
        """Whether any process of the server lives, in whatever container: all inherit the running lock."""
        pgdata, running = self.cluster.pgdata, self.cluster.running_lock
        return processes.postmaster(pgdata) is not None or (running.exists() and held_by_others(running))

    def _await_running(self, until: float) -> bool:
        """Wait for a server that exists but does not answer: it starts, stops, is deaf or an orphan."""
        deaf_since = time.monotonic()
        while self._alive():
            if _answers(self._superuser_url):
                return True
            if processes.postmaster(self.cluster.pgdata) is None:
                processes.end_orphans(self.cluster.pgdata)
            elif not self.cluster.socket.exists() and time.monotonic() - deaf_since > _DEAF_LIMIT:
                # Somebody removed the socket: nobody can reach this server any more.
                processes.stop_postmaster(self.cluster.pgdata, limit=_STOP_LIMIT)
            if time.monotonic() > until:
                raise UnavailableError(
                    f"PostgreSQL in {str(self.cluster.pgdata)!r} runs but has not answered for "
                    f"{_START_LIMIT:.0f} s; read {str(self.cluster.log)!r} and see `pilothouse doctor`",
                    code="storage.deaf",
                )
            time.sleep(0.05)
        return False

    def _launch(self) -> int:
        """Start the keeper, which starts the server; return where it reports an early end."""
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
            "running_lock": str(cluster.running_lock),
            "grace": _GRACE,
            "report": writing,
        }
        keeper = Path(__file__).with_name("keeper.py")
        command = [sys.executable, "-I", "-S", str(keeper), json.dumps(order)]
        quiet = subprocess.DEVNULL
        try:
            subprocess.run(
                command, check=True, pass_fds=(writing,), stdin=quiet, stdout=quiet, stderr=quiet, cwd="/"
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
            if self.cluster.socket.exists() and _answers(self._superuser_url):
                return None
            if select.select([report], [], [], 0.02)[0]:
                return f"exit: {os.read(report, 64).decode() or 'unknown'}"
        return f"no answer within {_START_LIMIT:.0f} s"

    def _log_since(self, offset: int) -> str:
        with suppress(OSError), self.cluster.log.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")
        return ""

    def _provide(self) -> None:
        """Create the product's role (no superuser) and database unless a former start did."""
        if _answers(self.url):
            return
        import psycopg

        try:
            self._create_role_and_database()
        except psycopg.Error as error:
            raise UnavailableError(
                f"role and database in {str(self.cluster.pgdata)!r} could not be created: "
                f"{' '.join(str(error).split())}; see `pilothouse doctor`",
                code="storage.provide",
            ) from error

    def _create_role_and_database(self) -> None:
        import psycopg

        template = self.cluster.url(user="postgres", database="template1")
        with psycopg.connect(template, autocommit=True) as link:
            # Only a superuser may add vector; from the template every database of this cluster gets it.
            link.execute("create extension if not exists vector")
            if link.execute("select 1 from pg_roles where rolname = 'pilothouse'").fetchone() is None:
                link.execute("create role pilothouse login createdb")
            # Reads on behalf of somebody run as this role (pilothouse.storage.as_reader).
            if link.execute("select 1 from pg_roles where rolname = 'pilothouse_reader'").fetchone() is None:
                link.execute("create role pilothouse_reader nologin")
            link.execute("grant pilothouse_reader to pilothouse")
        with psycopg.connect(self._superuser_url, autocommit=True) as link:
            if link.execute("select 1 from pg_database where datname = 'pilothouse'").fetchone() is None:
                link.execute("create database pilothouse owner pilothouse")


def held_by_others(path: Path) -> bool:
    """Whether some process holds the lock file at ``path``."""
    probe = os.open(path, os.O_RDWR)
    try:
        return not _try_lock(probe)
    finally:
        os.close(probe)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise UsageError(
            f"the data directory's file system does not lock files ({error}): choose a PILOTHOUSE_DATA_DIR "
            "on a local disk",
            code="storage.no_locks",
        ) from error
    return True


def _answers(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
