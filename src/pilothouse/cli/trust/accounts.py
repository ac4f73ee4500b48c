"""The verbs ``accounts``: who may sign in, with which groups and rights."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, run, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pilothouse.registry import Account

__all__ = ["register"]

Name = Annotated[str, typer.Argument(help="The account, such as clerk.amira.")]
Groups = Annotated[list[str] | None, typer.Option("--group", "-g", help="A group; may be repeated.")]
Rights = Annotated[
    list[str] | None, typer.Option("--right", "-r", help="A right, such as decisions:*; may be repeated.")
]


class Kind(enum.StrEnum):
    """What an account is."""

    person = "person"
    service = "service"


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    verbs = typer.Typer(help="Who may sign in, with which groups and rights.", no_args_is_help=True)
    verbs.command(name="list")(show)
    for verb in (add, grant, invite, disable, enable):
        verbs.command()(verb)
    app.add_typer(verbs, name="accounts")


def show(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """List the accounts."""
    run(_show(project, json))


async def _show(folder: Path, json: bool) -> None:
    from pilothouse.app import open_identity

    async with open_identity(folder) as (_, _, identity):
        found = await identity.accounts.list()
    emit(list(found), as_json=json, show=lambda: _table(found))


def _table(accounts: tuple[Account, ...]) -> RenderableType:
    rows = [
        [
            account.id,
            account.kind,
            "active" if account.active else "shut out",
            "yes" if account.has_password else "",
            ", ".join(sorted(account.groups)),
            ", ".join(sorted(account.rights)),
        ]
        for account in accounts
    ]
    columns = ["account", "kind", "state", "password", "groups", "rights"]
    return table("accounts", columns, rows, empty="No accounts yet: `pilothouse accounts add NAME`.")


def add(
    account: Name,
    *,
    kind: Annotated[Kind, typer.Option(help="A service signs in with keys only.")] = Kind.person,
    group: Groups = None,
    right: Rights = None,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Add an account; a person gets a one-time token to set a password with."""
    run(_add(account, kind, group or [], right or [], project, acting, json))


async def _add(
    account: str,
    kind: Kind,
    groups: list[str],
    rights: list[str],
    folder: Path,
    acting: str | None,
    json: bool,
) -> None:
    from pilothouse.app import open_identity

    async with open_identity(folder) as (project, _, identity):
        by = await identity.acting(project, acting)
        await identity.accounts.add(account, by, kind=kind.value, groups=groups, rights=rights)
        issued = await identity.access.invite(account, by) if kind is Kind.person else None
    token = issued.secret if issued else None
    said = f"{account} is added." + (
        f"\nOnce, within a day:  pilothouse login {account} --token {token}" if token else ""
    )
    emit({"account": account, "kind": kind.value, "token": token}, as_json=json, show=lambda: said)


def grant(
    account: Name,
    *,
    group: Groups = None,
    right: Rights = None,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Replace the groups and rights of an account; nobody gives away more than they have."""
    run(_grant(account, group or [], right or [], project, acting, json))


async def _grant(
    account: str, groups: list[str], rights: list[str], folder: Path, acting: str | None, json: bool
) -> None:
    from pilothouse.app import open_identity

    async with open_identity(folder) as (project, _, identity):
        by = await identity.acting(project, acting)
        found = await identity.accounts.grant(account, by, groups=groups, rights=rights)
    emit(found, as_json=json, show=lambda: _table((found,)))


def invite(
    account: Name, *, project: ProjectOption = Path(), acting: AsOption = None, json: JsonOption = False
) -> None:
    """Hand out a new one-time token to set a password with; older ones and open sessions end."""
    run(_invite(account, project, acting, json))


async def _invite(account: str, folder: Path, acting: str | None, json: bool) -> None:
    from pilothouse.app import open_identity

    async with open_identity(folder) as (project, _, identity):
        issued = await identity.access.invite(account, await identity.acting(project, acting))
    said = f"Once, within a day:  pilothouse login {account} --token {issued.secret}"
    body = {"account": account, "token": issued.secret, "until": issued.expires_at}
    emit(body, as_json=json, show=lambda: said)


def disable(
    account: Name, *, project: ProjectOption = Path(), acting: AsOption = None, json: JsonOption = False
) -> None:
    """Shut an account out at once: sessions, tokens and keys end, its runs pause."""
    run(_activate(account, False, project, acting, json))


def enable(
    account: Name, *, project: ProjectOption = Path(), acting: AsOption = None, json: JsonOption = False
) -> None:
    """Let an account in again."""
    run(_activate(account, True, project, acting, json))


async def _activate(account: str, active: bool, folder: Path, acting: str | None, json: bool) -> None:
    from pilothouse.app import open_identity

    async with open_identity(folder) as (project, _, identity):
        by = await identity.acting(project, acting)
        found = await identity.accounts.set_active(account, active, by)
    emit(found, as_json=json, show=lambda: _table((found,)))
