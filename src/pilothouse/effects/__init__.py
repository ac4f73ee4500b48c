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
from pilothouse.effects.gate.approval import VoidError
from pilothouse.effects.gate.endorse import Endorsement, Endorsements, Treatment, sources_of
from pilothouse.effects.gate.treat import as_content
from pilothouse.effects.gate.weigh import AskError, weigh
from pilothouse.effects.outcomes import outcome_label
from pilothouse.effects.ports import Directory, Ladder, Principals, Rereader, Versions
from pilothouse.effects.record import DecisionRecord, explain
from pilothouse.effects.types import Chosen, Effect, EffectRequest, EffectState, Halt, Opened, Outcome

if TYPE_CHECKING:
    from pilothouse.effects.settings import EffectsSettings

__all__ = [
    "AskError",
    "Audience",
    "Chosen",
    "DecisionRecord",
    "Directory",
    "Door",
    "Effect",
    "EffectCall",
    "EffectRequest",
    "EffectSpec",
    "EffectState",
    "EffectsSettings",
    "Endorsement",
    "Endorsements",
    "Halt",
    "Handler",
    "Ladder",
    "Opened",
    "Outcome",
    "Principals",
    "Probe",
    "Probed",
    "Recipient",
    "Rereader",
    "Treatment",
    "Versions",
    "VoidError",
    "as_content",
    "explain",
    "outcome_label",
    "sources_of",
    "weigh",
]


def __getattr__(name: str) -> object:
    """Import the settings only when asked for: Pydantic is costly to start."""
    if name == "EffectsSettings":
        from pilothouse.effects.settings import EffectsSettings

        return EffectsSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
