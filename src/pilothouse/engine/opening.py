"""Owns putting an engine together and taking it apart: lease, executor, sweeper, listener."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.engine.adapters.direct import DirectExecutor
from pilothouse.engine.engine import Engine
from pilothouse.engine.keeping.leases import Heart, executor_name
from pilothouse.engine.keeping.schedules import Ticker
from pilothouse.engine.keeping.submit import Submitter
from pilothouse.engine.keeping.sweeper import Sweeper
from pilothouse.engine.keeping.takeover import Reaper
from pilothouse.engine.keeping.triggers import Puller
from pilothouse.engine.ports import Executor, Principals
from pilothouse.engine.registry import CATALOG, Catalog
from pilothouse.engine.running.handler import SegmentHandler
from pilothouse.kernel import Cancelled, PilothouseError
from pilothouse.storage import Database

if TYPE_CHECKING:
    from pilothouse.engine.settings import EngineSettings

__all__ = ["open_engine"]


@asynccontextmanager
async def open_engine(
    database: Database,
    settings: EngineSettings | None = None,
    *,
    catalog: Catalog = CATALOG,
    executor: Executor | None = None,
    principals: Principals | None = None,
    ready: Callable[[Engine], object] | None = None,
    work: bool = True,
) -> AsyncGenerator[Engine]:
    """Open an engine on an open database; at the end its runs are handed to the others.

    Args:
        database: Migrated.
        settings: Read from the environment when left out.
        catalog: Workflows, queues and schedules of this process.
        executor: Default the one that the settings name.
        principals: Tells the rights of today; None takes those of the start.
        ready: Called with the engine before anything runs: bind there what workflows use. Runs that
            were left behind go on as soon as the engine is open.
        work: False only starts, answers and reads runs (a command, a web process).
    """
    from pilothouse.engine.settings import EngineSettings

    settings = settings or EngineSettings()
    if not work:
        engine = Engine(database, catalog, owner="")
        if ready is not None:
            ready(engine)
        yield engine
        return
    worker = _Worker(database, settings, catalog, executor, principals)
    if ready is not None:
        ready(worker.engine)
    try:
        await worker.open()
        yield worker.engine
    finally:
        await worker.close()


class _Worker:
    """A process that runs segments; replaced as a whole when its lease was lost."""

    def __init__(
        self, database: Database, settings: EngineSettings, catalog: Catalog,
        executor: Executor | None, principals: Principals | None,
    ) -> None:  # fmt: skip
        self._database = database
        self._settings = settings
        self._catalog = catalog
        self._given = executor
        self._principals = principals
        self._stack = AsyncExitStack()
        self._guard: asyncio.Task[None] | None = None
        self.engine = Engine(database, catalog, owner="")

    async def open(self) -> None:
        """Take a lease and begin to work."""
        await self._begin()

    async def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        owner = executor_name()
        settings, database, catalog = self._settings, self._database, self._catalog

        def lost() -> None:
            loop.call_soon_threadsafe(self._lost)

        heart = Heart(
            database.url, owner, queues=sorted(self._queues()), settings=settings,
            on_lost=lost,
        )  # fmt: skip
        await heart.begin()
        self._stack.push_async_callback(heart.end)
        self.engine.owner = owner
        handler = SegmentHandler(
            self.engine.journal, catalog, settings, owner=owner, principals=self._principals,
            services=self.engine, on_end=self.engine.ended,
        )  # fmt: skip
        executor = self._given or self._make_executor()
        reaper = Reaper(database, executor, settings, owner=owner)
        submitter = Submitter(database, catalog, settings, executor, handler)
        self._stack.push_async_callback(_hand_over, self.engine, executor, reaper, submitter, handler)
        specs = [spec for name, spec in catalog.queues.items() if name in self._queues()]
        await executor.serve(handler, owner=owner, queues=specs)
        await reaper.look(eager=True)
        self.engine.submitter = submitter
        await self._keep(executor, handler, submitter, reaper)

    async def _keep(
        self, executor: Executor, handler: SegmentHandler, submitter: Submitter, reaper: Reaper
    ) -> None:
        ticker = Ticker(self.engine)
        puller = Puller(self.engine)
        await ticker.declare()
        await puller.declare()
        sweeper = Sweeper(
            self._database, self._settings, executor, submitter=submitter, reaper=reaper, handler=handler,
            cancel=self._cancel, tick=ticker.tick, pull=puller.pull,
        )  # fmt: skip
        submitter.on_room = sweeper.wake
        for work in (sweeper.run(), _listen(self._database, sweeper, handler)):
            task = asyncio.create_task(work)
            self._stack.push_async_callback(_stop, task)

    async def _cancel(self, run: UUID, reason: str) -> None:
        await self.engine.cancel(run, reason=reason)

    def _queues(self) -> set[str]:
        return set(self._settings.queues or self._catalog.queues)

    def _make_executor(self) -> Executor:
        if self._settings.executor == "direct":
            return DirectExecutor()
        from pilothouse.engine.adapters.dbos import DbosExecutor

        return DbosExecutor(self._database.url, self._settings)

    def _lost(self) -> None:
        """This process was taken for dead: stop everything and come back under a new name."""
        if self._guard is None or self._guard.done():
            self._guard = asyncio.create_task(self._again())

    async def _again(self) -> None:
        await self._end()
        pause = 0.5
        while True:
            try:
                await self._begin()
                return
            except PilothouseError:
                await self._end()
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10)

    async def _end(self) -> None:
        stack, self._stack = self._stack, AsyncExitStack()
        self.engine.submitter = None
        await stack.aclose()

    async def close(self) -> None:
        """Stop working; what was running here is ready for others at once."""
        if self._guard is not None:
            await _stop(self._guard)
        await self._end()


async def _hand_over(
    engine: Engine, executor: Executor, reaper: Reaper, submitter: Submitter, handler: SegmentHandler
) -> None:
    """Stop what runs here and give it to whoever is left."""
    engine.submitter = None
    submitter.closed = True
    await handler.drain()
    await executor.pause()
    # What was claimed while the executor stopped.
    await handler.drain()
    await submitter.close()
    with suppress(PilothouseError):
        await reaper.release(handler.owner)
        await engine.database.execute("select pg_notify('engine_ready', 'default')")
    await executor.stop()


async def _listen(database: Database, sweeper: Sweeper, handler: SegmentHandler) -> None:
    """Wake the sweeper and stop cancelled runs as soon as the database tells."""
    async with database.listen("engine_ready", "engine_cancel", "storage_feed") as notes:
        async for note in notes:
            if note.channel == "engine_cancel" and note.payload:
                handler.interrupt(UUID(note.payload), Cancelled(f"run {note.payload} was cancelled"))
            elif note.channel == "storage_feed":
                sweeper.news()
            else:
                sweeper.wake()


async def _stop(task: asyncio.Task[None]) -> None:
    # Cancelled again until it ends: a cancellation may be lost beside a wake-up of the same moment.
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.2)
