"""One set of confined parsers for a module's tests."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest

from pilothouse.documents import Documents, open_documents


@pytest.fixture(scope="module")
async def documents() -> AsyncIterator[Documents]:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    async with open_documents() as opened:
        yield opened
