"""Owns the base of every part's settings class; ``app.py`` assembles them."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["PartSettings"]


class PartSettings(BaseSettings):
    """Frozen settings read from the environment with the prefix ``PILOTHOUSE_``.

    A part sets ``env_prefix`` to its own, such as ``PILOTHOUSE_ENGINE_``.
    """

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_", frozen=True, extra="forbid")
