"""The verbs ``login``, ``logout`` and ``whoami``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, run

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    for verb in (login, logout, whoami):
        app.command()(verb)


def login(
    account: Annotated[str, typer.Argument(help="Your account.")],
    *,
    token: Annotated[
        str | None, typer.Option("--token", help="One-time token; you set a password with it.")
    ] = None,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Sign in on this machine; the password is asked for, never an argument."""
    run(_login(account, token, _password(new=token is not None), project, json))


def _password(*, new: bool) -> str:
    """Ask for a password, a new one twice; from a pipe read one line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    if new:
        return str(typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
    return str(typer.prompt("Password", hide_input=True, err=True))


async def _login(account: str, token: str | None, password: str, folder: Path, json: bool) -> None:
    from pilothouse.app import keep_session, open_identity

    async with open_identity(folder) as (project, _, identity):
        if token is not None:
            account = (await identity.access.redeem(token, password)).id
        issued = await identity.access.sign_in(account, password)
        keep_session(project.folder, issued.secret)
    until = f"{issued.expires_at:%Y-%m-%d %H:%M} UTC"
    emit(
        {"account": account, "until": issued.expires_at},
        as_json=json,
        show=lambda: f"Signed in as {account} until {until}.",
    )


def logout(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """End the session kept on this machine."""
    run(_logout(project, json))


async def _logout(folder: Path, json: bool) -> None:
    from pilothouse.app import forget_session, open_identity
    from pilothouse.kernel import DeniedError

    async with open_identity(folder) as (project, _, identity):
        session = forget_session(project.folder)
        if session is not None:
            try:
                await identity.access.sign_out(session)
            except DeniedError:
                # It had ended already.
                session = None
    said = "Signed out." if session else "Nobody was signed in."
    emit({"signed_out": session is not None}, as_json=json, show=lambda: said)


def whoami(*, project: ProjectOption = Path(), acting: AsOption = None, json: JsonOption = False) -> None:
    """Show who you act as here, with the rights of today."""
    run(_whoami(project, acting, json))


async def _whoami(folder: Path, acting: str | None, json: bool) -> None:
    from pilothouse.app import open_identity

    async with open_identity(folder) as (project, _, identity):
        who = await identity.acting(project, acting)
    shown: dict[str, Any] = {
        "id": who.id,
        "kind": who.kind,
        "groups": sorted(who.groups),
        "rights": sorted(who.rights),
        "within": sorted(who.agent.rights) if who.agent else None,
    }
    lines = [f"{who.id}, a {who.kind}", f"groups: {', '.join(shown['groups']) or 'none'}"]
    lines.append(f"rights: {', '.join(shown['rights']) or 'none'}")
    if who.agent:
        lines.append(f"within: {', '.join(shown['within'])}")
    emit(shown, as_json=json, show=lambda: "\n".join(lines))
