"""The verbs ``traces``: what happened in runs, from spans to the graph of a decision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, console, emit, run, table
from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from pilothouse.app import Studio
    from pilothouse.traces import Graph, Moment, SpanFilter, StoredSpan, Timeline, Usage

__all__ = ["register"]

app = typer.Typer(help="What happened: spans, timelines of runs, graphs of decisions.", no_args_is_help=True)
SvgOption = Annotated[Path | None, typer.Option("--svg", help="Also write a picture there.")]
TRUST = ("untrusted", "record", "approved", "operator")


def register(cli: typer.Typer) -> None:
    """Add the verbs to ``cli``."""
    cli.add_typer(app, name="traces")


@app.command("list")
def show_spans(
    *,
    of: Annotated[str | None, typer.Option("--run", help="Only of this run; its last characters do.")] = None,
    trace: Annotated[str | None, typer.Option(help="Only of this trace, 32 hex digits.")] = None,
    name: Annotated[str | None, typer.Option(help="Only of this name, such as chat.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only of this workflow.")] = None,
    account: Annotated[str | None, typer.Option(help="Only what this account's programs sent.")] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only what failed.")] = False,
    attribute: Annotated[
        list[str] | None, typer.Option("--attribute", "-a", help="NAME=VALUE; may be repeated.")
    ] = None,
    hours: Annotated[float, typer.Option(min=0, help="How far back.")] = 24.0,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 50,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """List spans, newest first."""
    from pilothouse.traces import SpanFilter

    wanted = SpanFilter(
        trace=trace, name=name, workflow=workflow, account=account, errors=errors, limit=limit,
        attributes=dict(_pair(one) for one in attribute or ()),
        after=datetime.now(UTC) - timedelta(hours=hours),
    )  # fmt: skip
    run(_list(wanted, of, project, acting, json))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is no NAME=VALUE", code="traces.filter")
    return name, value


async def _list(wanted: SpanFilter, of: str | None, folder: Path, acting: str | None, json: bool) -> None:
    from dataclasses import replace

    from pilothouse.app import open_studio

    async with open_studio(folder, acting=acting, work=False) as studio:
        if of is not None:
            wanted = replace(wanted, run=await _run(studio, of))
        found = await studio.traces.find(studio.principal, wanted)
    _say(found, as_json=json, show=lambda: _spans(found))


def _spans(found: list[StoredSpan]) -> RenderableType:
    from pilothouse.traces import lasting

    rows = [
        [
            f"{one.began:%d %b %H:%M:%S}",
            one.name,
            one.status if one.status == "error" else "",
            one.message,
            lasting(one.took / 1e9),
            f"{one.account} (untrusted)" if one.foreign else one.workflow,
            one.trace[-8:],
        ]
        for one in found
    ]
    columns = ["began", "name", "", "code", "took", "workflow", "trace"]
    empty = "No spans that you may read. They come with runs; see the right traces:WORKFLOW:read."
    return table("spans", columns, rows, empty=empty)


@app.command()
def show(
    id: Annotated[str, typer.Argument(metavar="RUN", help="The run; its last characters are enough.")],
    *,
    svg: SvgOption = None,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Draw what happened in a run: steps, waits, people, model calls, tokens and cost on one line of time."""
    run(_show(id, svg, project, acting, json))


async def _show(id: str, svg: Path | None, folder: Path, acting: str | None, json: bool) -> None:
    from pilothouse.app import open_studio
    from pilothouse.traces import timeline_svg

    async with open_studio(folder, acting=acting, work=False) as studio:
        who, engine = studio.principal, studio.engine
        found = await studio.traces.timeline(who, engine, await _run(studio, id), inbox=studio.inbox)
    _write(svg, lambda: timeline_svg(found))
    _say(found, as_json=json, show=lambda: _picture(found))


def _picture(found: Timeline) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from pilothouse.traces import scaled

    scale = scaled(found.moments, now=found.ended)
    head = Text.assemble((found.state, "bold"), f"  {found.workflow} {found.version}  {found.run}")
    about = f"for {found.principal}, started {found.started:%Y-%m-%d %H:%M:%S} UTC"
    parts: list[Any] = [head, Text(about, "dim")]
    parts += [Text(found.reason, style="yellow")] if found.reason else []
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("what", "when", "took", "came to", "tokens", "trust"):
        grid.add_column(column, overflow="fold", no_wrap=column == "when")
    bars = max(12, min(40, console().width - 76))
    for moment in found.moments:
        right = scale.at(moment.until) if moment.until else 1.0
        grid.add_row(*_line(moment, scale.at(moment.at), right, bars))
    parts.append(grid)
    tokens_in, tokens_out = found.tokens
    if tokens_in or tokens_out:
        parts.append(Text(f"{tokens_in} tokens in, {tokens_out} out, cost {found.cost}"))
    if scale.folds:
        parts.append(Text("Stretches in which nothing ran are folded.", "dim"))
    if found.children:
        parts.append(Text("children: " + ", ".join(str(child)[-8:] for child in found.children)))
    return Group(*parts)


def _line(moment: Moment, left: float, right: float, bars: int) -> list[Any]:
    from rich.text import Text

    from pilothouse.traces import lasting, words_of

    style = "red" if moment.outcome == "error" else "dim" if moment.waits or moment.foreign else ""
    first = min(int(left * bars), bars - 1)
    length = max(1, min(round((right - left) * bars), bars - first))
    bar = " " * first + ("·" if moment.waits else "█") * length
    tokens = f"{moment.tokens_in}+{moment.tokens_out}" if moment.tokens_in or moment.tokens_out else ""
    trust = "" if moment.integrity is None else TRUST[moment.integrity]
    words = "  " * moment.depth + words_of(moment)
    took = "" if moment.seconds is None else lasting(moment.seconds)
    came = moment.code or ("" if moment.outcome == "ok" else moment.outcome)
    return [Text(one, style=style) for one in (words, f"{bar:<{bars}}", took, came, tokens, trust)]


