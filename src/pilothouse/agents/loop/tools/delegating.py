"""Owns asking another agent: a context of its own, its own label, one answer that is a handle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pilothouse.agents.loop.conversation.shown import strings
from pilothouse.agents.loop.meter import Meter
from pilothouse.kernel import LimitError
from pilothouse.labels import Handle, Label, join

if TYPE_CHECKING:
    from pilothouse.agents.loop.running import AgentRun
    from pilothouse.agents.specs.published import Published

__all__ = ["delegate"]

Shows = tuple[str, Label]


async def delegate(run: AgentRun, helper: Published, args: Mapping[str, Any]) -> Shows:
    """Let ``helper`` work on a message and handles; return its answer as this agent is shown it.

    Raises:
        LimitError: ``agents.depth``: agents call agents deeper than the spec allows.
    """
    run.meter.deeper()
    session, shown = run.session, run.shown
    handles = [shown.handle(one) for one in strings(args, "handles")]
    request, asked = str(args.get("message", "")), session.outside
    acting = replace(run.chat.principal, agent=_both(run, helper))
    steps = run.chat.steps
    tools = await run.house.toolbox(helper.spec, steps, acting)
    child, _ = session.child(
        request, tools=tools, principal=acting, name=helper.spec.name, version=helper.version
    )
    meter = Meter(helper.id, helper.spec.budget, steps.now(), run.meter)
    chat = replace(
        run.chat, principal=acting, caller=helper.id, output_tokens=helper.spec.budget.output_tokens
    )
    inner = replace(
        run, agent=helper, session=child, tools=tools, chat=chat, meter=meter, request=request, asked=asked,
        given={f"handle {number}": session.held(one) for number, one in enumerate(handles, 1)},
    )  # fmt: skip
    try:
        ended = await run.house.drive(inner)
    except LimitError as error:
        # What a sub-agent may not use it did not get; whoever asked goes on and may try otherwise.
        if error.code in ("agents.depth", "agents.context") or _mine(run, meter):
            raise
        return f"failed: {error.code}", session.outside
    answer = ended.result.answer.under(ended.pc, which=ended.pc.integrity)
    handle: Handle = session.hold(answer)
    text, label = shown.result(handle)
    return text, join(label, session.outside)


def _mine(run: AgentRun, meter: Meter) -> bool:
    """Whether it is this agent's own budget, or one above it, that is used up."""
    try:
        now = run.chat.steps.now()
        run.meter.before_call(now)
        run.meter.before_tool(now)
    except LimitError:
        return True
    return False


def _both(run: AgentRun, helper: Published) -> Any:
    """Return the helper as a principal that may do no more than the agent that asks it."""
    return replace(helper.spec.principal(helper.version), agent=run.chat.principal.agent)
