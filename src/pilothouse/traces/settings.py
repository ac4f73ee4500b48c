"""Owns the settings of traces: how own spans are gathered, what others may send, how long it stays."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pilothouse.kernel.settings import PartSettings

__all__ = ["TracesSettings"]


class TracesSettings(PartSettings):
    """Read from ``PILOTHOUSE_TRACES_*``; retention of single workflows stands in the project file."""

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_TRACES_")

    enabled: bool = True
    """Whether own spans are stored; what foreign programs send is stored anyway."""
    every: float = Field(default=0.5, gt=0)
    """Seconds after which gathered own spans are stored; the most that a killed process can lose of them."""
    gather: int = Field(default=512, ge=1)
    """Own spans that are stored at once without waiting."""
    buffer: int = Field(default=50_000, ge=1)
    """Own spans held while the database is away; older ones are dropped and counted."""
    days: int = Field(default=30, ge=1)
    """Days that spans are kept."""
    body: int = Field(default=8 << 20, ge=1024)
    """Bytes of one OTLP request as it comes."""
    unpacked: int = Field(default=64 << 20, ge=1024)
    """Bytes of one OTLP request once unpacked."""
    spans: int = Field(default=50_000, ge=1)
    """Spans in one OTLP request."""
    requests: int = Field(default=16, ge=1)
    """OTLP requests taken at once; one more is asked to come again."""
