"""An engine on a clean database, on either executor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pilothouse.engine import Catalog, Definition, EngineSettings


@pytest.fixture
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture
def register(catalog: Catalog) -> Callable[..., None]:
    def add(name: str, body: Callable[..., Awaitable[Any]], version: str = "1", **more: Any) -> None:
        catalog.register(Definition(name=name, version=version, body=body, **more))

    return add


@pytest.fixture
def quick() -> EngineSettings:
    """Segments run in this process; everything that waits is short."""
    return EngineSettings(executor="direct", sweep_s=0.2, beat_s=0.2, lease_s=2.0)
