"""Decisions owns what a person is asked, on which evidence, and what the answer is good for."""

from pilothouse.decisions.ports import Follower, Resumer
from pilothouse.decisions.subject import Bound, Change, bind, row_key, row_versions
from pilothouse.decisions.types import (
    Answer,
    Approval,
    Decision,
    Evidence,
    ItemState,
    Proposal,
    Reason,
    Verdict,
)

__all__ = [
    "Answer",
    "Approval",
    "Bound",
    "Change",
    "Decision",
    "Evidence",
    "Follower",
    "ItemState",
    "Proposal",
    "Reason",
    "Resumer",
    "Verdict",
    "bind",
    "row_key",
    "row_versions",
]
