"""Owns our own spans: gathered in memory as they end, stored in the background, at close and when asked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING

from pilothouse.kernel import PilothouseError
from pilothouse.telemetry import SpanRecord, plain
from pilothouse.traces.encoding import clean, signed, text_of
from pilothouse.traces.types import Batch, SpanRow, SpanSource, scope_of

if TYPE_CHECKING:
    from pilothouse.traces.settings import TracesSettings
    from pilothouse.traces.writing import Writer

__all__ = ["OwnSpans", "batch_of"]

log = logging.getLogger(__name__)
KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
STATUSES = {"unset": 0, "ok": 1, "error": 2}
SERVICE = "pilothouse"
INTEGRITY = {"untrusted": 0, "record": 1, "approved": 2, "operator": 3}


class OwnSpans:
    """A sink for the spans of this process; :meth:`emit` may be called from any thread.

    What has ended but is not stored yet is lost when the process is killed: at most ``settings.every``
    seconds. The journal, the audit log and the calls' records never depend on it.
    """

    def __init__(self, writer: Writer, settings: TracesSettings) -> None:
        self._writer = writer
        self._settings = settings
        self._ended: deque[SpanRecord] = deque(maxlen=settings.buffer)
        self._flushing = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._full = asyncio.Event()
        self.dropped = 0

    def emit(self, record: SpanRecord) -> None:
        """Take one span."""
        ended = self._ended
        if len(ended) == self._settings.buffer:
            self.dropped += 1
        ended.append(record)
        if len(ended) == self._settings.gather:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._full.set)

    async def flush(self) -> int:
        """Store everything that has ended so far; return how many spans that were.

        Raises:
            UnavailableError: The database does not answer; the spans are kept for the next time.
        """
        async with self._flushing:
            taken = [self._ended.popleft() for _ in range(len(self._ended))]
            if not taken:
                return 0
            try:
                await self._writer.store(batch_of(taken))
            except PilothouseError:
                room = self._settings.buffer - len(self._ended)
                self._ended.extendleft(reversed(taken[max(0, len(taken) - room) :]))
                raise
            return len(taken)

    async def keep(self) -> None:
        """Store what was gathered, again and again; cancelled at the end."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), self._settings.every)
            self._full.clear()
            try:
                await self.flush()
            except Exception:
                log.exception("own spans were not stored; they are kept and tried again")
                await asyncio.sleep(self._settings.every)
            if self.dropped:
                log.warning("%d own spans were dropped: the buffer was full", self.dropped)
                self.dropped = 0


def batch_of(records: list[SpanRecord]) -> Batch:
    """Return spans of this process as rows."""
    groups: dict[tuple[str, frozenset[str]], list[SpanRow]] = {}
    for record in records:
        readers = frozenset[str]() if record.label is None else record.label.readers
        groups.setdefault((record.workflow, readers), []).append(_row(record))
    return Batch(
        groups=[
            (SpanSource(workflow=flow, service=SERVICE, readers=readers | {scope_of(flow)}), rows)
            for (flow, readers), rows in groups.items()
        ]
    )


def _row(record: SpanRecord) -> SpanRow:
    attributes = plain(record.attributes)
    integrity = None if record.label is None else int(record.label.integrity)
    if integrity is None:
        integrity = INTEGRITY.get(str(attributes.get("pilothouse.label.integrity", "")).lower())
    return (
        record.start,
        max(0, record.end - record.start),
        signed(record.id),
        signed(record.parent) if record.parent else None,
        record.trace,
        record.run.replace("-", "") or None,
        KINDS[record.kind],
        STATUSES[record.status],
        integrity,
        clean(record.name[:256]),
        clean(record.message[:256]),
        text_of(attributes),
        None,
    )
