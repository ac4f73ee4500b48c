"""Owns ``pilothouse port assist``: start both agents on one held box and say what the inbox is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pilothouse.app import Studio
    from pilothouse.engine import Run
    from pilothouse_port.bindings import Bindings
    from pilothouse_port.working import Place

__all__ = ["add_commands", "assist_box", "start_assist"]

PATIENCE = 900.0


def add_commands(app: typer.Typer) -> None:
    """Add ``assist``."""
    app.command("assist")(assist_)


def assist_(
    container: Annotated[str, typer.Argument(help="The box, as the discharge list writes it.")],
    *,
    bl: Annotated[str, typer.Option("--bl", help="Its B/L, where it is under several.")] = "",
    project: Annotated[
        Path,
        typer.Option("--project", "-p", help="Folder with pilothouse.toml, or below it.", file_okay=False),
    ] = Path(),
    acting: Annotated[
        str | None, typer.Option("--as", envvar="PILOTHOUSE_AS", help="Act as this principal.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Let two agents prepare what is done about a held box; the inbox asks what they propose."""
    from pilothouse_port.commands import print_data
    from pilothouse_port.working import Place, run

    def tell(words: str) -> None:
        if not json:
            typer.echo(words, err=True)

    done = run(assist_box(Place(folder=project, acting=acting), container, bl, tell=tell))
    words = f"{container}: run {done['run']} is {done['state']}; texts read by {done['reader']}\n"
    print_data(done, as_json=json, words=f"{words}{done['summary']}\nNext: pilothouse inbox")


async def assist_box(
    place: Place, container: str, bl: str = "", *, tell: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Start the run for a box, or find it, and wait until it has asked the desk.

    Raises:
        UsageError: ``port.no_route``, ``port.no_box``, ``port.which_bl``, ``port.nothing_held``,
            ``port.run_failed``.
    """
    from pilothouse.app import open_studio
    from pilothouse.decisions import InboxFilter
    from pilothouse.kernel import UsageError
    from pilothouse_port.assist.specs import READER
    from pilothouse_port.working import find_bindings

    bindings, at = find_bindings(place)
    async with open_studio(place.folder, acting=place.acting) as studio:
        run = await start_assist(studio, bindings, at, container, bl)
        tell(f"run {run.id} reads and prepares; it goes on if you leave")
        run = await studio.settle(run.id, within=PATIENCE)
        if run.state in ("failed", "blocked", "cancelled"):
            raise UsageError(
                f"run {run.id} is {run.state}: {run.reason}; see `pilothouse show {run.id}`",
                code="port.run_failed",
            )
        page = await studio.inbox.list(studio.principal, InboxFilter(state=None, run=str(run.id)))
        asked = [(await studio.inbox.show(one.id, studio.principal)).proposal for one in page.items]
        return {
            "container": container,
            "run": str(run.id),
            "state": run.state,
            "reader": "agent" if READER.task in studio.models.routes else "rules",
            "proposal": str(asked[0].id) if asked else None,
            "summary": asked[0].summary if asked else "",
        }


async def start_assist(studio: Studio, bindings: Bindings, at: datetime, container: str, bl: str = "") -> Run:
    """Start the run for a box that is held; the same box and time again is the same run.

    It begins with the words of the person who asks, and with what the project says of the port.
    """
    from pilothouse.workflows import configured, said
    from pilothouse_port.assist.specs import HANDLER, READER
    from pilothouse_port.assist.work import assist
    from pilothouse_port.desk.looking import PortRef

    routes = studio.models.routes
    _require_route(HANDLER.task, routes)
    await _require_held(studio, bindings, at, container, bl)
    port = PortRef(bindings=str(bindings.path.resolve()), policy=str(bindings.document.resolve()), as_of=at)
    key = f"{container}:{bl}:{at.isoformat()}:{bindings.version[:16]}"
    project = configured("port", bindings.version)
    options = {
        "principal": studio.principal,
        "label": said(studio.principal, key),
        "labels": {"port": project, "reads": project},
    }
    return await assist.start(port, container, bl, READER.task in routes, key=key, options=options)


def _require_route(task: str, routes: Collection[str]) -> None:
    from pilothouse.kernel import UsageError

    if task not in routes:
        known = ", ".join(sorted(routes)) or "none"
        raise UsageError(
            f"no model is routed for {task!r} (routes: {known}); declare a provider and "
            f"[models.routes.{task}] in pilothouse.toml, see `pilothouse models`. Without one "
            "`pilothouse port run` reads and decides all the same",
            code="port.no_route",
        )


async def _require_held(studio: Studio, bindings: Bindings, at: datetime, container: str, bl: str) -> None:
    from pilothouse.kernel import UsageError
    from pilothouse_port.bindings import SourcesReader, list_consignments
    from pilothouse_port.desk.looking import one_of
    from pilothouse_port.evaluate import evaluate
    from pilothouse_port.reading import reader_for
    from pilothouse_port.types import Verdict

    reader = SourcesReader(studio.sources, studio.principal)
    box = one_of(await list_consignments(bindings, reader), container, bl)
    reads = await reader_for(bindings, reader, asker=studio.principal.id)
    (pack,) = await evaluate(bindings, reader, at=at, consignments=[box], texts_reader=reads)
    if pack.verdict.advised is Verdict.RELEASE:
        raise UsageError(
            f"nothing stands in the way of {container}; `pilothouse port run` asks for its release",
            code="port.nothing_held",
        )