@app.command()
def graph(
    id: Annotated[
        str, typer.Argument(metavar="DECISION", help="A proposal (its last characters do) or an effect id.")
    ],
    *,
    svg: SvgOption = None,
    mermaid: Annotated[Path | None, typer.Option(help="Also write a Mermaid chart there.")] = None,
    dot: Annotated[Path | None, typer.Option(help="Also write a Graphviz file there.")] = None,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Show a decision from its sources to the log: evidence, claims, rules, people, effect, audit."""
    run(_graph(id, svg, mermaid, dot, project, acting, json))


async def _graph(
    id: str,
    svg: Path | None,
    mermaid: Path | None,
    dot: Path | None,
    folder: Path,
    acting: str | None,
    json: bool,
) -> None:
    from pilothouse.app import decision_graph, open_studio
    from pilothouse.traces import graph_dot, graph_mermaid, graph_svg, graph_text

    async with open_studio(folder, acting=acting, work=False) as studio:
        who = studio.principal
        if ":" in id:
            found: Graph = await decision_graph(studio, who, effect_id=id)
        else:
            found = await decision_graph(studio, who, proposal_id=await studio.find_proposal(id))
    for path, draw in ((svg, graph_svg), (mermaid, graph_mermaid), (dot, graph_dot)):
        _write(path, lambda draw=draw: draw(found))
    _say(found, as_json=json, show=lambda: graph_text(found))


@app.command()
def usage(
    *,
    by: Annotated[str, typer.Option(help="model, agent, run, workflow or account.")] = "model",
    of: Annotated[str | None, typer.Option("--run", help="Only of this run.")] = None,
    days: Annotated[float, typer.Option(min=0, help="How far back.")] = 30.0,
    foreign: Annotated[bool, typer.Option("--foreign", help="Also what other programs say.")] = False,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Sum up tokens, cost and time of model calls."""
    run(_usage(by, of, days, foreign, project, acting, json))


async def _usage(
    by: str, of: str | None, days: float, foreign: bool, folder: Path, acting: str | None, json: bool
) -> None:
    from pilothouse.app import open_studio

    if by not in ("model", "agent", "run", "workflow", "account"):
        raise UsageError(f"--by {by!r}: give model, agent, run, workflow or account", code="traces.filter")
    async with open_studio(folder, acting=acting, work=False) as studio:
        found: list[Usage] = await studio.traces.usage(
            studio.principal, by, run=None if of is None else await _run(studio, of),
            after=datetime.now(UTC) - timedelta(days=days), foreign=foreign,
        )  # fmt: skip
    columns = [by, "calls", "errors", "tokens in", "tokens out", "cost", "seconds"]
    rows = [
        [one.of or "-", one.calls, one.errors, one.tokens_in, one.tokens_out, one.cost, f"{one.seconds:.1f}"]
        for one in found
    ]
    _say(found, as_json=json, show=lambda: table("usage", columns, rows, empty="No model call in that time."))


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="File to write; OTLP as JSON, one request a line.")],
    *,
    of: Annotated[str | None, typer.Option("--run", help="Only of this run.")] = None,
    hours: Annotated[float, typer.Option(min=0, help="How far back.")] = 24.0,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Write spans into a file that every OpenTelemetry tool reads; attributes are names, codes and counts."""
    run(_export(out, of, hours, project, acting, json))


async def _export(
    out: Path, of: str | None, hours: float, folder: Path, acting: str | None, json: bool
) -> None:
    from pilothouse.app import open_studio
    from pilothouse.traces import SpanFilter, otlp_lines

    async with open_studio(folder, acting=acting, work=False) as studio:
        wanted = SpanFilter(
            run=None if of is None else await _run(studio, of), limit=1000,
            after=datetime.now(UTC) - timedelta(hours=hours),
        )  # fmt: skip
        written = 0
        with out.open("w", encoding="utf-8") as file:
            async for line, spans in otlp_lines(studio.traces, studio.principal, wanted):
                file.write(line + "\n")
                written += spans
    emit({"file": str(out), "spans": written}, as_json=json, show=lambda: f"{written} spans are in {out}")


@app.command()
def prune(
    *,
    days: Annotated[
        int | None, typer.Option(min=0, help="Forget what is older; default what the project keeps.")
    ] = None,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Forget spans beyond their retention; the journal and the log keep what they hold."""
    run(_prune(days, project, acting, json))


async def _prune(days: int | None, folder: Path, acting: str | None, json: bool) -> None:
    from pilothouse.app import open_studio

    async with open_studio(folder, acting=acting, work=False) as studio:
        gone = await studio.traces.prune(studio.principal, days=days)
    emit({"forgotten": gone}, as_json=json, show=lambda: f"{gone} spans are forgotten")


async def _run(studio: Studio, text: str) -> UUID:
    found = await studio.engine.find_ids(text)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"there is no run {text!r}; see `pilothouse runs`", code="engine.unknown_run")
    raise UsageError(f"{text!r} fits {len(found)} runs; give more characters", code="runs.ambiguous")


def _say(found: object, *, as_json: bool, show: Callable[[], RenderableType | None]) -> None:
    from pilothouse.traces import jsonable

    emit(jsonable(found) if as_json else None, as_json=as_json, show=show)


def _write(path: Path | None, draw: Callable[[], str]) -> None:
    if path is None:
        return
    path.write_text(draw(), encoding="utf-8")
    console(stderr=True).print(f"written to {path}", markup=False)
