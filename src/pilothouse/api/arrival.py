"""Owns how long a request may take to arrive: who sends a byte now and then holds no connection for long."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["arriving_within"]


def arriving_within(seconds: float) -> type[H11Protocol]:
    """Return the HTTP protocol that closes a connection whose request is not whole after ``seconds``.

    The server itself only limits how long a connection idles after an answer, so that a client that never
    ends its headers or its body would keep one for good (Slowloris, CWE-400). An answer may take as long as
    it takes.
    """

    class Arriving(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._expect()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._expect()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            super().connection_lost(exc)

        def _expect(self) -> None:
            self._cancel()
            if not self.transport.is_closing():
                self._timer = self.loop.call_later(seconds, self._late)

        def _cancel(self) -> None:
            if self._timer is not None:
                self._timer.cancel()

        def _late(self) -> None:
            if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
                self.transport.abort()

    return Arriving
