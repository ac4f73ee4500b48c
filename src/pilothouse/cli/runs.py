"""The verbs of runs: ``run``, ``runs``, ``show``, ``workflows check``, ``cancel``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, run, table
from pilothouse.cli.inbox import parse_args
from pilothouse.kernel import UsageError, new_id

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pilothouse.app import Studio
    from pilothouse.engine import Run

__all__ = ["register"]

workflows = typer.Typer(help="The workflows of this project.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    app.command(name="run")(run_workflow)
    app.command()(runs)
    app.command()(show)
    app.command()(cancel)
    app.add_typer(workflows, name="workflows")


def run_workflow(
    workflow: Annotated[str, typer.Argument(help="Name of the workflow; `workflows list` shows them.")],
    *,
    args: Annotated[str, typer.Option("--args", metavar="JSON|@FILE", help="Its arguments by name.")] = "{}",
    key: Annotated[str | None, typer.Option(help="The same key again returns the same run.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait until it ends or asks somebody.")] = 30.0,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Start a run and follow it until it ends or waits for a person."""
    run(_run(workflow, args, key, wait, project, acting, json))


async def _run(
    workflow: str, args: str, key: str | None, wait: float, folder: Path, acting: str | None, json: bool
) -> None:
    from pilothouse.app import open_studio
    from pilothouse.workflows import said

    text = Path(args[1:]).read_text(encoding="utf-8") if args.startswith("@") else args
    async with open_studio(folder, acting=acting) as studio:
        who, key = studio.principal, key or f"cli:{new_id()}"
        # What a person typed here is theirs; what stands in a file may be anybody's words.
        typed = who.kind == "person" and not args.startswith("@")
        label = said(who, key) if typed else None
        started = await studio.engine.start(workflow, parse_args(text), key=key, principal=who, label=label)
        run = await studio.settle(started.id, within=wait)
        result = await studio.engine.result(run.id) if run.state == "done" else None
        emit(
            {"run": run.id, "state": run.state, "reason": run.reason, "result": result},
            as_json=json,
            show=lambda: _after(run, result),
        )


def _after(run: Run, result: object) -> str:
    if run.state == "done":
        return f"run {run.id} is done: {result!r}"
    if run.state == "parked":
        return f"run {run.id} waits for an answer: pilothouse inbox"
    return f"run {run.id} is {run.state} {run.reason or ''}: pilothouse show {run.id}"


def runs(
    *,
    state: Annotated[list[str] | None, typer.Option(help="Only these states; may be repeated.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only this workflow.")] = None,
    version: Annotated[str | None, typer.Option(help="Only this version.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """List runs, newest first, and how many are in each state."""
    run(_runs(state, workflow, version, limit, project, json))


async def _runs(
    state: list[str] | None, workflow: str | None, version: str | None, limit: int, folder: Path, json: bool
) -> None:
    from pilothouse.app import open_engine_only

    async with open_engine_only(folder) as engine:
        found = await engine.runs(states=state, workflow=workflow, version=version, limit=limit)
        counts = await engine.counts()
        emit(
            {"counts": counts, "runs": [_run_line(item) for item in found]},
            as_json=json,
            show=lambda: _runs_table(found, counts),
        )


def _run_line(item: Run) -> dict[str, Any]:
    names = ("id", "workflow", "version", "key", "state", "segment", "reason", "parent", "created", "ended")
    return {name: getattr(item, name) for name in names}


def _runs_table(found: list[Run], counts: dict[str, int]) -> RenderableType:
    title = " · ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "runs"
    rows = [
        [str(r.id)[-8:], r.workflow, r.key[-40:], r.state, f"{r.created:%d %b %H:%M:%S}", r.reason]
        for r in found
    ]
    empty = "No runs. Start one: pilothouse run WORKFLOW --args '{...}'"
    return table(title, ["id", "workflow", "key", "state", "started", "why"], rows, empty=empty)


def show(
    id: Annotated[str, typer.Argument(help="A run, proposal or effect; the last characters are enough.")],
    *,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Tell the whole story of a run, a proposal or an effect, from evidence to audit."""
    run(_show(id, project, json))


async def _show(id: str, folder: Path, json: bool) -> None:
    from pilothouse.app import open_studio
    from pilothouse.cli.inbox import story

    async with open_studio(folder, acting=None, work=False) as studio:
        if ":" in id:
            record = await story.told(studio, effect_id=id)
            emit(story.record_data(record), as_json=json, show=lambda: story.record_page(record))
            return
        found = await studio.engine.find_ids(id)
        if not found:
            record = await story.told(studio, proposal_id=await studio.find_proposal(id))
            emit(story.record_data(record), as_json=json, show=lambda: story.record_page(record))
            return
        await _show_run(studio, _only(id, found), json)


async def _show_run(studio: Studio, id: UUID, json: bool) -> None:
    from pilothouse.cli.inbox import story

    told = await story.run_story(studio, id)
    emit(told.data(), as_json=json, show=told.page)


def _only(text: str, found: list[UUID]) -> UUID:
    if len(found) > 1:
        raise UsageError(f"{text!r} fits {len(found)} runs; give more characters", code="runs.ambiguous")
    return found[0]


def cancel(
    id: Annotated[str, typer.Argument(help="The run; its last characters are enough.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it is shown and stays.")],
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Cancel a run and its children; an effect in flight ends and is recorded."""
    run(_cancel(id, reason, project, json))


async def _cancel(id: str, reason: str, folder: Path, json: bool) -> None:
    from pilothouse.app import open_engine_only

    async with open_engine_only(folder) as engine:
        found = await engine.find_ids(id)
        if not found:
            raise UsageError(f"there is no run {id!r}; see `pilothouse runs`", code="engine.unknown_run")
        run_id = _only(id, found)
        state = await engine.cancel(run_id, reason=reason)
        emit({"run": run_id, "state": state}, as_json=json, show=lambda: f"run {run_id} is {state}")


@workflows.command("list")
def list_workflows(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """List the declared workflows with their versions."""
    run(_list(project, json))


async def _list(folder: Path, json: bool) -> None:
    from pilothouse.app import find_project, load_modules, load_project
    from pilothouse.engine import CATALOG

    load_modules(load_project(find_project(folder)))
    found = [
        {"name": d.name, "version": d.version, "queue": d.queue}
        for d in sorted(CATALOG.definitions.values(), key=lambda d: d.name)
    ]
    rows = [[item["name"], item["version"], item["queue"]] for item in found]
    empty = "No workflows declared; write one in flows.py (docs/how-to/write-a-durable-workflow.md)."
    emit(
        found, as_json=json, show=lambda: table("workflows", ["name", "version", "queue"], rows, empty=empty)
    )


@workflows.command("check")
def check(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """Replay every waiting run against the installed code; exit 1 if one would not go on."""
    blocked = run(_check(project, json))
    if blocked:
        raise typer.Exit(1)


async def _check(folder: Path, json: bool) -> int:
    from pilothouse.app import open_studio

    async with open_studio(folder, acting=None, work=False) as studio:
        found = await studio.engine.check()
        data = [
            {
                name: getattr(c, name)
                for name in ("run", "workflow", "version", "offered", "verdict", "reason")
            }
            for c in found
        ]
        rows = [[str(c.run)[-8:], c.workflow, c.version, c.offered, c.verdict, c.reason] for c in found]
        columns = ["run", "workflow", "from", "to", "verdict", "why"]
        emit(data, as_json=json, show=lambda: table("waiting runs", columns, rows, empty="No run waits."))
        return sum(c.verdict in ("block", "missing") for c in found)
