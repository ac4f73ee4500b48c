"""Owns the agents of one project: its specs, its connectors as tools, the workflow that runs one alone."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from pilothouse.agents import Agents, AgentSpec
    from pilothouse.app.identity import Identity
    from pilothouse.app.project import Project
    from pilothouse.connectors import Sources
    from pilothouse.decisions import Inbox
    from pilothouse.effects import Door
    from pilothouse.kernel import Authority
    from pilothouse.models import ChatEvent, ChatModel, ChatRequest
    from pilothouse.workflows import Workflow

__all__ = ["ALONE", "NoModel", "agents_of", "read_spec", "work_alone"]

ALONE = "agents.run"
"""The workflow behind `pilothouse agents run`."""


@functools.cache
def work_alone() -> Workflow[..., Any]:
    """Return the workflow that runs one agent by itself, for the person who asks."""
    from pilothouse.workflows import run_agent, workflow

    @workflow(name=ALONE)
    async def alone(agent: str, request: str) -> dict[str, Any]:
        found = await run_agent(agent, request)
        return {
            "agent": found.agent,
            "answer": found.value,
            "integrity": found.label.integrity.name.lower(),
            "readers": sorted(found.label.readers),
            "calls": found.use.calls,
            "tokens": found.use.prompt_tokens + found.use.output_tokens,
            "cost": str(found.use.cost),
            "files": sorted(found.files),
            "degraded": found.degraded,
        }

    return alone


class NoModel:
    """Stands where no model is connected; says how to connect one."""

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatEvent]:
        """Refuse.

        Raises:
            UsageError: ``agents.no_model``.
        """
        raise UsageError(
            f"no model is connected, so nobody answers the task {request.task!r}; add [models] to "
            "pilothouse.toml, see `pilothouse models`",
            code="agents.no_model",
        )
        yield  # pragma: no cover - what makes this a generator


def agents_of(
    project: Project,
    *,
    model: ChatModel | None,
    door: Door,
    inbox: Inbox,
    sources: Sources,
    identity: Identity,
    authority: Authority,
) -> Agents:
    """Return the agents of a project.

    ``[agents.effects."<source>.<tool>"]`` of the project file declares what a source's tool does; without it
    the tool is irreversible, and only the requester's own words may fill it.

    Raises:
        UsageError: ``project.invalid``.
    """
    from pilothouse.agents import Agents, Shelf, SourceTools
    from pilothouse.agents.specs.declared import SPECS, TOOLS

    # Registered before anything runs: a run that was left behind may be one of these.
    work_alone()
    declared = project.section("agents").get("effects", {})
    if not isinstance(declared, dict):
        raise UsageError(f"[agents.effects] must hold tables, not {declared!r}", code="project.invalid")
    found = SourceTools(sources, door, cast("Mapping[str, Mapping[str, Any]]", declared))
    return Agents(
        model=model or NoModel(),
        door=door,
        shelf=Shelf(identity.assets, tuple(SPECS.values())),
        tools=tuple(TOOLS.values()),
        inbox=inbox,
        authority=authority,
        sources=(found,),
    )


def read_spec(path: Path) -> AgentSpec:
    """Return the spec of a TOML file; ``instructions`` may stand in a file beside it (``file:words.md``).

    Raises:
        UsageError: ``agents.spec``: it cannot be read, or is no spec.
    """
    import tomllib

    from pilothouse.agents import spec_from

    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
        words = body.get("instructions")
        if isinstance(words, str) and words.startswith("file:"):
            body["instructions"] = (path.parent / words.removeprefix("file:")).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(path)!r} is no spec: {error}", code="agents.spec") from None
    return spec_from(body)
