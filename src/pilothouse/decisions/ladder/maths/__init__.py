"""The ladder's maths owns what follows from counts alone: no database, no clock, no chance."""

from pilothouse.decisions.ladder.maths.detector import COLD, alarmed, detect, ks, mean, psi, step
from pilothouse.decisions.ladder.maths.evidence import (
    evidence,
    labels_more,
    labels_needed,
    log_evidence,
    log_evidence_weighted,
    reserve_weight,
    spent,
    upper_bound,
)
from pilothouse.decisions.ladder.maths.exact import (
    Rule,
    clopper_pearson,
    evidence_rule,
    false_promotion,
    labels_until,
    wilson,
)
from pilothouse.decisions.ladder.maths.selection import Selection, binomial_tail, select

__all__ = [
    "COLD",
    "Rule",
    "Selection",
    "alarmed",
    "binomial_tail",
    "clopper_pearson",
    "detect",
    "evidence",
    "evidence_rule",
    "false_promotion",
    "ks",
    "labels_more",
    "labels_needed",
    "labels_until",
    "log_evidence",
    "log_evidence_weighted",
    "mean",
    "psi",
    "reserve_weight",
    "select",
    "spent",
    "step",
    "upper_bound",
    "wilson",
]
