"""Owns a server for tests: a project of its own over a database, served on a free port, with a key."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.kernel import SYSTEM

if TYPE_CHECKING:
    from pilothouse.app import Studio

__all__ = ["Served", "make_key", "served", "served_project"]

PROJECT = """
[project]
name = "served"
operator = "owner"

[principals.owner]
rights = ["*"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running server.

    Attributes:
        url: Without a slash at the end.
        studio: What it serves.
    """

    url: str
    studio: Studio


@contextlib.asynccontextmanager
async def served(studio: Studio) -> AsyncGenerator[Served]:
    """Serve an open project on a free port of this machine."""
    from pilothouse.api.server import serving

    async with serving(studio, host="127.0.0.1", port=0) as url:
        yield Served(url=url, studio=studio)


@contextlib.asynccontextmanager
async def served_project(folder: Path, *, file: str = PROJECT, work: bool = False) -> AsyncGenerator[Served]:
    """Serve a project made in ``folder``; the database is where the environment says."""
    from pilothouse.app import open_studio

    (folder / "pilothouse.toml").write_text(file, encoding="utf-8")
    async with open_studio(folder, work=work, serve=True) as studio, served(studio) as server:
        yield server


async def make_key(studio: Studio, account: str, rights: Collection[str]) -> str:
    """Return an API key of a new service account that holds ``rights``."""
    identity = studio.identity
    await identity.accounts.add(account, SYSTEM, kind="service", rights=rights)
    issued = await identity.access.make_key(account, SYSTEM, scopes=rights)
    return issued.secret
