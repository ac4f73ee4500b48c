"""Owns the settings of the HTTP server."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pilothouse.kernel.settings import PartSettings

__all__ = ["ApiSettings"]


class ApiSettings(PartSettings):
    """Read from ``PILOTHOUSE_API_*``."""

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_API_")

    concurrency: int = Field(default=200, ge=1)
    """Connections served at once; one more gets 503."""
    backlog: int = Field(default=512, ge=1)
    """Connections that may wait to be accepted."""
    arrival: float = Field(default=30.0, gt=0)
    """Seconds a request may take to arrive whole; then its connection is closed."""
    keep_alive: float = Field(default=5.0, gt=0)
    """Seconds an idle connection stays open."""
    grace: float = Field(default=10.0, ge=0)
    """Seconds that running requests get when the server is stopped."""
