"""Owns the settings of audit: where the second device and the key lie, how often a head is signed."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pilothouse.kernel.settings import PartSettings

__all__ = ["AuditSettings"]


class AuditSettings(PartSettings):
    """Read from ``PILOTHOUSE_AUDIT_FILE`` and so on."""

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_AUDIT_", frozen=True, extra="forbid")

    file: Path | None = None
    """The second device; by default `log-<key>.jsonl` in a folder beside the data directory."""
    key: Path | None = None
    """Private key that signs heads (mode 0600, made on the first start); by default in the data directory."""
    head_every: float = Field(default=3600.0, gt=0)
    """Seconds between two signed heads while anything happens."""
    head_entries: int = Field(default=10_000, ge=1)
    """Entries after which a head is signed even sooner."""
    file_tier: int = Field(default=5, ge=1, le=5)
    """Lowest effect tier that must not go out while the second device refuses; 5: none, only an alarm."""
