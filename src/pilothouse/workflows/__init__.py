"""Workflows owns what authors write: workflow, step, decide, perform, source and the verbs around them.

``app.py`` calls :func:`bind` with engine, sources, inbox and door.
"""

from pilothouse.decisions import Answer, Evidence
from pilothouse.engine import (
    Catalog,
    QueueSpec,
    Rate,
    Retry,
    emit,
    gather,
    new_id,
    now,
    patched,
    random,
)
from pilothouse.workflows.agents import run_agent
from pilothouse.workflows.deciding import decide
from pilothouse.workflows.declare import WORKFLOWS, Step, Workflow, step, workflow
from pilothouse.workflows.flow import configured, said
from pilothouse.workflows.flow.check import Flow, FlowTable, check_flows
from pilothouse.workflows.performing import perform
from pilothouse.workflows.reading import read_document
from pilothouse.workflows.resources import EngineResumer, Resources, bind, bound, unbind
from pilothouse.workflows.rules import Broken, broken_rules
from pilothouse.workflows.running import Signal, child, continue_as, schedule, sleep, trigger, wait_for
from pilothouse.workflows.sourcing import Source, source
from pilothouse.workflows.tools import TOOLS, Call, Tool, effect, effect_call
from pilothouse.workflows.versions import DeclaredVersions, version_of

__all__ = [
    "TOOLS",
    "WORKFLOWS",
    "Answer",
    "Broken",
    "Call",
    "Catalog",
    "DeclaredVersions",
    "EngineResumer",
    "Evidence",
    "Flow",
    "FlowTable",
    "QueueSpec",
    "Rate",
    "Resources",
    "Retry",
    "Signal",
    "Source",
    "Step",
    "Tool",
    "Workflow",
    "bind",
    "bound",
    "broken_rules",
    "check_flows",
    "child",
    "configured",
    "continue_as",
    "decide",
    "effect",
    "effect_call",
    "emit",
    "gather",
    "new_id",
    "now",
    "patched",
    "perform",
    "random",
    "read_document",
    "run_agent",
    "said",
    "schedule",
    "sleep",
    "source",
    "step",
    "trigger",
    "unbind",
    "version_of",
    "wait_for",
    "workflow",
]
