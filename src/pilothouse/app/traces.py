"""Owns the traces of one project: its retention, and what of a decision its effects add to the graph."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from pilothouse.app.project import Project
    from pilothouse.kernel import Authority
    from pilothouse.storage import Database
    from pilothouse.traces import Traces

__all__ = ["open_project_traces"]


@contextlib.asynccontextmanager
async def open_project_traces(
    project: Project, database: Database, authority: Authority
) -> AsyncGenerator[Traces]:
    """Store the spans of this process until the end of the block.

    ``[traces.days]`` of the project file names days of single workflows, and of foreign accounts as
    ``"from.ACCOUNT"``.

    Raises:
        UsageError: ``project.invalid``.
    """
    from pilothouse.traces import open_traces

    keep = _days(project.section("traces"))
    async with open_traces(database, authority=authority, keep=keep) as traces:
        yield traces


def _days(section: dict[str, Any]) -> dict[str, int]:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(dict[str, int]).validate_python(section.get("days", {}), strict=True)
    except ValidationError as error:
        raise UsageError(
            f"[traces.days] must be whole numbers of days by workflow, not {section.get('days')!r}",
            code="project.invalid",
        ) from error
