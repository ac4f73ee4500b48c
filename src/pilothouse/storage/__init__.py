"""Storage owns the one PostgreSQL: embedded or served, migrations, statements, notifications, change feed.

Everything above calls :func:`open_database`; only this part imports a database driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.storage.database import Database, HeldLock, Params, Row, Statement, Tx, open_database
from pilothouse.storage.doctor import Finding, diagnose
from pilothouse.storage.errors import ConstraintError
from pilothouse.storage.feed import Feed, FeedEvent
from pilothouse.storage.high_water import HighWater
from pilothouse.storage.listen import Notification, Subscription
from pilothouse.storage.migrate import revert_migrations, run_migrations, schema_version
from pilothouse.storage.queries import Queries, Query, load_queries
from pilothouse.storage.readers import as_reader
from pilothouse.storage.vault import SecretStore, StoredSecret, find_key, make_key

if TYPE_CHECKING:
    from psycopg.types.json import Jsonb

    from pilothouse.storage.settings import StorageSettings

__all__ = [
    "ConstraintError",
    "Database",
    "Feed",
    "FeedEvent",
    "Finding",
    "HeldLock",
    "HighWater",
    "Jsonb",
    "Notification",
    "Params",
    "Queries",
    "Query",
    "Row",
    "SecretStore",
    "Statement",
    "StorageSettings",
    "StoredSecret",
    "Subscription",
    "Tx",
    "as_reader",
    "diagnose",
    "find_key",
    "load_queries",
    "make_key",
    "open_database",
    "revert_migrations",
    "run_migrations",
    "schema_version",
]


def __getattr__(name: str) -> object:
    """Import the costly names only when asked for (driver, Pydantic)."""
    if name == "Jsonb":
        from psycopg.types.json import Jsonb

        return Jsonb
    if name == "StorageSettings":
        from pilothouse.storage.settings import StorageSettings

        return StorageSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
