"""Owns the executor on DBOS Transact: it sees one workflow, ``segment(run, n)``, without any step inside.

DBOS is one per process and global, so this adapter is too.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.engine.ports import Handler, Submission
from pilothouse.engine.types import QueueSpec
from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from dbos import DBOSClient, EnqueueOptions

    from pilothouse.engine.settings import EngineSettings

__all__ = ["APPLICATION", "PROTOCOL", "DbosExecutor"]

APPLICATION = "pilothouse"
PROTOCOL = "seg-1"
_SEGMENT = "segment"
_BATCH = 500

_serving: DbosExecutor | None = None


class DbosExecutor:
    """Segments as DBOS workflows under the id ``run#n``.

    Args:
        url: libpq URL of the database that also holds the journal; DBOS keeps its own schema ``dbos``.
        settings: Polling, concurrency, whether this process may create DBOS's tables.
    """

    def __init__(self, url: str, settings: EngineSettings) -> None:
        self._url = url
        self._settings = settings
        self._client: DBOSClient | None = None
        self._engine: Any = None
        self._launched = False

    async def serve(self, handler: Handler, *, owner: str, queues: Sequence[QueueSpec]) -> None:
        """Open the client; with queues also declare them and start claiming.

        Raises:
            UsageError: ``engine.second_executor``: this process already runs one.
        """
        # DBOS writes its executor id into os.environ-dependent globals; nothing of it may come from outside.
        for name in ("DBOS__APPVERSION", "DBOS__VMID", "DBOS_CONDUCTOR_KEY"):
            os.environ.pop(name, None)
        logging.getLogger("dbos").setLevel(logging.ERROR)
        await asyncio.to_thread(self._open_client)
        if not queues:
            return
        global _serving  # noqa: PLW0603 - DBOS itself is one per process
        if _serving is not None:
            await self._close_client()
            raise UsageError("this process already runs an engine on DBOS", code="engine.second_executor")
        _serving = self
        await asyncio.to_thread(self._declare, queues)
        self._launch(handler, owner, [spec.name for spec in queues])

    def _open_client(self) -> None:
        from dbos import DBOS, DBOSClient
        from sqlalchemy import create_engine
        from sqlalchemy.engine import make_url

        if self._settings.migrate_executor:
            DBOS.migrate(_address(self._url))
        self._engine = create_engine(make_url(_address(self._url)), pool_size=2, max_overflow=0)
        self._client = DBOSClient(
            system_database_url=_address(self._url),
            serializer=_serializer(),
            application_name=APPLICATION,
            system_database_pool_size=2,
            sys_db_idle_transaction_timeout_sec=self._settings.idle_in_transaction_s,
        )

    @property
    def client(self) -> DBOSClient:
        """The open client."""
        if self._client is None:
            raise UsageError("the executor is not open", code="engine.closed")
        return self._client

    def _declare(self, queues: Sequence[QueueSpec]) -> None:
        for spec in queues:
            per_process = spec.per_process
            if spec.name == "default" and per_process is None:
                per_process = self._settings.worker_segments
            rate = None if spec.rate is None else {"limit": spec.rate.limit, "period": spec.rate.period}
            self.client.register_queue(
                spec.name, global_concurrency=spec.concurrency, partition_concurrency=spec.per_partition,
                worker_concurrency=per_process, limiter=rate,  # pyright: ignore[reportArgumentType]
                polling_interval_sec=self._settings.poll_s, on_conflict="always_update",
            )  # fmt: skip

    def _launch(self, handler: Handler, owner: str, names: list[str]) -> None:
        from dbos import DBOS, DBOSConfig

        config: DBOSConfig = {
            "name": APPLICATION, "system_database_url": _address(self._url), "application_version": PROTOCOL,
            "executor_id": owner, "serializer": _serializer(), "run_migrations": False, "enable_otlp": False,
            "log_level": "ERROR", "sys_db_pool_size": 10, "db_engine_kwargs": {"pool_pre_ping": False},
            "sys_db_idle_transaction_timeout_sec": self._settings.idle_in_transaction_s,
            "notification_listener_polling_interval_sec": 1.0, "scheduler_polling_interval_sec": 3600.0,
        }  # fmt: skip
        DBOS(config=config)

        async def segment(run: str, n: int) -> str:
            return await handler(UUID(run), n)

        DBOS.workflow(name=_SEGMENT)(segment)
        DBOS.listen_queues(names)
        contextvars.Context().run(DBOS.launch)
        self._launched = True

    async def submit(self, submissions: Sequence[Submission]) -> None:
        """Enqueue segments in one transaction; an id that is known is left alone."""
        if submissions:
            await asyncio.to_thread(contextvars.Context().run, self._enqueue, submissions)

    def _enqueue(self, submissions: Sequence[Submission]) -> None:
        with self._engine.begin() as link:
            for item in submissions:
                self.client.enqueue_in_transaction(link, _options(item), str(item.run), item.segment)

    async def held(self, owner: str) -> Sequence[tuple[UUID, int]]:
        """Return the segments that DBOS shows as running at ``owner``."""
        found = await self.client.list_workflows_async(
            executor_id=owner, status="PENDING", name=_SEGMENT, load_input=False, load_output=False
        )
        return [_parse(status.workflow_id) for status in found]

    async def drop(self, segments: Iterable[tuple[UUID, int]]) -> None:
        """Delete segments whatever their state; a frozen executor's late outcome then finds no row."""
        ids = [f"{run}#{n}" for run, n in segments]
        for start in range(0, len(ids), _BATCH):
            await self.client.delete_workflows_async(ids[start : start + _BATCH])

    async def forget(self, *, older_than: float) -> int:
        """Delete a batch of ended segments."""
        before = (datetime.now(UTC) - timedelta(seconds=older_than)).isoformat()
        found = await self.client.list_workflows_async(
            status=["SUCCESS", "ERROR", "CANCELLED"], completed_before=before, name=_SEGMENT, limit=_BATCH,
            load_input=False, load_output=False,
        )  # fmt: skip
        await self.drop([_parse(status.workflow_id) for status in found])
        return len(found)

    async def holders(self) -> set[str]:
        """Return the executors that DBOS shows with running segments."""
        found = await self.client.list_workflows_async(
            status="PENDING", name=_SEGMENT, load_input=False, load_output=False
        )
        return {status.executor_id for status in found if status.executor_id}

    async def pause(self) -> None:
        """Stop DBOS's threads and forget its global state."""
        global _serving  # noqa: PLW0603
        if self._launched:
            from dbos import DBOS

            await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
            self._launched = False
        if _serving is self:
            _serving = None

    async def stop(self) -> None:
        """Close everything."""
        await self.pause()
        await self._close_client()

    async def _close_client(self) -> None:
        if self._client is not None:
            await asyncio.to_thread(self._client.destroy)
            self._client = None
        if self._engine is not None:
            await asyncio.to_thread(self._engine.dispose)
            self._engine = None


