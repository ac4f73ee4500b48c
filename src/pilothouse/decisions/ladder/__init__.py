"""The ladder owns how far a version may act alone: labels in, evidence, a person's signature, a rung out."""

from pilothouse.decisions.ladder.ladder import Ladder
from pilothouse.decisions.ladder.maths.selection import Selection, binomial_tail, select
from pilothouse.decisions.ladder.policy import ClassRule, LadderPolicy
from pilothouse.decisions.ladder.types import Case, Certificate, Drop, Move, Rung, Standing, Unit, Waiver
from pilothouse.decisions.ladder.view import LadderView
from pilothouse.decisions.ladder.watch import CatchCounts

__all__ = [
    "Case",
    "CatchCounts",
    "Certificate",
    "ClassRule",
    "Drop",
    "Ladder",
    "LadderPolicy",
    "LadderView",
    "Move",
    "Rung",
    "Selection",
    "Standing",
    "Unit",
    "Waiver",
    "binomial_tail",
    "select",
]
