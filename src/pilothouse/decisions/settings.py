"""Owns the settings of decisions: leases, lifetimes, the grace, blind draws, planted samples."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pilothouse.kernel.settings import PartSettings

__all__ = ["DecisionsSettings"]


class DecisionsSettings(PartSettings):
    """Read from ``PILOTHOUSE_DECISIONS_LEASE`` and so on.

    Nobody approves what they asked for themselves: there is a setting that says so and none that lifts it.
    """

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_DECISIONS_", frozen=True, extra="forbid")

    lease: float = Field(default=300.0, gt=0)
    """Seconds an item stays claimed by one person without an answer."""
    approval_lifetime: float = Field(default=86_400.0, gt=0)
    """Seconds in which the effect must follow an approval."""
    grace: float = Field(default=0.0, ge=0, le=240)
    """Seconds in which a person may take an answer back; until then nothing follows from it. At most 240:
    a wait gives up five minutes after its deadline."""
    blind_share: float = Field(default=0.1, ge=0, le=1)
    """Share of questions about effects, drawn by lot, that are answered before the advice is shown."""
    seeded_every: int = Field(default=50, ge=50)
    """Among how many items of a topic there may be one planted known-bad sample."""
    self_approval: Literal[False] = False
    """Whether people may approve what they asked for."""