def _address(url: str) -> str:
    """DBOS wants the driver named."""
    scheme, _, rest = url.partition("://")
    return url if "+" in scheme else f"postgresql+psycopg://{rest}"


def _options(item: Submission) -> EnqueueOptions:
    options: EnqueueOptions = {
        "workflow_name": _SEGMENT,
        "queue_name": item.queue,
        "workflow_id": f"{item.run}#{item.segment}",
        "app_version": PROTOCOL,
        # Resumed runs go before new ones of the same priority.
        "priority": max(1, item.priority * 2 + (0 if item.segment else 1)),
    }
    if item.partition is not None:
        options["queue_partition_key"] = item.partition
    return options


def _parse(identifier: str) -> tuple[UUID, int]:
    run, _, n = identifier.rpartition("#")
    return UUID(run), int(n)


def _serializer() -> Any:
    """Strings and integers as JSON; DBOS's own default is pickle, where a write to a table is code."""
    from dbos import Serializer

    class JsonSerializer(Serializer):
        def serialize(self, data: Any) -> str:
            return json.dumps(data if not isinstance(data, BaseException) else str(data))

        def deserialize(self, serialized_data: str) -> Any:
            return json.loads(serialized_data)

        def name(self) -> str:
            return "pilothouse_json"

    return JsonSerializer()
