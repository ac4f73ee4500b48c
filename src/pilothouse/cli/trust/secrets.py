"""The verbs ``secrets``: what connectors need to dial out, stored closed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, run, table

__all__ = ["register"]

Name = Annotated[str, typer.Argument(help="Name; refer to it as secret://store/NAME or NAME#field.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    verbs = typer.Typer(help="Secrets of sources, stored closed with age.", no_args_is_help=True)
    verbs.command(name="list")(show)
    verbs.command(name="set")(put)
    verbs.command()(remove)
    app.add_typer(verbs, name="secrets")


def show(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """List the names; values are never shown."""
    run(_show(project, json))


async def _show(folder: Path, json: bool) -> None:
    from pilothouse.app import open_identity

    async with open_identity(folder) as (_, _, identity):
        found = await identity.secrets.names()
    rows = [[item.name, f"{item.set_at:%Y-%m-%d %H:%M}", item.set_by] for item in found]
    empty = "No secrets: `pilothouse secrets set NAME`."
    emit(found, as_json=json, show=lambda: table("secrets", ["name", "set", "by"], rows, empty=empty))


def put(
    name: Name, *, project: ProjectOption = Path(), acting: AsOption = None, json: JsonOption = False
) -> None:
    """Set or replace a secret; it is asked for, or read from a pipe, never an argument."""
    asked = sys.stdin.isatty()
    value = typer.prompt("Secret", hide_input=True, err=True) if asked else sys.stdin.read().rstrip("\r\n")
    run(_put(name, str(value), project, acting, json))


async def _put(name: str, value: str, folder: Path, acting: str | None, json: bool) -> None:
    from pilothouse.app import change_secret

    await change_secret(folder, name, value, acting=acting)
    emit({"set": name}, as_json=json, show=lambda: f"Set. Refer to it as secret://store/{name}")


def remove(
    name: Name, *, project: ProjectOption = Path(), acting: AsOption = None, json: JsonOption = False
) -> None:
    """Forget a secret."""
    run(_remove(name, project, acting, json))


async def _remove(name: str, folder: Path, acting: str | None, json: bool) -> None:
    from pilothouse.app import change_secret

    await change_secret(folder, name, None, acting=acting)
    emit({"removed": name}, as_json=json, show=lambda: f"{name} is forgotten.")
