"""Labels own where a value comes from, who may read it and how far it may be trusted."""

from pilothouse.labels.answers import Answer, Boolean, Budget, Choice, Number
from pilothouse.labels.attach import signed, typed, unknown
from pilothouse.labels.context import Context
from pilothouse.labels.handle import Handle
from pilothouse.labels.lattice import condensed_label, declassified, flows_to, join, leaves, lifted
from pilothouse.labels.provenance import Condensed, Derived, Origin, Position
from pilothouse.labels.types import Integrity, Label, Labelled

__all__ = [
    "Answer",
    "Boolean",
    "Budget",
    "Choice",
    "Condensed",
    "Context",
    "Derived",
    "Handle",
    "Integrity",
    "Label",
    "Labelled",
    "Number",
    "Origin",
    "Position",
    "condensed_label",
    "declassified",
    "flows_to",
    "join",
    "leaves",
    "lifted",
    "signed",
    "typed",
    "unknown",
]
