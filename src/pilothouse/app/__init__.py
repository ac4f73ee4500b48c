"""App owns the assembly: the project file, and the one place where ports meet adapters."""

from pilothouse.app.health import diagnose, migrate_project
from pilothouse.app.project import PROJECT_FILE, Project, find_project, load_project
from pilothouse.app.studio import (
    Studio,
    load_modules,
    open_engine_only,
    open_project_database,
    open_sources,
    open_studio,
    storage_settings,
)

__all__ = [
    "PROJECT_FILE",
    "Project",
    "Studio",
    "diagnose",
    "find_project",
    "load_modules",
    "load_project",
    "migrate_project",
    "open_engine_only",
    "open_project_database",
    "open_sources",
    "open_studio",
    "storage_settings",
]
