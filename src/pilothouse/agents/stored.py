"""Owns what a session leaves behind: how far each step came, and all that must be stored to go on."""

from __future__ import annotations

from dataclasses import dataclass

from pilothouse.agents.plans.plan import Plan
from pilothouse.agents.tools import ToolFailure
from pilothouse.agents.values import Value
from pilothouse.kernel import wired
from pilothouse.labels import Handle, Label

__all__ = ["Advance", "Saved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """What one step of the plan came to.

    Attributes:
        step: Its name.
        state: ``done``, ``skipped`` (its conditions did not hold) or ``failed``.
        handle: Of the result, if there is one.
        failure: Why it failed.
    """

    step: str
    state: str
    handle: Handle | None = None
    failure: ToolFailure | None = None


@wired("agents.saved")
@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A session as it is stored with its run, to go on elsewhere with all it has seen.

    Attributes:
        run: The run.
        pc: What the context has seen.
        clean: What the plan was bound under; None without a plan.
        plan: The plan.
        place: The next step.
        results: Of earlier steps.
        values: What handles stand for.
        spent: Bits learned, by source.
        counts: Calls, sub-agents, questions of the family, and how deep this one is.
        refused: Calls that a person rejected.
        principal: Who it acts for, and through which agents; nobody else may go on.
        touched: The join of all that the session and its sub-agents obtained, in clear or not.
    """

    run: str
    pc: Label
    clean: Label | None
    plan: Plan | None
    place: int
    results: dict[str, Value]
    values: dict[str, Value]
    spent: dict[str, float]
    counts: tuple[int, ...]
    refused: frozenset[str]
    principal: tuple[str, ...]
    touched: Label
