"""The verb ``sources``: which systems are declared, whether they answer, what they hold."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, run, table
from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pilothouse.connectors import Health, ObjectSchema, Row, Sources

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to ``app``."""
    app.command(name="sources")(sources)


def sources(
    source: Annotated[str | None, typer.Argument(help="Show what this source holds.")] = None,
    object: Annotated[str | None, typer.Argument(help="Show rows of this table, file or resource.")] = None,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="Rows to show.")] = 5,
    sql: Annotated[
        str | None, typer.Option("--sql", help="Ask the source this SELECT, over what you may see.")
    ] = None,
    findings: Annotated[bool, typer.Option("--findings", help="Show what is damaged or ambiguous.")] = False,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """List the sources with their health; name one to see its objects; name an object to see rows."""
    if sql is not None:
        run(_ask(source, sql, limit, project, acting, json))
        return
    run(_sources(source, object, limit, findings, project, acting, json))


async def _ask(
    source: str | None, sql: str, limit: int, folder: Path, acting: str | None, json: bool
) -> None:
    from pilothouse.app import open_sources

    if source is None:
        raise UsageError("--sql needs a source; name it before the option", code="sources.arguments")
    async with open_sources(folder, acting=acting) as (declared, principal):
        rows = await declared.select(principal, source, sql)
        emit(rows, as_json=json, show=lambda: _answer(source, rows, limit))


def _answer(source: str, rows: list[Row], limit: int) -> RenderableType:
    title = f"{limit} of {len(rows)} rows" if len(rows) > limit else "answer"
    return _rows(source, title, rows[:limit], empty="No rows that you may see.")


async def _sources(
    source: str | None,
    object: str | None,
    limit: int,
    findings: bool,
    folder: Path,
    acting: str | None,
    json: bool,
) -> None:
    from pilothouse.app import open_sources

    async with open_sources(folder, acting=acting) as (declared, principal):
        if source is None:
            health = await asyncio.gather(*(declared.health(name) for name in declared.names()))
            emit(list(health), as_json=json, show=lambda: _health(declared, health))
        elif findings:
            found = await declared.findings(principal, source, object=object)
            rows = [[f.severity, f.object, f.message] for f in found]
            columns = ["", "object", "finding"]
            emit(found, as_json=json, show=lambda: table(source, columns, rows, empty="No findings."))
        elif object is None:
            objects = await declared.objects(principal, source)
            emit(objects, as_json=json, show=lambda: _objects(source, objects))
        else:
            sample = await declared.sample(principal, source, object, n=limit)
            if not sample:
                _refuse_without_arguments(await declared.objects(principal, source), object)
            emit(sample, as_json=json, show=lambda: _rows(source, object, sample))


def _refuse_without_arguments(objects: list[ObjectSchema], object: str) -> None:
    """An object that answers only to arguments is not empty; say so."""
    needed = next((o.required for o in objects if o.name == object), ())
    if needed:
        raise UsageError(
            f"{object!r} answers only to {', '.join(needed)}; it cannot be listed, only asked by a workflow",
            code="sources.arguments",
        )


def _health(declared: Sources, health: list[Health]) -> RenderableType:
    rows = [
        [h.source, declared.kind(h.source), h.state, f"{h.seconds * 1000:.0f} ms", h.message] for h in health
    ]
    return table(
        "sources",
        ["source", "kind", "state", "answer", "message"],
        rows,
        empty="No sources; add [sources.NAME] to pilothouse.toml (docs/how-to/connect-a-database.md).",
    )


def _objects(source: str, objects: list[ObjectSchema]) -> RenderableType:
    rows = [[o.name, ", ".join(f.name for f in o.fields), ", ".join(o.key), o.row_count] for o in objects]
    return table(
        source, ["object", "fields", "key", "rows"], rows, empty=f"{source} answers but holds nothing."
    )


def _rows(source: str, object: str, sample: list[Row], *, empty: str = "") -> RenderableType:
    fields: list[str] = list(dict.fromkeys(name for row in sample for name in row.values))
    cells: list[list[Any]] = [[row.values.get(name) for name in fields] for row in sample]
    return table(f"{source} {object}", fields, cells, empty=empty or f"{object} exists and is empty.")
