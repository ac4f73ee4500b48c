"""Owns the lease of this process: a heart in its own thread, with its own connection and advisory lock."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pilothouse.engine.journal import Q
from pilothouse.kernel import PilothouseError, UnavailableError, new_id
from pilothouse.storage import Database, open_database

if TYPE_CHECKING:
    from pilothouse.engine.settings import EngineSettings

__all__ = ["Heart", "executor_name", "lock_name"]


def executor_name() -> str:
    """Return a name that no other process has ever had: host, pid and a fresh id."""
    return f"{socket.gethostname()[:40]}-{os.getpid()}-{new_id().hex[:20]}"


def lock_name(executor: str) -> str:
    """Return the advisory lock that a living process holds; the server frees it when the process dies."""
    return f"pilothouse engine {executor}"


class Heart(threading.Thread):
    """Renews the lease once a beat, also while the event loop of the process is busy.

    Args:
        url: libpq URL.
        owner: Executor name.
        queues: Names of the queues this process works on.
        settings: Beat and lease.
        on_lost: Called from this thread when another process has begun to take this one over.
    """

    def __init__(
        self,
        url: str,
        owner: str,
        *,
        queues: Sequence[str],
        settings: EngineSettings,
        on_lost: Callable[[], None],
    ) -> None:
        super().__init__(name="pilothouse-heart", daemon=True)
        self._url = url
        self._owner = owner
        self._queues = list(queues)
        self._settings = settings
        self._on_lost = on_lost
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None

    async def begin(self) -> None:
        """Start the thread and return when the lease stands."""
        self.start()
        await asyncio.to_thread(self._ready.wait)
        if self._failed is not None:
            raise UnavailableError(f"no lease for {self._owner!r}: {self._failed}", code="engine.lease")

    async def end(self) -> None:
        """Stop beating; the lease's row is dropped by whoever closes the engine."""
        if self._loop is not None and self._ending is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ending.set)
        await asyncio.to_thread(self.join, 10)

    def run(self) -> None:
        """Run the heart's own event loop."""
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._failed = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        from pilothouse.storage import StorageSettings

        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        settings = StorageSettings(database_url=self._url, migrate=False, pool_size=1, patience=30)
        async with open_database(settings) as database:
            first = True
            while not self._ending.is_set():
                with suppress(UnavailableError):
                    if not await self._hold(database, first=first):
                        return
                first = False

    async def _hold(self, database: Database, *, first: bool) -> bool:
        """Hold lock and lease until told to stop or the connection breaks; False when the lease is lost."""
        assert self._ending is not None
        async with database.advisory_lock(lock_name(self._owner)) as held:
            if first:
                params = {"executor": self._owner, "queues": self._queues}
                await database.execute(Q.insert_lease, params)
                self._ready.set()
            while not self._ending.is_set() and not held.lost:
                if not await self._beat(database):
                    self._on_lost()
                    return False
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.beat_s):
                        await self._ending.wait()
        return not self._ending.is_set()

    async def _beat(self, database: Database) -> bool:
        try:
            return await database.fetch_value(Q.beat, {"executor": self._owner}) is not None
        except PilothouseError:
            # Silent because the database is away; whether the lease survived is asked again.
            return True
