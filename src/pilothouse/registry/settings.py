"""Owns the settings of identity and of packs: how long secrets live, where model files lie."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pilothouse.kernel.settings import PartSettings

__all__ = ["PacksSettings", "RegistrySettings"]


class RegistrySettings(PartSettings):
    """Read from ``PILOTHOUSE_REGISTRY_*``; argon2id parameters are those of RFC 9106 section 4."""

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_REGISTRY_")

    argon2_memory: int = Field(default=65_536, ge=8_192)
    """KiB of one password hash."""
    argon2_passes: int = Field(default=3, ge=1)
    """Passes over that memory."""
    session_lifetime: timedelta = timedelta(hours=12)
    """After which one signs in again."""
    token_lifetime: timedelta = timedelta(hours=24)
    """How long a one-time link is good."""
    key_lifetime: timedelta = timedelta(days=90)
    """Default of a new API key; the longest is a year."""
    failures: int = Field(default=10, ge=1)
    """Wrong passwords in a row that lock an account for a while."""
    lock: timedelta = timedelta(minutes=15)
    """How long."""


class PacksSettings(PartSettings):
    """Read from ``PILOTHOUSE_PACKS_*``; nothing is fetched but by ``pilothouse packs fetch``."""

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_PACKS_")

    dir: Path | None = None
    """Folder of the packs; default ``pilothouse/packs`` in ``XDG_DATA_HOME`` or ``~/.local/share``."""
    mirror: Path | None = None
    """A folder made by ``pilothouse packs mirror``, looked into after ``dir``; never written."""
