"""Owns the read side as one object: own spans in, foreign spans in, everything out by rights."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING

from pilothouse.kernel import RIGHTS, SYSTEM, Authority, Principal, UnavailableError, require
from pilothouse.telemetry import bind_sink
from pilothouse.traces.own import OwnSpans
from pilothouse.traces.reading import Reading
from pilothouse.traces.retention import prune
from pilothouse.traces.timeline import Timeline, timeline
from pilothouse.traces.writing import Writer

if TYPE_CHECKING:
    from uuid import UUID

    from pilothouse.decisions import Inbox
    from pilothouse.engine import Engine
    from pilothouse.storage import Database
    from pilothouse.traces.otlp.taking import Form, Limits
    from pilothouse.traces.settings import TracesSettings
    from pilothouse.traces.types import Batch

__all__ = ["WRITE", "Traces", "open_traces"]

WRITE = "traces:write"


class Traces(Reading):
    """Spans of one project. Made by :func:`open_traces`.

    Args:
        database: Where they are.
        authority: Says who may do and read what today.
        settings: How spans are gathered, limits and retention.
        keep: Days of single workflows, and of foreign accounts as ``from.ACCOUNT``.
    """

    def __init__(
        self,
        database: Database,
        *,
        authority: Authority = RIGHTS,
        settings: TracesSettings | None = None,
        keep: Mapping[str, int] | None = None,
    ) -> None:
        from pilothouse.traces.settings import TracesSettings

        super().__init__(database, authority)
        self.settings = settings or TracesSettings()
        self.keep = dict(keep or {})
        self._writer = Writer(database)
        self._own = OwnSpans(self._writer, self.settings)
        self._taking = 0
        self._next = 0.0

    async def flush(self) -> int:
        """Return when every own span that has ended is committed; how many were not before.

        Raises:
            UnavailableError: The database does not answer; the spans are kept.
        """
        return await self._own.flush()

    async def take(self, by: Principal, body: bytes, form: Form, *, encoding: str = "") -> Batch:
        """Store the spans of an OTLP request; when this returns they are committed.

        Args:
            by: Whose key brought them; they are stored under that account, as untrusted.
            body: As it came.
            form: ``protobuf`` or ``json``.
            encoding: Content encoding of the body: ``gzip``, ``deflate`` or nothing.

        Returns:
            What was stored, and how many spans could not be and why.

        Raises:
            DeniedError: ``policy.denied``: without ``traces:write``.
            UsageError: ``traces.otlp``, ``traces.encoding``.
            LimitError: ``traces.too_large``.
            UnavailableError: ``traces.busy``, or the database is away: send again.
        """
        from pilothouse.traces.otlp import read_request, unpacked

        require(by, WRITE, authority=self._authority)
        if self._taking >= self.settings.requests:
            raise UnavailableError(
                f"{self._taking} OTLP requests are being stored already; send again", code="traces.busy"
            )
        limits = self._limits()

        def read() -> Batch:
            return read_request(unpacked(body, encoding, limits), form, account=by.id, limits=limits)

        self._taking += 1
        try:
            # A large body would hold up everybody else on this loop.
            batch = read() if len(body) < LARGE else await asyncio.to_thread(read)
            await self._writer.store(batch)
        finally:
            self._taking -= 1
        return batch

    async def timeline(
        self, by: Principal, engine: Engine, run: UUID, *, inbox: Inbox | None = None
    ) -> Timeline:
        """Return what happened in a run, in order: its journal and its spans as one.

        Args:
            by: Who reads: with ``traces:<workflow>:read``, or as whom the run acts for.
            engine: Whose run.
            run: Which run.
            inbox: Tells who answered; without it only that somebody did.

        Raises:
            DeniedError: ``policy.denied``.
            UsageError: ``engine.unknown_run``.
        """
        return await timeline(self, by, engine, run, authority=self._authority, inbox=inbox)

    async def prune(self, by: Principal, *, days: int | None = None) -> int:
        """Forget spans beyond their retention; return how many.

        Raises:
            DeniedError: ``policy.denied``: without ``traces:prune``.
        """
        kept = self.settings.days if days is None else days
        scopes = self.keep if days is None else {}
        return await prune(self._database, by, days=kept, scopes=scopes, authority=self._authority)

    async def sweep(self) -> int:
        """Forget what is too old, at most once an hour; return how many spans."""
        if time.monotonic() < self._next:
            return 0
        self._next = time.monotonic() + 3600
        days, scopes = self.settings.days, self.keep
        return await prune(self._database, SYSTEM, days=days, scopes=scopes, authority=RIGHTS)

    def _limits(self) -> Limits:
        from pilothouse.traces.otlp import Limits

        return Limits(unpacked=self.settings.unpacked, spans=self.settings.spans)

    @contextlib.asynccontextmanager
    async def gathering(self) -> AsyncGenerator[None]:
        """Store the spans of this process while the block runs, and at its end."""
        if not self.settings.enabled:
            yield
            return
        with bind_sink(self._own):
            task = asyncio.create_task(self._own.keep())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.wait({task})
        with contextlib.suppress(UnavailableError):
            await self.flush()

    async def close(self) -> None:
        """Wait until what was handed over is stored or refused: also what a stopped flush had begun."""
        await self._writer.close()


LARGE = 256 << 10


@contextlib.asynccontextmanager
async def open_traces(
    database: Database,
    *,
    authority: Authority = RIGHTS,
    settings: TracesSettings | None = None,
    keep: Mapping[str, int] | None = None,
) -> AsyncGenerator[Traces]:
    """Open the spans of a project and store those of this process until the end of the block."""
    traces = Traces(database, authority=authority, settings=settings, keep=keep)
    try:
        async with traces.gathering():
            yield traces
    finally:
        await traces.close()
