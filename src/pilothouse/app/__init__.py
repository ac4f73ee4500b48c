"""App owns the assembly: the project file, and the one place where ports meet adapters."""

from pilothouse.app.agents import ALONE, agents_of, read_spec
from pilothouse.app.documents import open_reader
from pilothouse.app.health import diagnose, migrate_project
from pilothouse.app.identity import Identity, change_secret, forget_session, keep_session, open_identity
from pilothouse.app.models import switch_egress
from pilothouse.app.models.adapters import train_adapter
from pilothouse.app.models.packs import (
    diagnose_packs,
    go_offline,
    open_encoder,
    open_local_runtime,
    open_multilingual_encoder,
    open_packs,
    open_transcriber,
)
from pilothouse.app.policy import load_authority, load_authorizer
from pilothouse.app.project import PROJECT_FILE, Project, find_project, load_project
from pilothouse.app.publish import publish
from pilothouse.app.studio import (
    Studio,
    load_modules,
    open_engine_only,
    open_project_database,
    open_sources,
    open_studio,
    storage_settings,
)
from pilothouse.app.telling import decision_graph, told

__all__ = [
    "ALONE",
    "PROJECT_FILE",
    "Identity",
    "Project",
    "Studio",
    "agents_of",
    "change_secret",
    "decision_graph",
    "diagnose",
    "diagnose_packs",
    "find_project",
    "forget_session",
    "go_offline",
    "keep_session",
    "load_authority",
    "load_authorizer",
    "load_modules",
    "load_project",
    "migrate_project",
    "open_encoder",
    "open_engine_only",
    "open_identity",
    "open_local_runtime",
    "open_multilingual_encoder",
    "open_packs",
    "open_project_database",
    "open_reader",
    "open_sources",
    "open_studio",
    "open_transcriber",
    "publish",
    "read_spec",
    "storage_settings",
    "switch_egress",
    "told",
    "train_adapter",
]
