"""Owns the settings of decisions: how long a claim and an approval last."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pilothouse.kernel.settings import PartSettings

__all__ = ["DecisionsSettings"]


class DecisionsSettings(PartSettings):
    """Read from ``PILOTHOUSE_DECISIONS_LEASE`` and ``PILOTHOUSE_DECISIONS_APPROVAL_LIFETIME``."""

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_DECISIONS_", frozen=True, extra="forbid")

    lease: float = Field(default=300.0, gt=0)
    """Seconds an item stays claimed by one person without an answer."""
    approval_lifetime: float = Field(default=86_400.0, gt=0)
    """Seconds in which the effect must follow an approval."""
