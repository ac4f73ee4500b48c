"""Owns the settings of the gateway: patience, bounds of structured output, what is kept."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pilothouse.kernel.settings import PartSettings

__all__ = ["ModelsSettings"]


class ModelsSettings(PartSettings):
    """Read from ``PILOTHOUSE_MODELS_ROUNDS`` and so on."""

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_MODELS_", frozen=True, extra="forbid")

    rounds: int = Field(default=3, ge=1)
    """How often the providers of a route are gone through for one call, at most."""
    backoff_first: float = Field(default=0.5, gt=0)
    """Upper bound of the pause before the second round, in seconds; doubled each round, full jitter."""
    backoff_longest: float = Field(default=10.0, gt=0)
    """Upper bound of any pause."""
    patience: float = Field(default=8.0, ge=0)
    """Seconds a call waits, beyond its rounds, for a provider whose breaker is open or that is busy."""
    retry_share: float = Field(default=0.1, gt=0, le=1)
    """Retries of a provider, as a share of its calls."""
    max_text: int = Field(default=4000, ge=16)
    """Characters a text of a structured answer may have where its schema says no less."""
    max_items: int = Field(default=64, ge=1)
    """Items a list of a structured answer may have where its schema says no less."""
    max_depth: int = Field(default=8, ge=2)
    """How deep a schema may be nested."""
    queue: int = Field(default=64, ge=1)
    """Events a slow reader of a stream may lag behind before the provider is made to wait."""
    lease_grace: float = Field(default=30.0, ge=0)
    """Seconds after its deadline from when on a call without an end counts as lost, at its estimate."""
    warn_at: float = Field(default=0.8, gt=0, le=1)
    """Share of a budget from which on it warns."""
    keep_days: int = Field(default=400, ge=1)
    """Days that recorded calls and their bodies are kept."""
