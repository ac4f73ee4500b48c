"""Owns ``pilothouse port world``: make a world, run its servers, see them, stop them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pilothouse_port.world.systems.servers.process import Server

__all__ = ["Size", "app"]

app = typer.Typer(help="Made worlds: a whole port from a seed, with real servers.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
WorldArgument = Annotated[Path, typer.Argument(help="The world's folder, OUT/world.", file_okay=False)]


class Size(StrEnum):
    """How many boxes: 60, 400 or 6,000."""

    small = "small"
    day = "day"
    month = "month"


class _Profile(StrEnum):
    dense = "dense"
    real = "real"


class _Wording(StrEnum):
    train = "train"
    unseen = "unseen"
    mixed = "mixed"


@app.command("make")
def make(
    out: Annotated[Path, typer.Argument(help="Folder to make; refused unless new, empty or a made world.")],
    *,
    seed: Annotated[int, typer.Option(help="Any integer; the same seed gives the same bytes.")] = 1,
    size: Annotated[Size, typer.Option(help="60, 400 or 6,000 boxes.")] = Size.small,
    profile: Annotated[
        _Profile, typer.Option(help="Many exceptions, or as rare as in life.")
    ] = _Profile.dense,
    wording: Annotated[
        _Wording, typer.Option(help="Texts to learn from, texts that no learner has met, or both.")
    ] = _Wording.mixed,
    history: Annotated[
        int | None, typer.Option(help="Past boxes that clerks decided; 60, 400 or 2,400 by size.", min=0)
    ] = None,
    injections: Annotated[
        bool, typer.Option("--injections", help="Texts, files and tools try to steer the machine that reads.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a world: systems, policy and, outside of it, the answer key."""
    from pilothouse_port.world.render_world import make_world

    with _Steps(quiet=as_json) as steps:
        made = make_world(
            out,
            seed=seed,
            size=size.value,
            profile=profile.value,
            wording=wording.value,
            history=history,
            injections=injections,
            say=steps.say,
        )
    _print(
        {
            "world": str(made.world),
            "key": str(made.key),
            "systems": made.systems,
            "consignments": made.consignments,
            "files": made.files,
            "digest": made.digest,
            "seconds": round(made.seconds, 2),
        },
        as_json=as_json,
        words=(
            f"{made.consignments} boxes in {made.systems} systems, {made.files} files, {made.seconds:.1f} s: "
            f"{made.world}\nNext: pilothouse port world up {made.world}"
        ),
    )


@app.command("up")
def up(
    world: WorldArgument,
    *,
    owner: Annotated[
        int | None, typer.Option(help="Process id that the servers shall not outlive; none by default.")
    ] = None,
    injections: Annotated[
        bool, typer.Option("--injections", help="Texts, files and tools try to steer the machine that reads.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the world's servers and write OUT/run/pilothouse.toml; those that run are left alone."""
    from pilothouse_port.world import serve

    with _Steps(quiet=as_json) as steps:
        running = serve.up(world, owner=owner, say=steps.say)
    notices = "".join(f"note: {notice}\n" for notice in running.notices)
    _print(
        {
            "project": str(running.project),
            "servers": [_server(server) for server in running.servers],
            "notices": list(running.notices),
            "seconds": round(running.seconds, 2),
        },
        as_json=as_json,
        words=(
            f"{notices}{len(running.servers)} servers answer after {running.seconds:.1f} s; "
            f"their addresses are in {running.project}"
        ),
    )


@app.command("down")
def down(
    world: WorldArgument,
    *,
    forget: Annotated[
        bool, typer.Option("--forget", help="Also delete OUT/run: databases, secrets, recorded writes.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Stop the world's servers."""
    from pilothouse_port.world import serve

    stopped = serve.down(world, forget=forget)
    words = f"stopped: {', '.join(stopped)}" if stopped else "nothing was running"
    _print({"stopped": stopped, "forgotten": forget}, as_json=as_json, words=words)


@app.command("status")
def status(world: WorldArgument, *, as_json: JsonOption = False) -> None:
    """Show which servers run; exit code 1 if one that is needed does not."""
    from pilothouse_port.world import serve

    found = serve.status(world)
    lines = [
        f"{name:10} {f'127.0.0.1:{server.port}  pid {server.pid}' if server else 'down'}"
        for name, server in found.items()
    ]
    _print(
        {name: _server(server) if server else None for name, server in found.items()},
        as_json=as_json,
        words="\n".join(lines) or "this world needs no server",
    )
    if not all(found.values()):
        raise typer.Exit(1)


def _server(server: Server) -> dict[str, Any]:
    return {"name": server.name, "pid": server.pid, "port": server.port}


def _print(data: dict[str, Any], *, as_json: bool, words: str) -> None:
    sys.stdout.write((json.dumps(data, ensure_ascii=False, indent=2) if as_json else words) + "\n")


class _Steps:
    """A spinner with the step at hand on a terminal; plain lines elsewhere; nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._status: Any = None

    def __enter__(self) -> _Steps:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("working")
            self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._status is not None:
            self._status.stop()

    @property
    def say(self) -> Callable[[str], None]:
        """Tell a step."""
        return self._say

    def _say(self, text: str) -> None:
        if self._status is not None:
            self._status.update(text)
        elif not self._quiet:
            sys.stderr.write(text + "\n")
