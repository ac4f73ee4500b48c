"""Agents own the dynamic graph: specs, the loop over a model, plans, handles, tools behind the door."""

from pilothouse.agents.asking import Asker, InboxAsker
from pilothouse.agents.calling import DoorPort
from pilothouse.agents.connected import SourceTools, ToolSource
from pilothouse.agents.loop.house import Agents
from pilothouse.agents.loop.result import AgentResult, AgentUse
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
from pilothouse.agents.plans.written import plan_from
from pilothouse.agents.reading import Careful, Reader
from pilothouse.agents.session import Session
from pilothouse.agents.specs.declared import declare_agents
from pilothouse.agents.specs.published import Published, Shelf
from pilothouse.agents.specs.spec import AgentBudget, AgentSpec, spec_from
from pilothouse.agents.stored import Advance, Saved
from pilothouse.agents.tools import CALLER, ActTool, ReadTool, Returns, Toolbox, ToolFailure
from pilothouse.agents.values import Value

__all__ = [
    "CALLER",
    "ActTool",
    "Advance",
    "AgentBudget",
    "AgentResult",
    "AgentSpec",
    "AgentUse",
    "Agents",
    "Asker",
    "Careful",
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
    "Published",
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
    "Shelf",
    "SourceTools",
    "Step",
    "Text",
    "ToolFailure",
    "ToolSource",
    "Toolbox",
    "Value",
    "Where",
    "declare_agents",
    "lookup",
    "plan",
    "plan_from",
    "spec_from",
    "step",
    "text",
    "where",
]
