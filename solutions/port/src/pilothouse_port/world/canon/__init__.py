"""Owns the hidden truth of a made world: who, what, when, and what is wrong; no system sees it whole."""

from pilothouse_port.world.canon.build import SIZES, Canon, build_canon, stream
from pilothouse_port.world.canon.policy import (
    ROWS,
    TEXT_OUTCOMES,
    VERDICTS,
    Parameters,
    Policy,
    Rule,
    Special,
    Verdict,
)
from pilothouse_port.world.canon.types import (
    Bill,
    Consignment,
    Container,
    Mail,
    Party,
    Port,
    Profile,
    Remark,
    Size,
)
from pilothouse_port.world.canon.written import PAST, History, Ticket

__all__ = [
    "PAST",
    "ROWS",
    "SIZES",
    "TEXT_OUTCOMES",
    "VERDICTS",
    "Bill",
    "Canon",
    "Consignment",
    "Container",
    "History",
    "Mail",
    "Parameters",
    "Party",
    "Policy",
    "Port",
    "Profile",
    "Remark",
    "Rule",
    "Size",
    "Special",
    "Ticket",
    "Verdict",
    "build_canon",
    "stream",
]
