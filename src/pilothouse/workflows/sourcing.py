"""Owns source(): reading and writing systems of record with the rights of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pilothouse import engine
from pilothouse.kernel import Principal, UsageError
from pilothouse.workflows.resources import bound
from pilothouse.workflows.tools import calling

if TYPE_CHECKING:
    from pilothouse.connectors import ObjectSchema, Query, Row

__all__ = ["Source", "source"]


class Source:
    """One declared source, used as the run's principal."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def read(self, query: Query) -> list[Row]:
        """Return the rows that match; see :class:`~pilothouse.connectors.Connector`.

        Raises:
            UnavailableError: The source is down or slow; the step is tried again.
            DataError: It answers with rubbish.
            DeniedError: The run's owner may not read it.
        """
        return cast("list[Row]", await bound().need("sources").read(_who(), self.name, query))

    async def objects(self) -> list[ObjectSchema]:
        """Return what the source holds."""
        return cast("list[ObjectSchema]", await bound().need("sources").objects(_who(), self.name))

    async def write(self, tool: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Call a writing tool of the source; only inside a tool declared with ``@effect``.

        Raises:
            UsageError: ``workflows.outside_tool``.
        """
        call = calling()
        if call is None:
            raise UsageError(
                f"source({self.name!r}).write() changes the world: do it in an @effect and perform() that",
                code="workflows.outside_tool",
            )
        sources = bound().need("sources")
        found = await sources.write(call.principal, self.name, tool, dict(args), effect_id=call.effect_id)
        return cast("dict[str, Any]", found)


def source(name: str) -> Source:
    """Return the source ``name`` for use inside a step or a tool.

    Raises:
        UsageError: ``workflows.source_outside_step``: reading in the workflow itself could not be replayed.
    """
    if calling() is None and engine.place() not in ("step", "outside"):
        raise UsageError(
            f"source({name!r}) is used in the workflow itself; move the reading into a @step",
            code="workflows.source_outside_step",
        )
    return Source(name)


def _who() -> Principal:
    call = calling()
    if call is not None:
        return call.principal
    if engine.in_run():
        return engine.acting()
    raise UsageError(
        "source() reads as the owner of a run; outside a run use Sources.read()", code="workflows.no_run"
    )
