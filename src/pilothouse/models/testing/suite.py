"""Owns the contract of an endpoint: what every adapter must do with every answer and every fault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path

from pilothouse.kernel import PilothouseError
from pilothouse.models.ports import Backend, Chunk, Incoming, Opened, Outgoing, Replied
from pilothouse.models.testing.server import Reply

__all__ = ["OpenedBackend", "check_backend"]

OpenedBackend = Callable[[list[Reply], Path], AbstractAsyncContextManager[Backend]]
FAULTS: tuple[tuple[Reply, str], ...] = (
    (Reply(status=500), "models.failed"),
    (Reply(status=503, retry_after=3), "models.failed"),
    (Reply(status=429, retry_after=3), "models.busy"),
    (Reply(status=400), "models.rejected"),
    (Reply(status=401), "models.refused"),
    (Reply(status=413), "models.context"),
    (Reply(fault="cut_at_start"), "models.cut"),
    (Reply(fault="rubbish"), "models.rubbish"),
    (Reply(fault="endless"), "models.endless"),
    (Reply(fault="hang"), "models.timeout"),
)


async def check_backend(opened: OpenedBackend, folder: Path) -> None:
    """Hold an adapter to the contract.

    Args:
        opened: Opens the adapter over an endpoint that gives these replies, in a folder of its own.
        folder: For what it needs.
    """
    text = "Grüße, 世界 🚢 and more words"
    for stream in (False, True):
        async with opened([Reply(text=text)], folder) as backend:
            events = await _all(backend, stream=stream)
            assert isinstance(events[0], Opened), events
            assert isinstance(events[-1], Replied), events
            assert "".join(one.text for one in events if isinstance(one, Chunk)) == text
            assert events[-1].usage is not None
            assert events[-1].usage.output_tokens > 0
            assert len(events) > 4 or not stream, "a stream comes in pieces"
        async with opened([Reply(tools=[("add", {"a": 1}), ("sub", {"b": "x"})])], folder) as backend:
            last = (await _all(backend, stream=stream))[-1]
            assert isinstance(last, Replied)
            found = [(one.tool, one.arguments) for one in last.choices]
            assert found == [("add", '{"a": 1}'), ("sub", '{"b": "x"}')]
        for reply, code in FAULTS:
            await _refused(opened, folder, reply, code, stream=stream)
    await _refused(opened, folder, Reply(text=text, fault="cut"), "models.cut", stream=True)
    await _left(opened, folder)


async def _refused(opened: OpenedBackend, folder: Path, reply: Reply, code: str, *, stream: bool) -> None:
    async with opened([reply], folder) as backend:
        try:
            await _all(backend, stream=stream, seconds=1.0 if reply.fault == "hang" else 20.0)
        except PilothouseError as error:
            assert error.code == code, (reply, error)
            if reply.status == 429:
                assert getattr(error, "retry_after", 0) == 3
        else:
            raise AssertionError(f"{reply!r} was taken for an answer")


async def _left(opened: OpenedBackend, folder: Path) -> None:
    """Closing the events in the middle ends the call."""
    async with opened([Reply(text="and on " * 2000, pace=0.01)], folder) as backend:
        place = await backend.locate()
        async with asyncio.timeout(20), aclosing(backend.send(_asked(True), at=place, seconds=20)) as events:
            async for one in events:
                if isinstance(one, Chunk):
                    break


async def _all(backend: Backend, *, stream: bool, seconds: float = 20.0) -> list[Incoming]:
    place = await backend.locate()
    async with (
        asyncio.timeout(30),
        aclosing(backend.send(_asked(stream), at=place, seconds=seconds)) as events,
    ):
        return [one async for one in events]


def _asked(stream: bool) -> Outgoing:
    return Outgoing(
        messages=[{"role": "user", "content": "Hello"}],
        output_tokens=1000,
        temperature=0.0,
        seed=0,
        attempt="contract",
        stream=stream,
    )
