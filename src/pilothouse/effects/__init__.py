"""Effects owns the one door out: declared, allowed, approved, audited, then once."""

from pilothouse.effects.ports import Rereader, Versions
from pilothouse.effects.types import (
    Effect,
    EffectCall,
    EffectRequest,
    EffectSpec,
    EffectState,
    Halt,
    Handler,
    Outcome,
    Probe,
    Probed,
)

__all__ = [
    "Effect",
    "EffectCall",
    "EffectRequest",
    "EffectSpec",
    "EffectState",
    "Halt",
    "Handler",
    "Outcome",
    "Probe",
    "Probed",
    "Rereader",
    "Versions",
]
