"""Owns what workflows use and do not own: engine, sources, inbox, door. ``app.py`` binds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse import engine as _engine
from pilothouse.kernel import ConflictError, UsageError

if TYPE_CHECKING:
    from pilothouse.agents import Agents
    from pilothouse.connectors import Sources
    from pilothouse.decisions import Answer, Inbox
    from pilothouse.documents import Documents
    from pilothouse.effects import Door
    from pilothouse.engine import Engine
    from pilothouse.storage import Tx

__all__ = ["EngineResumer", "Resources", "bind", "bound", "unbind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What the workflows of one engine work with.

    Attributes:
        engine: Where they run.
        sources: For ``source()``.
        inbox: For ``decide()``.
        door: For ``perform()``.
        agents: For ``run_agent()``.
        documents: For ``read_document()``.
    """

    engine: Engine
    sources: Sources | None = None
    inbox: Inbox | None = None
    door: Door | None = None
    agents: Agents | None = None
    documents: Documents | None = None

    def need(self, name: str) -> Any:
        """Return a resource.

        Raises:
            UsageError: ``workflows.unbound``.
        """
        found = getattr(self, name)
        if found is None:
            raise UsageError(
                f"no {name} is bound to this engine; open it through the studio", code="workflows.unbound"
            )
        if name == "sources":
            from pilothouse.workflows.flow import NotedSources

            return NotedSources(found)
        return found


_default: Resources | None = None


def bind(resources: Resources) -> Resources:
    """Bind ``resources`` to their engine and make them the default outside of runs.

    Declared tools are registered at the door, and the inbox gets its way to resume runs.
    """
    global _default  # noqa: PLW0603 - one studio a process is the rule; runs find theirs through their engine
    resources.engine.resources = resources
    _default = resources
    if resources.inbox is not None:
        resources.inbox.bind(resumer=EngineResumer(resources.engine))
    if resources.door is not None:
        from pilothouse.workflows.tools import TOOLS

        for tool in TOOLS.values():
            resources.door.register(tool.spec, tool.handler)
    return resources


def unbind(resources: Resources) -> None:
    """Forget ``resources``."""
    global _default  # noqa: PLW0603
    resources.engine.resources = None
    if _default is resources:
        _default = None


def bound() -> Resources:
    """Return the resources of the current run's engine, outside of runs the default ones.

    Raises:
        UsageError: ``workflows.unbound``.
    """
    found = _engine.resources() if _engine.in_run() else None
    found = found or _default
    if found is None:
        raise UsageError(
            "nothing is bound: open a studio, or call workflows.bind()", code="workflows.unbound"
        )
    return found


class EngineResumer:
    """Lets the inbox resume runs; a wait that was met or withdrawn before is left as it is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def resume(self, tx: Tx, run: str, key: str, value: Answer) -> bool:
        """Meet the wait; True if this answer is the one that counts."""
        try:
            ref = _engine.WaitRef(run=UUID(run), key=key)
            return (await self._engine.resume(ref, value, tx=tx)).fresh
        except ConflictError:
            return False
