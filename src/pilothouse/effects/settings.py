"""Owns the settings of the door: leases, patience, attempts."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pilothouse.kernel.settings import PartSettings

__all__ = ["EffectsSettings"]


class EffectsSettings(PartSettings):
    """Read from ``PILOTHOUSE_EFFECTS_LEASE`` and so on."""

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_EFFECTS_", frozen=True, extra="forbid")

    lease: float = Field(default=15.0, gt=0)
    """Seconds after which a silent holder's intent may be finished by another; renewed while it works."""
    resend_lease: float = Field(default=3.0, gt=0)
    """The same for effects whose receiver ignores a second call: sending twice at once does no harm there."""
    patience: float = Field(default=5.0, ge=0)
    """Seconds to wait for another process that is performing the same effect."""
    attempts: int = Field(default=5, ge=1)
    """How often an effect without an answer is sent or probed before a person is asked."""
    sweep_grace: float = Field(default=5.0, ge=0)
    """Seconds the sweeper leaves a lapsed intent to its own run."""
