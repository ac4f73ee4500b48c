"""Fixtures of the port's tests: the event loop's backend and one made world whose servers run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pilothouse_port.world import serve
from pilothouse_port.world.render_world import Made, make_world


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallWorld:
    """A world of 60 boxes whose servers answer.

    Attributes:
        out: Holds ``world``, ``run`` and, for scorers only, ``key.jsonl``.
        world: What a solution may see.
        project: ``run/pilothouse.toml`` with the sources.
        made: What the generator said.
    """

    out: Path
    world: Path
    project: Path
    made: Made


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallWorld]:
    """Seed 7, small: made and up once a session; its servers end with it. Write to it with care."""
    out = tmp_path_factory.mktemp("small_world")
    made = make_world(out, seed=7, size="small")
    running = serve.up(made.world, owner=os.getpid())
    yield SmallWorld(out=out, world=made.world, project=running.project, made=made)
    serve.down(made.world, forget=True)
