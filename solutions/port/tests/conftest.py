"""Fixtures of the port's tests: the event loop's backend; a made world comes with its generator."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
