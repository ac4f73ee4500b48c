"""Owns ``pilothouse port``: draft a mapping, check it, run it, score it, price it."""

from __future__ import annotations

import json as jsonlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pilothouse_port.bindings.coverage import Coverage
    from pilothouse_port.score import Score

__all__ = ["app", "print_data", "show_scores"]

app = typer.Typer(
    name="port",
    help="Container release: map a port, check it, run it, score it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
ProjectFolder = Annotated[
    Path, typer.Option("--project", "-p", help="Folder with pilothouse.toml, or below it.", file_okay=False)
]
SourcesFile = Annotated[
    Path | None, typer.Option("--sources", help="A TOML file with [sources.*], in place of a project.")
]
As = Annotated[str | None, typer.Option("--as", envvar="PILOTHOUSE_AS", help="Act as this principal.")]
Mapping = Annotated[Path | None, typer.Option("--port", help="The mapping; by default the project's.")]
Policy = Annotated[Path | None, typer.Option("--policy", help="The policy document, if not the mapping's.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Time asked about, ISO 8601; by default now.")]
Decisions = Annotated[Path, typer.Argument(help="decisions.jsonl of a run.", dir_okay=False)]


@app.command("new")
def new(
    world: Annotated[Path, typer.Argument(help="Folder with POLICY.md and systems/.", file_okay=False)],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the draft is written.")] = Path("port.yaml"),
    known: Annotated[
        Path | None, typer.Option("--known", help="Cargo wordings a person approved, one a line.")
    ] = None,
    sources: SourcesFile = None,
    project: ProjectFolder = Path(),
    acting: As = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    json: Json = False,
) -> None:
    """Draft port.yaml from the sources and the policy; every guess says why, what is open is listed."""
    from pilothouse_port.working import Place, draft_port, run

    place = Place(folder=project, sources=sources, acting=acting)
    draft = run(draft_port(world, place=place, out=out, force=force, known=known))
    words = (
        f"{draft['out']}: {draft['facts']} facts, {draft['rows']} policy rows, {len(draft['todo'])} open\n"
    )
    words += "".join(f"  todo: {item}\n" for item in draft["todo"])
    print_data(
        draft, as_json=json, words=words + f"Next: correct it, then pilothouse port check --port {out}"
    )


@app.command("check")
def check(
    *,
    port: Mapping = None,
    policy: Policy = None,
    as_of: AsOf = None,
    sources: SourcesFile = None,
    project: ProjectFolder = Path(),
    acting: As = None,
    json: Json = False,
) -> None:
    """Show what is bound, what is not known and why, words without mapping, unread text, lines."""
    from pilothouse_port.working import Place, check_port, run

    place = Place(
        folder=project, sources=sources, port=port, policy=policy, as_of=_time(as_of), acting=acting
    )
    found = run(check_port(place))
    if json:
        print_data(found.to_json(), as_json=True)
    else:
        _show_coverage(found)
    if found.problems:
        raise typer.Exit(1)


@app.command("run")
def run_(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where decisions.jsonl is written.")] = Path(
        "decisions.jsonl"
    ),
    as_of: AsOf = None,
    port: Mapping = None,
    policy: Policy = None,
    durable: Annotated[
        bool, typer.Option("--durable/--pure", help="Durable runs and the inbox, or figures only.")
    ] = True,
    texts: Annotated[
        bool, typer.Option("--texts/--no-texts", help="Let unread texts tighten; without, the baseline.")
    ] = True,
    sources: SourcesFile = None,
    project: ProjectFolder = Path(),
    acting: As = None,
    json: Json = False,
) -> None:
    """Decide every consignment of the discharge list as of a time and write decisions.jsonl."""
    from pilothouse_port.working import Place, run, run_port

    place = Place(
        folder=project, sources=sources, port=port, policy=policy, as_of=_time(as_of), acting=acting
    )
    done = run(run_port(place, out=out, durable=durable, texts=texts))
    words = (
        f"{done['consignments']} decided in {done['seconds']} s, {done['lookups']} look-ups: {done['out']}\n"
    )
    words += "".join(f"  {verdict:9} {count}\n" for verdict, count in done["verdicts"].items())
    print_data(done, as_json=json, words=words + _next_step(out, durable=durable and texts))


def _next_step(out: Path, *, durable: bool) -> str:
    if durable:
        return "Next: pilothouse inbox"
    return (
        f"{out} holds one line a box: verdict, reasons, evidence, endorsements still needed.\n"
        f"Who has an answer key may compare: pilothouse port score {out} <answer key>"
    )


