"""Owns the settings of learning: which interpreter trains."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from pilothouse.kernel.settings import PartSettings

__all__ = ["LearningSettings"]


class LearningSettings(PartSettings):
    """Read from ``PILOTHOUSE_LEARNING_*``."""

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_LEARNING_")

    python: Path | None = None
    """Interpreter that has the training libraries of adapters; default the one that runs Pilothouse."""
