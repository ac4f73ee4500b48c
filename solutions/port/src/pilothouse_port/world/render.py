"""Owns the way from views to files: every system of a made world in its own folder and technology."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from pilothouse_port.world.systems.render.drop import write_drops
from pilothouse_port.world.systems.render.edifact import write_interchanges
from pilothouse_port.world.systems.render.http import write_service
from pilothouse_port.world.systems.render.mail import write_mails
from pilothouse_port.world.systems.render.mcp import write_tools
from pilothouse_port.world.systems.render.sql import mariadb_dump, postgres_dump, write_sqlite
from pilothouse_port.world.views import SystemView, Technology

__all__ = ["STAND_IN", "render_system", "render_systems"]

STAND_IN: Final = "stand-in.sql"
"""The same content for PostgreSQL, beside a MariaDB dump: served where MariaDB is not installed."""


def render_systems(views: Iterable[SystemView], folder: Path) -> None:
    """Write each system into ``folder/<name>/``; the same views give the same bytes.

    Args:
        views: The systems as their owners run them.
        folder: Usually ``OUT/world/systems``; what an earlier world left there is removed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for view in views:
        render_system(view, folder / view.name)


def render_system(view: SystemView, folder: Path) -> None:
    """Write one system with its owner's data dictionary, if he keeps one."""
    folder.mkdir(parents=True)
    if view.readme:
        (folder / "README.md").write_text(view.readme, encoding="utf-8")
    _WRITERS[view.technology](view, folder)


def _write_mariadb(view: SystemView, folder: Path) -> None:
    (folder / "dump.sql").write_text(mariadb_dump(view), encoding="utf-8")
    (folder / STAND_IN).write_text(postgres_dump(view), encoding="utf-8")


def _write_postgres(view: SystemView, folder: Path) -> None:
    (folder / "dump.sql").write_text(postgres_dump(view), encoding="utf-8")


def _write_sqlite(view: SystemView, folder: Path) -> None:
    write_sqlite(view, folder / f"{view.name}.sqlite")


_WRITERS: Final[dict[Technology, Callable[[SystemView, Path], None]]] = {
    "mariadb": _write_mariadb,
    "postgres": _write_postgres,
    "sqlite": _write_sqlite,
    "edifact": write_interchanges,
    "drop": write_drops,
    "http": write_service,
    "mail": write_mails,
    "mcp": write_tools,
}
