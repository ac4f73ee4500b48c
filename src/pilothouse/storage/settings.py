"""Owns the settings of storage: which PostgreSQL, where its data lies, how many connections."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pilothouse.kernel.settings import PartSettings

__all__ = ["StorageSettings"]


class StorageSettings(PartSettings):
    """Where the database is; read from ``PILOTHOUSE_DATABASE_URL``, ``PILOTHOUSE_DATA_DIR`` and so on."""

    database_url: str | None = Field(default=None, repr=False)
    """libpq URL of a server; without it an embedded PostgreSQL runs in ``data_dir``."""
    data_dir: Path = Path(".pilothouse")
    """Folder of the embedded cluster, its socket, locks and log; ignored with ``database_url``."""
    secrets_key_file: Path | None = None
    """Key of the stored secrets; default a systemd credential, else ``secrets.key`` in ``data_dir``."""
    pool_size: int = Field(default=10, ge=1, le=100)
    """Most connections of one process, beside one for notifications and one for each advisory lock."""
    patience: float = Field(default=30.0, ge=0)
    """Seconds to try again on a lost or refused connection before ``UnavailableError``."""
    idle_in_transaction: float = Field(default=10.0, gt=0)
    """Seconds after which PostgreSQL ends a transaction whose owner went silent (frozen process)."""
    migrate: bool = True
    """Bring the schema up to date on opening; switch off for workers without the right to."""
    fsync: bool = True
    """Embedded only, at initialisation; off is for tests: a power cut may then lose the cluster."""
