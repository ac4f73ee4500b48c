"""The ladder owns how far a version may act alone: labels in, evidence, a person's signature, a rung out."""

from pilothouse.decisions.ladder.ladder import Ladder
from pilothouse.decisions.ladder.policy import ClassRule, LadderPolicy
from pilothouse.decisions.ladder.types import Certificate, Rung, Standing, Unit

__all__ = ["Certificate", "ClassRule", "Ladder", "LadderPolicy", "Rung", "Standing", "Unit"]
