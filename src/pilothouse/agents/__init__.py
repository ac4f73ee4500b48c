"""Agents own the dynamic graph: plans, handles, typed quarantined answers, tools called through the door."""

from pilothouse.agents.asking import Asker, InboxAsker
from pilothouse.agents.calling import DoorPort
from pilothouse.agents.notes import KeptNotes, Notes
from pilothouse.agents.plans.expressions import (
    Choose,
    Count,
    Draft,
    Expression,
    Find,
    Fold,
    From,
    Given,
    Item,
    Lookup,
    Pick,
    Question,
    Recall,
    Said,
    Same,
    Several,
    Text,
    Where,
    lookup,
    text,
    where,
)
from pilothouse.agents.plans.plan import Plan, Step, plan, step
from pilothouse.agents.reading import Reader
from pilothouse.agents.session import Session
from pilothouse.agents.stored import Advance, Saved
from pilothouse.agents.tools import CALLER, ActTool, ReadTool, Returns, Toolbox, ToolFailure
from pilothouse.agents.values import Value

__all__ = [
    "CALLER",
    "ActTool",
    "Advance",
    "Asker",
    "Choose",
    "Count",
    "DoorPort",
    "Draft",
    "Expression",
    "Find",
    "Fold",
    "From",
    "Given",
    "InboxAsker",
    "Item",
    "KeptNotes",
    "Lookup",
    "Notes",
    "Pick",
    "Plan",
    "Question",
    "ReadTool",
    "Reader",
    "Recall",
    "Returns",
    "Said",
    "Same",
    "Saved",
    "Session",
    "Several",
    "Step",
    "Text",
    "ToolFailure",
    "Toolbox",
    "Value",
    "Where",
    "lookup",
    "plan",
    "step",
    "text",
    "where",
]
