"""Effects owns the one door out: declared, allowed, approved, audited, then once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.effects.declare import (
    Audience,
    EffectCall,
    EffectSpec,
    Handler,
    Probe,
    Probed,
    Recipient,
)
from pilothouse.effects.door import Door
from pilothouse.effects.ports import Rereader, Versions
from pilothouse.effects.record import DecisionRecord, explain
from pilothouse.effects.types import Chosen, Effect, EffectRequest, EffectState, Halt, Outcome
from pilothouse.effects.validate import VoidError

if TYPE_CHECKING:
    from pilothouse.effects.settings import EffectsSettings

__all__ = [
    "Audience",
    "Chosen",
    "DecisionRecord",
    "Door",
    "Effect",
    "EffectCall",
    "EffectRequest",
    "EffectSpec",
    "EffectState",
    "EffectsSettings",
    "Halt",
    "Handler",
    "Outcome",
    "Probe",
    "Probed",
    "Recipient",
    "Rereader",
    "Versions",
    "VoidError",
    "explain",
]


def __getattr__(name: str) -> object:
    """Import the settings only when asked for: Pydantic is costly to start."""
    if name == "EffectsSettings":
        from pilothouse.effects.settings import EffectsSettings

        return EffectsSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
