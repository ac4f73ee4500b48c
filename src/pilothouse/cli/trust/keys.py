"""The verbs ``keys``: API keys for programs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, run, table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    verbs = typer.Typer(
        help="API keys for programs: scoped, expiring, stored as hashes.", no_args_is_help=True
    )
    verbs.command(name="list")(show)
    for verb in (make, revoke):
        verbs.command()(verb)
    app.add_typer(verbs, name="keys")


def show(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """List the keys, without their secrets."""
    run(_show(project, json))


async def _show(folder: Path, json: bool) -> None:
    from pilothouse.app import open_identity

    async with open_identity(folder) as (_, _, identity):
        found = await identity.access.keys()
    rows = [
        [
            key.id,
            key.account,
            ", ".join(sorted(key.scopes)),
            f"{key.expires_at:%Y-%m-%d}",
            "never" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}",
            "" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d %H:%M}",
        ]
        for key in found
    ]
    columns = ["key", "account", "scopes", "expires", "last used", "revoked"]
    empty = "No keys: `pilothouse keys make ACCOUNT --scope RIGHT`."
    emit(list(found), as_json=json, show=lambda: table("API keys", columns, rows, empty=empty))


def make(
    account: Annotated[str, typer.Argument(help="Whom the key acts for.")],
    *,
    scope: Annotated[list[str], typer.Option("--scope", "-s", help="A right it may use; may be repeated.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it lives.")] = 90,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Make a key; it is shown this once. Use it as PILOTHOUSE_KEY."""
    run(_make(account, scope, days, project, acting, json))


async def _make(
    account: str, scopes: list[str], days: int, folder: Path, acting: str | None, json: bool
) -> None:
    from pilothouse.app import open_identity

    async with open_identity(folder) as (project, _, identity):
        by = await identity.acting(project, acting)
        issued = await identity.access.make_key(account, by, scopes=scopes, lifetime=timedelta(days=days))
    body = {"account": account, "key": issued.secret, "until": issued.expires_at}
    emit(body, as_json=json, show=lambda: f"Shown this once:\n{issued.secret}")


def revoke(
    key: Annotated[str, typer.Argument(help="Its id, the part between the last '_' and the '.'.")],
    *,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """End a key at once."""
    run(_revoke(key, project, acting, json))


async def _revoke(key: str, folder: Path, acting: str | None, json: bool) -> None:
    from pilothouse.app import open_identity

    async with open_identity(folder) as (project, _, identity):
        await identity.access.revoke_key(key, await identity.acting(project, acting))
    emit({"revoked": key}, as_json=json, show=lambda: f"Key {key} opens nothing any more.")
