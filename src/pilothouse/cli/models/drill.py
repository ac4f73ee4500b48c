"""The verbs that rehearse failure: ``drill unplug`` pulls each provider of models during live runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, console, emit, run, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pilothouse.app.models.unplug import Pulled

__all__ = ["register"]

app = typer.Typer(help="Rehearse failures on the live project.", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the verbs to ``cli``."""
    cli.add_typer(app, name="drill")


@app.callback()
def drills() -> None:
    """Rehearse failures on the live project."""


@app.command()
def unplug(
    *,
    runs: Annotated[int, typer.Option(min=1, max=200, help="Live runs at each pull.")] = 6,
    task: Annotated[str | None, typer.Option(help="Only the route of this task.")] = None,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Pull each provider in turn, then all, during live runs; exit 1 if a run was lost."""
    found: tuple[Pulled, ...] = run(_unplug(project, acting, runs, task))
    data = [{name: getattr(one, name) for name in one.__slots__} for one in found]
    emit(data, as_json=json, show=lambda: _shown(found))
    if any(one.lost for one in found):
        raise typer.Exit(1)


async def _unplug(folder: Path, acting: str | None, runs: int, task: str | None) -> tuple[Pulled, ...]:
    from pilothouse.app import open_studio
    from pilothouse.app.models.unplug import unplug

    async with open_studio(folder, acting=acting) as studio:
        stands_in = not studio.models.routes
        if stands_in:
            _say("the project has no route; two scripted servers of this process stand in")
        return await unplug(studio, runs=runs, task=task, told=lambda one: _say(_line(one)))


def _line(one: Pulled) -> str:
    who = "all providers" if one.provider == "*" else one.provider
    return (
        f"{one.task}: {who} pulled: {one.went_on} went on, {one.degraded} degraded, {one.waited} waited, "
        f"{one.failed} failed, {one.lost} lost ({one.seconds} s)"
    )


def _say(words: str) -> None:
    console(stderr=True).print(words, markup=False)


def _shown(found: tuple[Pulled, ...]) -> RenderableType:
    rows = [
        [one.task, one.provider, one.runs, one.went_on, one.degraded, one.waited, one.failed, one.lost,
         "; ".join(one.reasons)[:90]]
        for one in found
    ]  # fmt: skip
    columns = ["task", "pulled", "runs", "went on", "degraded", "waited", "failed", "lost", "what they said"]
    return table("What became of the runs", columns, rows)
