"""Owns run_agent(): an agent works at the top level of a workflow, with the labels of what it is given."""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, cast

from pilothouse import engine
from pilothouse.kernel import Json, PilothouseError, UsageError
from pilothouse.labels import Label, Labelled, join
from pilothouse.workflows.flow import Site, live, site_of, verb
from pilothouse.workflows.resources import bound

if TYPE_CHECKING:
    from pilothouse.agents import AgentResult, AgentSpec, Value

__all__ = ["run_agent"]

_ORDER = {"agent": 0, "request": 1, "given": 2}


@verb("step")
def run_agent(
    agent: AgentSpec | str,
    request: str,
    given: Mapping[str, Json | Labelled | Value] | None = None,
    *,
    may_fail: bool = False,
) -> Coroutine[Any, Any, AgentResult]:
    """Run an agent; every call of a model or a tool is recorded, and a question to a person parks the run.

    Args:
        agent: A spec, or the name of a published one; ``name@3`` for a version.
        request: What is wanted. Write it in the workflow: words that come from data are no orders.
        given: Data that it works on, each under the label that flowed into it.
        may_fail: Return a result that names the error in ``failed``, without an answer, in place of raising
            it: for a workflow that goes on without the agent.

    Returns:
        The answer; its label rules what may be done with it.

    Raises:
        LimitError: A budget of the spec is used up; the code names which.
        DataError: ``agents.output``: it gave no answer of its form.
        UsageError: ``agents.no_agent``, ``agents.no_tool``, ``engine.not_top_level``.
    """
    return _run(site_of(sys._getframe(1)), agent, request, dict(given or {}), may_fail)  # pyright: ignore[reportPrivateUsage]


async def _run(
    site: Site | None,
    agent: AgentSpec | str,
    request: str,
    given: Mapping[str, Json | Labelled | Value],
    may_fail: bool,
) -> AgentResult:
    if engine.place() not in ("top", "branch"):
        raise UsageError(
            "run_agent() stands at the top level of a workflow, or in a gather()", code="engine.not_top_level"
        )
    flow = live()
    pc = flow.pc(site)
    labels = flow.arguments(site, ("request", "given"), _ORDER)
    data = join(pc, labels["given"])
    try:
        result = cast(
            "AgentResult",
            await bound()
            .need("agents")
            .run(
                agent,
                request,
                principal=engine.acting(),
                given=given,
                label=join(pc, labels["request"]),
                labels=dict.fromkeys(given, data),
            ),
        )
    except PilothouseError as error:
        # That it failed, and of what, says something of all that it may have read.
        rests = join(pc, data, engine.low_water())
        flow.note(site, rests)
        if not may_fail:
            raise
        return _failed(agent, error, rests)
    flow.note(site, join(pc, result.label))
    return result


def _failed(agent: AgentSpec | str, error: PilothouseError, label: Label) -> AgentResult:
    from pilothouse.agents import AgentResult, AgentUse, Value

    name = agent if isinstance(agent, str) else agent.name
    nothing = Value(data=None, label=label)
    return AgentResult(agent=name, answer=nothing, use=AgentUse(), failed=error.code)
