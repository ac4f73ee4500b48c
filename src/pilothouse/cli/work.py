"""The verbs that work: ``up`` runs a project, ``demo`` shows a solution."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, console, emit, run

if TYPE_CHECKING:
    from pilothouse.app import Studio

__all__ = ["register"]

demo = typer.Typer(help="Run a reference solution from nothing to its score.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    app.command()(up)
    for point in entry_points(group="pilothouse.demos"):
        demo.command(point.name)(point.load())
    app.add_typer(demo, name="demo")


def up(
    *,
    every: Annotated[float, typer.Option(help="Seconds between two status lines; 0 prints none.")] = 10.0,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Also serve HTTP to this machine there, as `serve`.")
    ] = None,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Keep the project running: segments, timers, schedules, the audit log. Ctrl-C hands live runs over."""
    run(_up(project, acting, every, port, json))


async def _up(folder: Path, acting: str | None, every: float, port: int | None, json: bool) -> None:
    from pilothouse.app import open_studio, publish
    from pilothouse.audit import public_key

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_studio(folder, acting=acting, serve=True) as studio, contextlib.AsyncExitStack() as stack:
        publish(studio.sources)
        database = "embedded" if studio.database.embedded else "served"
        console(stderr=True).print(
            f"{studio.project.name} is up ({database} PostgreSQL, "
            f"{len(studio.sources.names())} sources); Ctrl-C stops it",
            markup=False,
        )
        _show_key(public_key(studio.database))
        if port is not None:
            await _serve(stack, studio, port)
        first = await studio.identity.first_link(studio.project)
        if first is not None:
            words = f"pilothouse login {first.account} --token {first.secret}"
            said = f"Nobody can sign in yet. Once, within a day:  {words}"
            console(stderr=True).print(said, markup=False, soft_wrap=True)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every or None)
            if every:
                await _status(studio, json)


async def _serve(stack: contextlib.AsyncExitStack, studio: Studio, port: int) -> None:
    from pilothouse.api import serving

    url = await stack.enter_async_context(serving(studio, host="127.0.0.1", port=port))
    console(stderr=True).print(f"serving at {url}", markup=False)


def _show_key(key: str | None) -> None:
    """Say whose signature the heads of the log bear: an auditor compares it with the one noted elsewhere."""
    if key is not None:
        said = f"the audit log is signed by {key}; note it away from this machine"
        console(stderr=True).print(said, markup=False, soft_wrap=True)


async def _status(studio: Studio, json: bool) -> None:
    from pilothouse.decisions import InboxFilter

    counts = await studio.engine.counts()
    waiting = (await studio.inbox.list(studio.principal, InboxFilter(limit=1))).total
    words = ", ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "no runs"
    emit(
        {"runs": counts, "inbox": waiting}, as_json=json, show=lambda: f"runs: {words}; inbox: {waiting} open"
    )
