"""The verbs ``policy``: whether the project's policy holds together, and what it says to one request."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, run

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    verbs = typer.Typer(help="Roles and Cedar policies: check them, ask them.", no_args_is_help=True)
    for verb in (check, explain):
        verbs.command()(verb)
    app.add_typer(verbs, name="policy")


def check(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """Parse and validate the roles and policies of the project, and print their version."""
    run(_check(project, json))


async def _check(folder: Path, json: bool) -> None:
    from pilothouse.app import find_project, load_authorizer, load_project

    project = load_project(find_project(folder))
    authorizer = load_authorizer(project)
    body = {
        "version": authorizer.version,
        "files": project.file.policy.files,
        "roles": sorted(project.file.roles),
    }
    said = (
        f"{len(body['files'])} files and {len(body['roles'])} roles hold together: {authorizer.version[:12]}"
    )
    emit(body, as_json=json, show=lambda: said)


def explain(
    right: Annotated[str, typer.Argument(help="A right, such as decisions:release_container.")],
    *,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether you, or --as somebody, may do something today, and which policies say so."""
    run(_explain(right, project, acting, json))


async def _explain(right: str, folder: Path, acting: str | None, json: bool) -> None:
    from pilothouse.app import load_authorizer, open_identity
    from pilothouse.policy import asked

    async with open_identity(folder) as (project, _, identity):
        who = await identity.acting(project, acting)
        found = load_authorizer(project).explain(asked(who, right))
    body = {
        "principal": who.id,
        "right": right,
        "verdict": found.verdict.kind,
        "reasons": list(found.verdict.reasons),
        "policies": list(found.policies),
    }
    because = ", ".join([*found.verdict.reasons, *found.policies]) or "nothing permits it"
    emit(body, as_json=json, show=lambda: f"{found.verdict.kind}: {who.id} {right} ({because})")
