"""Owns handing our own spans on to a collector that the operator named: OTLP as JSON over HTTP."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from pilothouse.kernel import UsageError
from pilothouse.storage import Database, load_queries
from pilothouse.traces.encoding import signed
from pilothouse.traces.otlp.giving import request_of
from pilothouse.traces.reading import span_of

if TYPE_CHECKING:
    import httpx

__all__ = ["Collector", "CollectorExport"]

Q = load_queries("pilothouse.traces")
log = logging.getLogger(__name__)
EACH = 512
LAG = 30.0
"""Seconds a span rests before it goes out: by then every transaction that began before it has ended."""
EVERY = 10.0
"""Seconds between two looks at what is to be sent."""
AGAIN = frozenset({408, 429, 500, 502, 503, 504})
LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Where spans go.

    Attributes:
        url: Of its ``/v1/traces``; ``https``, or ``http`` on this machine.
        headers: Such as ``Authorization``; resolved, so never printed.

    Raises:
        UsageError: ``traces.collector``.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.username or not (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)
        ):
            raise UsageError(
                f"spans cannot go to {parts.scheme}://{parts.hostname}: give https without a password, or "
                "http on this machine; a secret belongs in headers",
                code="traces.collector",
            )

    @property
    def host(self) -> str:
        """Whom the log names."""
        return urlsplit(self.url).netloc


class CollectorExport:
    """Sends own spans on, at least once each: names, codes, counts and times, no other attribute."""

    def __init__(
        self, database: Database, collector: Collector, *, lag: float = LAG, every: float = EVERY
    ) -> None:
        self._database = database
        self._collector = collector
        self._lag = lag
        self._every = every
        self._next = 0.0
        self._client: httpx.AsyncClient | None = None

    async def sweep(self) -> int:
        """Send what has rested long enough; return how many spans. One process at a time does it."""
        if time.monotonic() < self._next:
            return 0
        self._next = time.monotonic() + self._every
        async with self._database.advisory_lock(f"traces-export {self._collector.host}") as held:
            if not held:
                return 0
            sent = 0
            while (now := await self._batch()) > 0:
                sent += now
            return sent

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.aclose()

    async def _batch(self) -> int:
        rows = await self._database.fetch_all(
            Q.spans_after, {**await self._cursor(), "lag": self._lag, "limit": EACH}
        )
        if not rows or not await self._accepted(request_of([span_of(row) for row in rows])):
            return 0
        last = rows[-1]
        where = {
            "name": self._collector.host,
            "stored": last["stored"],
            "trace": last["trace"],
            "id": last["id"],
        }
        await self._database.execute(Q.move_cursor, where)
        return len(rows)

    async def _cursor(self) -> dict[str, Any]:
        row = await self._database.fetch_one(Q.cursor, {"name": self._collector.host})
        if row is not None:
            return row
        # From now on: what happened before somebody named a collector stays here.
        start = {"stored": datetime.now(UTC) - timedelta(seconds=self._lag), "trace": UUID(int=0),
                 "id": signed("8" + "0" * 15)}  # fmt: skip
        await self._database.execute(Q.move_cursor, {"name": self._collector.host, **start})
        return start

    async def _accepted(self, request: Mapping[str, Any]) -> bool:
        """Send one request; whether to go on. What the collector refuses for good is left out."""
        import httpx

        if self._client is None:
            # No redirects: they could lead elsewhere.
            self._client = httpx.AsyncClient(timeout=10, follow_redirects=False, trust_env=False)
        headers = {"Content-Type": "application/json", **self._collector.headers}
        try:
            answer = await self._client.post(
                self._collector.url, content=json.dumps(request, separators=(",", ":")), headers=headers
            )
        except httpx.TransportError as error:
            log.warning("%s does not take spans now: %s", self._collector.host, type(error).__name__)
            return False
        if answer.status_code in AGAIN:
            log.warning("%s takes no spans now: %d", self._collector.host, answer.status_code)
            return False
        if not answer.is_success:
            log.error(
                "%s refused spans for good: %d; they are left out", self._collector.host, answer.status_code
            )
        return True
