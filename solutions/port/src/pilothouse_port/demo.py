"""Owns ``pilothouse demo port``: from nothing to a scored day and an inbox with the open boxes."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pilothouse_port.world.commands import Size

if TYPE_CHECKING:
    from rich.table import Table

    from pilothouse_port.score import Score

__all__ = ["demo"]

SEED = 7
WORDS = {"ready": "queued", "running": "being weighed", "parked": "asked, in the inbox", "done": "done"}
CEDAR = Path(__file__).parent / "port.cedar"
SizeName = Literal["small", "day", "month"]
PEOPLE = """
[project]
name = "port of seed {seed}"
solutions = ["port"]
operator = "dispatcher"

[port]
bindings = "{bindings}"
policy = "{policy}"
as_of = "{as_of}"

[policy]
files = ["{cedar}"]

# Evidence carries the ACL of the system it comes from; who may not read it may not approve on it.
[roles.desk]
rights = ["decisions:release_container", "decisions:send_notice", "acl:*"]

[roles.cancelling]
rights = ["decisions:cancel_release", "acl:*"]

# Whoever asks may not approve: the dispatcher starts the runs, the clerks answer.
[principals.dispatcher]
kind = "service"
rights = ["sources:*", "effects:*"]

[principals."clerk.amira"]
groups = ["desk"]

[principals."clerk.bruno"]
groups = ["desk"]

# Who may release may not cancel, so this is another person.
[principals."clerk.carla"]
groups = ["cancelling"]

"""


def demo(
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the made world.", file_okay=False)
    ] = Path("worlds-out/port"),
    size: Annotated[Size, typer.Option(help="60, 400 or 6,000 boxes.")] = Size.day,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
    attack: Annotated[
        bool, typer.Option("--attack", help="Attack a port of its own: an agent obeys all it reads.")
    ] = False,
) -> None:
    """Make a port with its real systems, decide every box durably, score it, leave the open ones for you."""
    from pilothouse_port.working import run

    if attack:
        from pilothouse_port.attack import attack_demo

        say = _silent if json else _say
        if not run(attack_demo(out.resolve(), size=size.value, json=json, say=say)):
            raise typer.Exit(1)
        return
    run(_demo(out.resolve(), size=size.value, json=json))


async def _demo(out: Path, *, size: SizeName, json: bool) -> None:
    from pilothouse_port.commands import print_data, show_scores
    from pilothouse_port.working import Place, run_port, score_files

    start = time.monotonic()
    say = _silent if json else _say
    project = await asyncio.to_thread(_world, out, size, say)
    place = Place(folder=project)
    say("deciding every box: facts from all systems, checks, policy, a question for each release")
    with _watching(quiet=json) as tell:
        done = await run_port(place, out=out / "decisions.jsonl", durable=True, texts=True, tell=tell)
    say("the same boxes by structured facts only, for comparison")
    await run_port(place, out=out / "baseline.jsonl", durable=False, texts=False)
    scores = await score_files(
        place,
        decisions=out / "decisions.jsonl",
        key=out / "key.jsonl",
        baseline=out / "baseline.jsonl",
        reread=True,
    )
    seconds = time.monotonic() - start
    if json:
        print_data({"run": done, "seconds": round(seconds, 1), "scores": _plain(scores)}, as_json=True)
        return
    show_scores(scores)
    _next(project, out, done, seconds)


def _plain(scores: dict[str, Score]) -> dict[str, Any]:
    return {name: one.to_json() for name, one in scores.items()}


def _world(out: Path, size: SizeName, say: Callable[[str], None]) -> Path:
    """Make the world unless it is there, start its servers, and return the project folder."""
    from pilothouse_port.world import serve
    from pilothouse_port.world.render_world import make_world

    world = out / "world"
    if not world.exists():
        make_world(out, seed=SEED, size=size, profile="dense", say=say)
    running = serve.up(world, say=say)
    for notice in running.notices:
        say(f"note: {notice}")
    return _project(running.project.parent, world)


def _project(folder: Path, world: Path) -> Path:
    """Put people and the mapping in front of the sources that the world declares."""
    import tomllib

    project = folder / "pilothouse.toml"
    sources = project.read_text(encoding="utf-8")
    if "[project]" in sources:
        return folder
    as_of = tomllib.loads((world / "world.toml").read_text(encoding="utf-8"))["as_of"]
    bindings = Path(__file__).parent / "worlds" / f"seed{SEED}" / "port.yaml"
    head = PEOPLE.format(seed=SEED, bindings=bindings, policy=world / "POLICY.md", as_of=as_of, cedar=CEDAR)
    project.write_text(head + sources, encoding="utf-8")
    return folder


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _silent(text: str) -> None:
    """Say nothing: a script reads the JSON."""


def _next(project: Path, out: Path, done: dict[str, Any], seconds: float) -> None:
    typer.echo(f"\n{done['consignments']} boxes decided; {seconds:.0f} s from nothing to here.")
    typer.echo("Open the inbox (one key an answer, the last four characters of the box release it):")
    typer.echo(f"  .venv/bin/pilothouse inbox --as clerk.amira --project {project}")
    typer.echo("Let approved boxes go: pilothouse up, in the same project. Stop the port's servers:")
    typer.echo(f"  .venv/bin/pilothouse port world down {out / 'world'}")


@contextmanager
def _watching(*, quiet: bool = False) -> Generator[Callable[[dict[str, int]], None]]:
    """Show the counts it is called with as a live table; one closing line where there is no terminal."""
    last: dict[str, int] = {}
    start = time.monotonic()
    if quiet or not sys.stderr.isatty():
        yield lambda counts: (last.clear(), last.update(counts))[1]
        if not quiet:
            sys.stderr.write(f"{sum(last.values())} boxes after {time.monotonic() - start:.0f} s\n")
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=8) as live:
        yield lambda counts: live.update(_table(counts, time.monotonic() - start))


def _table(counts: dict[str, int], seconds: float) -> Table:
    from rich.table import Table

    total = max(1, sum(counts.values()))
    table = Table(box=None, title=f"{seconds:.0f} s", title_justify="left", header_style="bold")
    for column in ("boxes", "", ""):
        table.add_column(column)
    for state in sorted(counts, key=lambda name: list(WORDS).index(name) if name in WORDS else 9):
        bar = "█" * round(30 * counts[state] / total)
        table.add_row(str(counts[state]), WORDS.get(state, state), bar)
    return table
