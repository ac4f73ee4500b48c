"""The verb that serves: ``serve`` opens the project over HTTP."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from pilothouse.cli.console import JsonOption, ProjectOption, console, emit, run

__all__ = ["register"]

LOCAL = ("127.0.0.1", "::1", "localhost")


def register(app: typer.Typer) -> None:
    """Add the verb to ``app``."""
    app.command()(serve)


def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8787,
    work: Annotated[bool, typer.Option("--work", help="Also run segments and timers here, as `up`.")] = False,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Serve the project over HTTP: OTLP in, timelines out, OpenAI's paths. Ctrl-C ends it."""
    run(_serve(host, port, work, project, json))


async def _serve(host: str, port: int, work: bool, folder: Path, json: bool) -> None:
    from pilothouse.api import serve as serve_project

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def started(url: str) -> None:
        words = f"serving at {url}; sign in with an API key: pilothouse keys make NAME --scope RIGHT"
        emit({"url": url}, as_json=json, show=lambda: words)
        if host not in LOCAL:
            said = f"{host} can be reached from other machines in plain HTTP; put a proxy with TLS before it"
            console(stderr=True).print(said, markup=False, soft_wrap=True)

    await serve_project(folder, host=host, port=port, work=work, stop=stop, started=started)
