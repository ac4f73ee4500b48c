"""Owns the traces of one project: its retention, and what of a decision its effects add to the graph."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pilothouse.kernel import SYSTEM, UsageError

if TYPE_CHECKING:
    from pilothouse.app.identity import Identity
    from pilothouse.app.project import Project
    from pilothouse.kernel import Authority
    from pilothouse.storage import Database
    from pilothouse.traces import Traces
    from pilothouse.traces.adapters.collector import Collector

__all__ = ["open_export", "open_project_traces"]


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


@contextlib.asynccontextmanager
async def open_export(
    project: Project, database: Database, identity: Identity
) -> AsyncGenerator[tuple[Callable[[], Awaitable[object]], ...]]:
    """Yield the duty that sends own spans on to the collector of ``[traces.export]``, if one is named.

    ``url`` is its ``/v1/traces``; ``headers`` are secrets by reference. That spans leave is recorded.

    Raises:
        UsageError: ``project.invalid``, ``traces.collector``.
    """
    section = project.section("traces").get("export")
    if section is None:
        yield ()
        return
    from pilothouse.audit import AuditEntry, record
    from pilothouse.traces.adapters.collector import CollectorExport

    collector = _collector(section, project, identity)
    body = {"host": collector.host}
    await record(database, AuditEntry(kind="traces.exporting", actor=SYSTEM.id, body=body))
    export = CollectorExport(database, collector)
    try:
        yield (export.sweep,)
    finally:
        await export.close()


def _collector(section: object, project: Project, identity: Identity) -> Collector:
    from pydantic import TypeAdapter, ValidationError

    from pilothouse.connectors import SecretReferences
    from pilothouse.traces.adapters.collector import Collector

    try:
        fields = TypeAdapter(dict[str, str | dict[str, str]]).validate_python(section)
        url, headers = fields["url"], fields.get("headers", {})
        if not isinstance(url, str) or not isinstance(headers, dict) or fields.keys() - {"url", "headers"}:
            raise KeyError("url")
    except (ValidationError, KeyError) as error:
        raise UsageError(
            "[traces.export] takes `url` and a table `headers` of secret references", code="project.invalid"
        ) from error
    secrets = SecretReferences(base=project.folder, reveal=identity.secrets.reveal)
    shown = {name: secrets.resolve(value) for name, value in headers.items()}
    return Collector(url=url, headers=shown)


def _days(section: dict[str, Any]) -> dict[str, int]:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(dict[str, int]).validate_python(section.get("days", {}), strict=True)
    except ValidationError as error:
        raise UsageError(
            f"[traces.days] must be whole numbers of days by workflow, not {section.get('days')!r}",
            code="project.invalid",
        ) from error
