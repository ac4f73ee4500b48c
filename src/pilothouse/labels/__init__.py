"""Labels own where a value comes from, who may read it and how far it may be trusted."""

from pilothouse.labels.types import Derived, Integrity, Label, Labelled, Origin, Position, join

__all__ = ["Derived", "Integrity", "Label", "Labelled", "Origin", "Position", "join"]
