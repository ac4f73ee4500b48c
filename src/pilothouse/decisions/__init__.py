"""Decisions owns what a person is asked, on which evidence, and what the answer is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.decisions.answering.approvals import VOID, find_approval, use_approval
from pilothouse.decisions.answering.labels import answer_label
from pilothouse.decisions.asking.seeds import Catches, catches
from pilothouse.decisions.inbox import Inbox
from pilothouse.decisions.items import InboxFilter, Item, ItemView, Page, Sort
from pilothouse.decisions.ladder import (
    Certificate,
    ClassRule,
    Drop,
    Ladder,
    LadderPolicy,
    LadderView,
    Move,
    Rung,
    Selection,
    Standing,
    Unit,
    Waiver,
    binomial_tail,
    select,
)
from pilothouse.decisions.people.duties import insufficient, involved
from pilothouse.decisions.people.quorum import unmet
from pilothouse.decisions.people.sight import MASK
from pilothouse.decisions.people.standing import Delegation, Delegations
from pilothouse.decisions.ports import Follower, Previewer, Reminder, Resumer
from pilothouse.decisions.proposal import SEEDED, Decision, Granted, Proposal
from pilothouse.decisions.record import EvidenceRow, evidence_rows, find_decision, find_ids, lineage, sentence
from pilothouse.decisions.subject import Bound, Change, bind, row_key, row_versions
from pilothouse.decisions.types import (
    Answer,
    Approval,
    Escalation,
    Evidence,
    ItemState,
    Quorum,
    Reason,
    Verdict,
)

if TYPE_CHECKING:
    from pilothouse.decisions.settings import DecisionsSettings

__all__ = [
    "MASK",
    "SEEDED",
    "VOID",
    "Answer",
    "Approval",
    "Bound",
    "Catches",
    "Certificate",
    "Change",
    "ClassRule",
    "Decision",
    "DecisionsSettings",
    "Delegation",
    "Delegations",
    "Drop",
    "Escalation",
    "Evidence",
    "EvidenceRow",
    "Follower",
    "Granted",
    "Inbox",
    "InboxFilter",
    "Item",
    "ItemState",
    "ItemView",
    "Ladder",
    "LadderPolicy",
    "LadderView",
    "Move",
    "Page",
    "Previewer",
    "Proposal",
    "Quorum",
    "Reason",
    "Reminder",
    "Resumer",
    "Rung",
    "Selection",
    "Sort",
    "Standing",
    "Unit",
    "Verdict",
    "Waiver",
    "answer_label",
    "bind",
    "binomial_tail",
    "catches",
    "evidence_rows",
    "find_approval",
    "find_decision",
    "find_ids",
    "insufficient",
    "involved",
    "lineage",
    "row_key",
    "row_versions",
    "select",
    "sentence",
    "unmet",
    "use_approval",
]


def __getattr__(name: str) -> object:
    """Import the settings only when asked for: Pydantic is costly to start."""
    if name == "DecisionsSettings":
        from pilothouse.decisions.settings import DecisionsSettings

        return DecisionsSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
