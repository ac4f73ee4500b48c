"""Checks own what a port must know before a box may leave: pure functions of facts, claims, parameters, time.

Nothing here names a table, a column, a code word or a language.
"""

from pilothouse_port.checks import authorities, box, money, papers
from pilothouse_port.checks.box import counted_days
from pilothouse_port.checks.papers import same_name
from pilothouse_port.checks.rules import (
    CHECK_IDS,
    TEXT_OUTCOMES,
    Check,
    Params,
    Rule,
    See,
    check_of,
    compare_check,
)

__all__ = [
    "CHECK_IDS",
    "TEXT_OUTCOMES",
    "Check",
    "Params",
    "Rule",
    "See",
    "check_of",
    "compare_check",
    "counted_days",
    "same_name",
]

_REGISTERED = (authorities, box, money, papers)