@app.command("score")
def score_(
    decisions: Decisions,
    key: Annotated[Path, typer.Argument(help="Answer key, one JSON line a consignment.", dir_okay=False)],
    *,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="Decisions of a run with --no-texts, shown beside.")
    ] = None,
    reread: Annotated[
        bool, typer.Option("--reread", help="Read every cited value again at its source.")
    ] = False,
    sources: SourcesFile = None,
    project: ProjectFolder = Path(),
    acting: As = None,
    json: Json = False,
) -> None:
    """Score decisions against an answer key: right, wrong releases, needless blocks, reasons, minutes."""
    from pilothouse_port.working import Place, run, score_files

    place = Place(folder=project, sources=sources, acting=acting)
    scores = run(score_files(place, decisions=decisions, key=key, baseline=baseline, reread=reread))
    if json:
        print_data({name: value.to_json() for name, value in scores.items()}, as_json=True)
    else:
        show_scores(scores)


@app.command("cost")
def cost(
    decisions: Decisions,
    *,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Also write every action, to count again.")
    ] = None,
    json: Json = False,
) -> None:
    """Price logged actions by the keystroke-level model: three manual clerks against the assisted one."""
    from pilothouse_port.working import price

    found = price(decisions, csv=csv)
    rows = [f"  {name:10} {value:6.2f} min a box" for name, value in found["minutes"].items()]
    low, high = found["saved_range"]
    words = f"{found['n']} boxes\n" + "\n".join(rows)
    words += f"\n  saved against the competent clerk: {found['saved']:.0%}"
    words += f" ({low:.0%} to {high:.0%} by reading speed)"
    print_data(found, as_json=json, words=words)


def _time(text: str | None) -> datetime | None:
    from pilothouse.kernel import UsageError

    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(
            f"{text!r} is no time; write it like 2026-03-04T12:00:00+01:00", code="port.time"
        ) from None


def print_data(data: dict[str, Any], *, as_json: bool, words: str = "") -> None:
    """Print data as JSON for scripts, or the words for people."""
    typer.echo(jsonlib.dumps(data, ensure_ascii=False, indent=2) if as_json else words)


def _show_coverage(found: Coverage) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in ("fact", "where", "with a value", "absent (no row)", "unknown", "because"):
        table.add_column(column, overflow="fold")
    for fact in found.facts:
        causes = ", ".join(f"{cause} {count}" for cause, count in fact.causes.items())
        valued = f"[yellow]{fact.valued}[/yellow]" if fact.mute else str(fact.valued)
        where = escape(fact.where) or "[red]not bound[/red]"
        table.add_row(fact.name, where, valued, str(fact.absent), str(fact.unknown), causes)
    console = Console(highlight=False)
    console.print(table)
    unread = ", ".join(f"{count} {kind}" for kind, count in found.unread.items()) or "none"
    console.print(f"unread texts: {unread} · {found.lookups} look-ups · {found.lines} lines (at most 150)")
    for mark, lines in (("[red]![/red]", found.problems), ("[yellow]?[/yellow]", found.warnings)):
        for line in lines:
            console.print(mark, escape(line))
    warned = f", {len(found.warnings)} to look at" if found.warnings else ""
    count = len(found.problems)
    console.print(f"{count or 'no'} {'problem' if count == 1 else 'problems'} in {found.n} boxes{warned}")


def show_scores(scores: dict[str, Score]) -> None:
    """Print scores side by side, each figure with its n and each zero with its bound."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    table.add_column("")
    for name, one in scores.items():
        table.add_column(f"{name} (n={one.n})", overflow="fold")
    measures = (
        ("right", "right", 100),
        ("wrong releases, advised", "wrong_advised", 1000),
        ("wrong releases, bound", "wrong_bound", 1000),
        ("needless blocks", "needless", 100),
        ("reasons, precision", "precision", 100),
        ("reasons, recall", "recall", 100),
        ("evidence supports", "supported", 100),
        ("evidence read again equal", "valid", 100),
    )
    for label, field, per in measures:
        rates = [getattr(one, field) for one in scores.values()]
        if all(rate is not None for rate in rates[:1]):
            table.add_row(label, *(rate.words(per=per) if rate else "-" for rate in rates))
    table.add_row("look-ups a box", *(f"{one.lookups:.2f}" for one in scores.values()))
    for clerk in ("typed", "competent", "saved", "assisted"):
        table.add_row(f"minutes, {clerk}", *(f"{one.minutes.get(clerk, 0):.2f}" for one in scores.values()))
    table.add_row(
        "handling saved (model)", *(f"{one.minutes.get('saved_share', 0):.0%}" for one in scores.values())
    )
    Console(highlight=False).print(table)


def _add_reading() -> None:
    from pilothouse_port.reading.commands import add_commands

    add_commands(app)


def _add_assist() -> None:
    from pilothouse_port.assist.commands import add_commands

    add_commands(app)


def _add_world() -> None:
    """Add the made worlds where they are installed; their commands import nothing heavy."""
    try:
        from pilothouse_port.world.commands import app as world
    except ImportError:
        return
    app.add_typer(world, name="world")


_add_reading()
_add_assist()
_add_world()
