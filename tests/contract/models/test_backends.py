"""One contract for every endpoint: over TCP and over a unix socket."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pilothouse.kernel import PilothouseError
from pilothouse.models import Backend, Finished, OpenAIBackend
from pilothouse.models.testing import (
    Reply,
    asking,
    check_backend,
    gateway_to,
    provider_of,
    scripted_server,
)

pytestmark = [
    pytest.mark.anyio,
    # A call that is cut leaves the HTTP library's half-closed socket to the collector: see below.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Collect it here, where it is expected, and not during another test."""
    yield
    for _ in range(3):
        gc.collect()


@asynccontextmanager
async def over_tcp(replies: list[Reply], folder: Path) -> AsyncIterator[Backend]:
    async with scripted_server(replies) as server:
        backend = OpenAIBackend(provider_of(server))
        yield backend
        await backend.close()


@asynccontextmanager
async def over_a_socket(replies: list[Reply], folder: Path) -> AsyncIterator[Backend]:
    async with scripted_server(replies, path=folder / "m.sock") as server:
        backend = OpenAIBackend(provider_of(server))
        yield backend
        await backend.close()


@pytest.mark.parametrize("opened", [over_tcp, over_a_socket])
async def test_the_contract_of_an_endpoint(opened: object, tmp_path: Path) -> None:
    await check_backend(opened, tmp_path)  # type: ignore[arg-type]


async def test_the_suite_can_fail(tmp_path: Path) -> None:
    @asynccontextmanager
    async def deaf(replies: list[Reply], folder: Path) -> AsyncIterator[Backend]:
        async with over_tcp([Reply(text="always the same")], folder) as backend:
            yield backend

    with pytest.raises((AssertionError, PilothouseError, asyncio.TimeoutError)):
        await check_backend(deaf, tmp_path)


async def test_one_connection_serves_stream_after_stream() -> None:
    async with scripted_server("word after word") as server:
        gateway = gateway_to(server)
        for _ in range(5):
            events = [one async for one in gateway.stream(asking())]
            assert isinstance(events[-1], Finished)
        await gateway.close()
        assert server.connections == 1
