"""Owns writing: whoever hands over spans waits for the commit; many who wait share one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from pilothouse.kernel import ConflictError, PilothouseError, UnavailableError
from pilothouse.storage import Database, Tx, load_queries
from pilothouse.traces.types import Batch, SpanSource

__all__ = ["COLUMNS", "Writer"]

Q = load_queries("pilothouse.traces")
log = logging.getLogger(__name__)
TOGETHER = 20_000
"""Spans in one transaction, about."""
COLUMNS = (
    "began", "took", "id", "parent", "trace", "run", "kind", "status", "integrity", "name", "message",
    "attributes", "more",
)  # fmt: skip


class Writer:
    """Stores batches of spans; what it returned for is committed.

    While one transaction runs, batches gather and go together into the next.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Batch, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def store(self, batch: Batch) -> None:
        """Return when every span of the batch is committed.

        Raises:
            UnavailableError: The database does not answer; nothing, or everything, was stored: send again.
            PilothouseError: The batch cannot be stored.
        """
        if not batch.size:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        await asyncio.shield(done)

    async def close(self) -> None:
        """Wait until everything that was handed over is stored or refused."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def _work(self) -> None:
        while self._waiting:
            taken, size = 0, 0
            while taken < len(self._waiting) and size < TOGETHER:
                size += self._waiting[taken][0].size
                taken += 1
            now, self._waiting = self._waiting[:taken], self._waiting[taken:]
            await self._together(now)

    async def _together(self, many: Sequence[tuple[Batch, asyncio.Future[None]]]) -> None:
        try:
            await self._copied([batch for batch, _ in many])
        except UnavailableError as error:
            _tell(many, error)
        except (PilothouseError, UnicodeError) as error:
            # One batch has what is stored already, or what cannot be: the others must not suffer.
            for batch, done in many:
                await self._alone(batch, done, error)
        except BaseException as error:
            _tell(many, UnavailableError(f"spans were not stored: {error!r}; send again", code="traces.lost"))
            raise
        else:
            _tell(many, None)

    async def _alone(self, batch: Batch, done: asyncio.Future[None], first: Exception) -> None:
        try:
            if not isinstance(first, ConflictError):
                await self._copied([batch])
            else:
                await self._merged(batch)
        except (PilothouseError, UnicodeError) as error:
            log.warning("%d spans were refused: %s", batch.size, error)
            _tell([(batch, done)], _refusal(error))
        else:
            _tell([(batch, done)], None)

    async def _copied(self, batches: Sequence[Batch]) -> None:
        async with self._database.transaction() as tx:
            ids = await _sources(tx, batches)
            await tx.copy(Q.copy_spans, _rows(batches, ids))

    async def _merged(self, batch: Batch) -> None:
        """The slow way: span by span, leaving out those that are there."""
        async with self._database.transaction() as tx:
            ids = await _sources(tx, [batch])
            rows: list[Any] = [
                {"source": row[0], **dict(zip(COLUMNS, row[1:], strict=True))} for row in _rows([batch], ids)
            ]
            await tx.execute_many(Q.put_span, rows)


def _rows(batches: Sequence[Batch], ids: dict[bytes, int]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        for source, rows in batch.groups:
            id = ids[source.hash]
            for row in rows:
                yield (id, *row)


async def _sources(tx: Tx, batches: Sequence[Batch]) -> dict[bytes, int]:
    """Return the id of every source by its hash; notes those that are new."""
    wanted = {source.hash: source for batch in batches for source, _ in batch.groups}
    found = await tx.fetch_all(Q.known_sources, {"hashes": sorted(wanted)})
    ids: dict[bytes, int] = {bytes(row["hash"]): row["id"] for row in found}
    # In one order, so that two writers never wait for each other.
    for digest in sorted(wanted.keys() - ids.keys()):
        ids[digest] = await tx.fetch_value(Q.put_source, _fields(digest, wanted[digest]))
    return ids


def _fields(digest: bytes, source: SpanSource) -> dict[str, Any]:
    return {
        "hash": digest,
        "account": source.account,
        "workflow": source.workflow,
        "service": source.service,
        "readers": sorted(source.readers),
        "resource": source.resource,
    }


def _refusal(error: Exception) -> PilothouseError:
    if isinstance(error, PilothouseError):
        return error
    return PilothouseError(f"a span holds text that cannot be stored: {error}", code="traces.text")


def _tell(many: Sequence[tuple[Batch, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, done in many:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
            # Whoever waited may have gone.
            done.exception()
