"""The verbs ``train`` and ``heads``: readers from labelled texts, their cards, which one runs."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, console, emit, run, table

if TYPE_CHECKING:
    from pilothouse.registry import Asset

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    verbs = typer.Typer(help="Train readers from labelled texts, offline.", no_args_is_help=True)
    verbs.command()(claims)
    verbs.callback()(_train)
    app.add_typer(verbs, name="train")
    shown = typer.Typer(help="Trained readers: list, card, which one runs.", no_args_is_help=True)
    for verb in (listed, show, approve):
        shown.command("list" if verb is listed else None)(verb)
    app.add_typer(shown, name="heads")


def _train() -> None:
    """Train readers from labelled texts, offline."""


def claims(
    *,
    task: Annotated[str, typer.Option(help="Task by name, or its TOML file.")],
    data: Annotated[
        Path, typer.Option(help="JSONL of examples: text, labels, group, language.", exists=True)
    ],
    learner: Annotated[
        Literal["heads", "lora"],
        typer.Option(help="Linear heads in seconds, or an adapter of the text model."),
    ] = "heads",
    out: Annotated[
        Path | None, typer.Option(help="Folder of heads; by default heads/ of the project.")
    ] = None,
    vectors: Annotated[
        bool, typer.Option("--vectors/--no-vectors", help="Use the embedded encoder for English sentences.")
    ] = False,
    cpu: Annotated[int, typer.Option(help="CPU-seconds the training may use.", min=10)] = 1800,
    seed: Annotated[int, typer.Option(help="Of splits and variants.")] = 0,
    licence: Annotated[str, typer.Option(help="Of the examples; stands in the card.")] = "",
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Train a reader of claims and print how it does on texts kept aside, known and new wordings apart."""
    if learner == "lora":
        run(_lora(task, data, cpu, seed, licence, project, acting, json))
        return
    run(_claims(task, data, out, vectors, cpu, seed, licence, project, acting, json))


async def _claims(
    task: str,
    data: Path,
    out: Path | None,
    vectors: bool,
    cpu: int,
    seed: int,
    licence: str,
    folder: Path,
    acting: str | None,
    json: bool,
) -> None:
    from pilothouse.app import open_identity
    from pilothouse.app.models.learning import TrainingJob, train_claims, trained_label
    from pilothouse.learning import as_page, register_head

    async with open_identity(folder) as (project, _, identity):
        who = await identity.acting(project, acting)
        label = trained_label(who)
        job = TrainingJob(
            task=task,
            data=data,
            out=out or project.folder / "heads",
            label=label,
            folder=project.folder,
            vectors=vectors,
            cpu_seconds=cpu,
            seed=seed,
            licence=licence,
        )
        result = await train_claims(job, progress=_tell)
        made = Path(result["folder"])
        body: dict[str, Any] = {"folder": str(made), "version": None, "card": result["card"]}
        if made.resolve().is_relative_to(project.folder.resolve()):
            asset = await register_head(
                identity.assets, made, result["card"], label, who, base=project.folder
            )
            body["version"] = asset.version
    page = as_page(result["card"])
    where = f"version {body['version']}" if body["version"] else "not registered: outside the project"
    emit(body, as_json=json, show=lambda: f"{page}\n{made} ({where})")


def _tell(step: str) -> None:
    console(stderr=True).print(step, markup=False)


async def _lora(
    task: str, data: Path, cpu: int, seed: int, licence: str, folder: Path, acting: str | None, json: bool
) -> None:
    from pilothouse.app import open_identity, train_adapter
    from pilothouse.app.models.learning import find_task, trained_label
    from pilothouse.learning import Examples
    from pilothouse.learning.adapters.lora import LoraJob

    async with open_identity(folder) as (project, _, identity):
        who = await identity.acting(project, acting)
        found = find_task(task, project)
        examples = Examples.read(data, label=trained_label(who), licence=licence)
        job = LoraJob(name=found.name, cpu_seconds=cpu, seed=seed)
        asset = await train_adapter(project, identity.assets, who, found, examples, job, progress=_step)
    where = project.folder / str(asset.body["file"])
    body = {"folder": str(where.parent), "version": asset.version, "card": dict(asset.card)}
    figures = jsons.dumps(asset.card["figures"], indent=1)
    emit(body, as_json=json, show=lambda: f"{figures}\n{where} (version {asset.version})")


def _step(what: str, done: int, total: int) -> None:
    if done == total or done % 10 == 0:
        _tell(f"{what} {done} of {total}")


def listed(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """List the trained readers of the project, newest first within a task."""
    run(_listed(project, json))


async def _listed(folder: Path, json: bool) -> None:
    from pilothouse.app import open_identity

    async with open_identity(folder) as (_, _, identity):
        found = await identity.assets.list("head")
    rows = [_row(one) for one in found]
    empty = "No reader is trained yet: pilothouse train claims --task NAME --data FILE"
    columns = ("task", "version", "tags", "texts", "wordings", "made")
    emit(
        rows,
        as_json=json,
        show=lambda: table("Heads", columns, ([row[c] for c in columns] for row in rows), empty=empty),
    )


def _row(one: Asset) -> dict[str, Any]:
    data: Any = one.card.get("data") or {}
    return {
        "task": one.name,
        "version": one.version,
        "tags": ", ".join(one.tags),
        "texts": data.get("texts"),
        "wordings": data.get("wordings"),
        "made": one.created_at.date().isoformat(),
    }


def show(
    task: Annotated[str, typer.Argument(help="Name of the task.")],
    *,
    version: Annotated[int | None, typer.Option(help="By default the approved one, else the newest.")] = None,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Show the model card of a trained reader."""
    run(_show(task, version, project, json))


async def _show(task: str, version: int | None, folder: Path, json: bool) -> None:
    from pilothouse.app import open_identity
    from pilothouse.learning import as_page

    async with open_identity(folder) as (_, _, identity):
        found = await identity.assets.get("head", task, version=version)
    emit(dict(found.card), as_json=json, show=lambda: as_page(found.card))


def approve(
    task: Annotated[str, typer.Argument(help="Name of the task.")],
    version: Annotated[int, typer.Argument(help="Version that shall run; an older one is a rollback.")],
    *,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Let a version run wherever nobody names another; an older version is a rollback."""
    run(_approve(task, version, project, acting, json))


async def _approve(task: str, version: int, folder: Path, acting: str | None, json: bool) -> None:
    from pilothouse.app import open_identity
    from pilothouse.registry import APPROVED

    async with open_identity(folder) as (project, _, identity):
        who = await identity.acting(project, acting)
        await identity.assets.tag("head", task, version, APPROVED, who)
    emit({"task": task, "approved": version}, as_json=json, show=lambda: f"{task}@{version} runs from now on")
