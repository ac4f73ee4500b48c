"""Confinement owns how a foreign command or a parser of foreign bytes runs: in a cage, or not at all."""

from pilothouse.engine.confine.probe import Confinement, confinement
from pilothouse.engine.confine.process import Confined, confined, open_confined
from pilothouse.engine.confine.types import Bounds, Cage, ConfineMissing, Ended, Mount

__all__ = [
    "Bounds",
    "Cage",
    "ConfineMissing",
    "Confined",
    "Confinement",
    "Ended",
    "Mount",
    "confined",
    "confinement",
    "open_confined",
]
