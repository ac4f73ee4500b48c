"""Owns the commands that learn from a port's past: examples, and heads trained from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["add_commands", "learn"]


async def learn(
    places: Sequence[Any], out: Path, *, licence: str = "", tell: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Train heads from the past of one or more ports.

    Args:
        places: Where each port lies (``working.Place``).
        out: Folder of the heads; ``heads`` beside ``port.yaml`` is where a run looks for them.
        licence: Under which the examples may be used; stands in the card.
        tell: Told each step in words.
    """
    from pilothouse_port.reading.learn import train

    return await train([await past_of(place) for place in places], out, licence=licence, progress=tell)


async def past_of(place: Any) -> Any:
    """Return what the past of one port teaches."""
    from pilothouse_port.bindings import SourcesReader
    from pilothouse_port.reading.learn import read_past
    from pilothouse_port.working import find_bindings, opened

    bindings, _ = find_bindings(place)
    async with opened(place) as (sources, principal):
        return await read_past(bindings, SourcesReader(sources, principal), name=bindings.path.parent.name)


def add_commands(app: typer.Typer) -> None:
    """Add ``examples`` and ``train``."""
    app.command("examples")(examples)
    app.command("train")(train_)


Project = Annotated[
    Path, typer.Option("--project", "-p", help="Folder with pilothouse.toml, or below it.", file_okay=False)
]
Sources = Annotated[
    list[Path] | None,
    typer.Option(
        "--sources", help="TOML files with [sources.*], port.yaml beside each, in place of a project."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def _places(project: Path, sources: Sequence[Path] | None) -> list[Any]:
    from pilothouse_port.working import Place

    if not sources:
        return [Place(folder=project)]
    return [Place(folder=one.parent, sources=one, port=one.parent / "port.yaml") for one in sources]


def examples(
    project: Project = Path(),
    sources: Sources = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the JSONL files.")] = Path("examples"),
    as_json: Json = False,
) -> None:
    """Write labelled examples from past decisions: which texts said what, as the clerks' reasons tell."""
    from pilothouse.learning import Examples
    from pilothouse_port.working import run

    counts: dict[str, int] = {}
    every = [run(past_of(place)) for place in _places(project, sources)]
    out.mkdir(parents=True, exist_ok=True)
    for kind in ("mail", "remark"):
        rows = tuple(one for past in every for one in past.examples.get(kind, ()))
        Examples(rows=rows, label=every[0].label).write(out / f"port.{kind}.jsonl")
        counts[kind] = len(rows)
    found = {"out": str(out), "tickets": sum(past.tickets for past in every), "examples": counts}
    words = ", ".join(f"{count} {kind}s" for kind, count in counts.items())
    typer.echo(json.dumps(found) if as_json else f"{words} labelled by {found['tickets']} tickets, in {out}")


def train_(
    project: Project = Path(),
    sources: Sources = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the heads; by default heads beside port.yaml."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train the readers of mails and remarks from past decisions; the heads lie in your folder."""
    from pilothouse_port.working import find_bindings, run

    places = _places(project, sources)
    where = out or find_bindings(places[0])[0].path.parent / "heads"

    def tell(words: str) -> None:
        if not as_json:
            typer.echo(words, err=True)

    made = run(learn(places, where, tell=tell))
    if as_json:
        typer.echo(json.dumps(made))
        return
    for name, head in made["heads"].items():
        typer.echo(f"{name}: {head['folder']} (card.md beside it)")
    typer.echo(f"{made['cargo_words']} words of harmless cargo, from {made['tickets']} past decisions")
