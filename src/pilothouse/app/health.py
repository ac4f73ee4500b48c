"""Owns the doctor and the migration of one project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.app.models.packs import diagnose_packs
from pilothouse.app.project import find_project, load_project
from pilothouse.app.studio import load_modules, storage_settings
from pilothouse.kernel import PilothouseError

if TYPE_CHECKING:
    from pilothouse.storage import Finding

__all__ = ["diagnose", "migrate_project"]


async def diagnose(folder: Path) -> list[Finding]:
    """Return what is right and wrong with database, modules and sources of the project, in words."""
    from pilothouse.storage import Finding, diagnose

    try:
        project = load_project(find_project(folder))
    except PilothouseError as error:
        return [Finding(ok=False, what="project", why=error.message, next_step="run `pilothouse init`")]
    findings = [*diagnose(storage_settings(project)), await _cage(), *diagnose_packs()]
    try:
        load_modules(project)
        findings.append(Finding(ok=True, what="modules", why="all declared modules load", next_step=""))
    except PilothouseError as error:
        findings.append(Finding(ok=False, what="modules", why=error.message, next_step="mend the module"))
    return [*findings, *await _sources(folder)]


async def _cage() -> Finding:
    from pilothouse.engine import confinement
    from pilothouse.storage import Finding

    found = await confinement()
    return Finding(ok=found.ok, what="confinement", why=found.why, next_step=found.next_step)


async def _sources(folder: Path) -> list[Finding]:
    from pilothouse.app.studio import open_sources
    from pilothouse.storage import Finding

    try:
        async with open_sources(folder) as (sources, _):
            health = [await sources.health(name) for name in sources.names()]
    except PilothouseError as error:
        return [Finding(ok=False, what="sources", why=error.message, next_step="correct pilothouse.toml")]
    return [
        Finding(
            ok=h.state == "up",
            what=f"source {h.source}",
            why=h.message or f"answers in {h.seconds * 1000:.0f} ms",
            next_step="" if h.state == "up" else "start it, or correct its table in pilothouse.toml",
        )
        for h in health
    ]


async def migrate_project(folder: Path) -> str:
    """Bring the project's database to this version's schema and return its revision."""
    from pilothouse.storage import open_database, schema_version

    project = load_project(find_project(folder))
    settings = storage_settings(project).model_copy(update={"migrate": True})
    async with open_database(settings) as database:
        return schema_version(database.url) or ""
