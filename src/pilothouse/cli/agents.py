"""The verbs of agents: ``list``, ``show``, ``publish``, ``tools`` and ``run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, table
from pilothouse.cli.console import run as wait

if TYPE_CHECKING:
    from pilothouse.registry import Asset

__all__ = ["register"]

app = typer.Typer(help="Agents: what they are told, what they may, and running one.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="An agent; NAME@3 for a version.")]


def register(cli: typer.Typer) -> None:
    """Add the verbs to ``cli``."""
    cli.add_typer(app, name="agents")


@app.command(name="list")
def list_agents(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """Show every published version, and the agents of the project's code."""

    async def found() -> tuple[list[dict[str, Any]], tuple[str, ...]]:
        from pilothouse.app import open_studio

        async with open_studio(project, work=False) as studio:
            shelf = studio.agents.shelf
            return [_brief(asset) for asset in await shelf.listed()], shelf.names()

    published, code = wait(found())
    rows = published + [
        {"agent": name, "version": "code", "approved": True, "tools": [], "by": ""} for name in code
    ]
    columns = ("agent", "version", "approved", "tools", "by")
    empty = "No agents yet: write one as TOML, then `pilothouse agents publish FILE`."
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    emit(rows, as_json=json, show=lambda: table("agents", columns, cells, empty=empty))


@app.command()
def show(name: NameArgument, *, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """Show one agent: its words, tools, rights and budget."""

    async def found() -> dict[str, Any]:
        from pilothouse.app import open_studio

        async with open_studio(project, work=False) as studio:
            version = await studio.agents.shelf.version(name)
            agent = await studio.agents.shelf.find(name.partition("@")[0], version)
            return {"id": agent.id, **agent.spec.body()}

    body = wait(found())
    emit(
        body, as_json=json, show=lambda: table(body["id"], ("", ""), [(k, _cell(v)) for k, v in body.items()])
    )


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="A spec as TOML.")],
    *,
    draft: Annotated[
        bool, typer.Option("--draft", help="Store it, but let the approved version run on.")
    ] = False,
    acting: AsOption = None,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Publish a version of an agent; the same words again are the same version."""

    async def published() -> dict[str, Any]:
        from pilothouse.app import open_studio, read_spec

        spec = read_spec(file)
        async with open_studio(project, acting=acting, work=False) as studio:
            asset = await studio.agents.shelf.publish(spec, studio.principal, approve=not draft)
            return _brief(asset)

    found = wait(published())
    emit(found, as_json=json, show=lambda: f"{found['agent']}@{found['version']}")


@app.command()
def tools(*, acting: AsOption = None, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """Show the names that a spec may use, of the code and of every source that answers."""

    async def found() -> list[str]:
        from pilothouse.app import open_studio

        async with open_studio(project, acting=acting, work=False) as studio:
            return list(await studio.agents.all_tools(studio.principal))

    names = wait(found())
    emit(
        names, as_json=json, show=lambda: "\n".join(names) or "No source answers, and the code has no tools."
    )


@app.command()
def run(
    name: NameArgument,
    request: Annotated[str, typer.Argument(help="What you want.")],
    *,
    key: Annotated[str, typer.Option("--key", help="The same key again is the same run.")] = "",
    within: Annotated[float, typer.Option("--within", help="Seconds to wait here; the run goes on.")] = 600.0,
    acting: AsOption = None,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Run an agent for you; it may ask you in the inbox before it does anything."""
    found = wait(_run(name, request, key, within, acting, project))

    def shown() -> str:
        if found["state"] == "done":
            return _cell(found["answer"])
        told = f"run {found['run']} is {found['state']}; see `pilothouse show {found['run']}`"
        return f"{told}\nIt waits for an answer: `pilothouse inbox`." if found["state"] == "parked" else told

    emit(found, as_json=json, show=shown)


async def _run(
    name: str, request: str, key: str, within: float, acting: str | None, project: Path
) -> dict[str, Any]:
    from pilothouse.app import ALONE, open_studio
    from pilothouse.kernel import new_id
    from pilothouse.labels import typed

    async with open_studio(project, acting=acting) as studio:
        key = key or str(new_id())
        label = typed(studio.principal.id, key)
        started = await studio.engine.start(
            ALONE,
            {"agent": name, "request": request},
            key=key,
            principal=studio.principal,
            label=label,
        )
        ended = await studio.settle(started.id, within=within)
        found: dict[str, Any] = {"run": str(ended.id), "state": ended.state}
        if ended.state in ("done", "failed", "cancelled"):
            found |= await studio.engine.result(ended.id)
        return found


def _brief(asset: Asset) -> dict[str, Any]:
    from pilothouse.registry import APPROVED

    return {
        "agent": asset.name,
        "version": asset.version,
        "approved": APPROVED in asset.tags,
        "tools": asset.body.get("tools", []),
        "by": asset.created_by,
    }


def _cell(value: object) -> str:
    import json

    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
