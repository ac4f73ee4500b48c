"""The verbs of the ladder: where each version stands, and everything a person may do about it."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, run, table
from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pilothouse.app import Studio
    from pilothouse.decisions import Ladder, Rung, Standing, Unit

__all__ = ["register"]

app = typer.Typer(help="How far each version may act alone, and on which evidence.", no_args_is_help=False)
UnitArgument = Annotated[str, typer.Argument(help="The unit as the table prints it, or a part of it.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]
ScopeOption = Annotated[str, typer.Option("--scope", help="'*', 'action:<a>', 'site:<s>' or 'version:<v>'.")]
COLUMNS = ("unit", "rung", "reviewed", "bad/n", "evidence", "at most wrong", "clean to go")


def register(cli: typer.Typer) -> None:
    """Add the verbs to ``cli``."""
    cli.add_typer(app, name="ladder")


@app.callback(invoke_without_command=True)
def ladder(
    context: typer.Context,
    *,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Show where every unit stands: labels, evidence, bound, and how many clean labels are still needed."""
    if context.invoked_subcommand is not None:
        return
    standings: tuple[Standing, ...] = run(_standings(project, acting))
    data = [_plain(each) for each in standings]
    emit(data, as_json=json, show=lambda: _shown(standings))


async def _standings(folder: Path, acting: str | None) -> tuple[Standing, ...]:
    async with _opened(folder, acting) as studio:
        return await studio.ladder.standings()


@app.command()
def show(
    unit: UnitArgument, *, project: ProjectOption = Path(), acting: AsOption = None, json: JsonOption = False
) -> None:
    """Show one unit with its certificate and how it moved."""
    data: dict[str, Any] = run(_shown_unit(project, acting, unit))
    emit(data, as_json=json, show=lambda: _story(data))


async def _shown_unit(folder: Path, acting: str | None, name: str) -> dict[str, Any]:
    async with _opened(folder, acting) as studio:
        unit = await _found(studio.ladder, name)
        standing = await studio.ladder.standing(unit)
        moves = await studio.ladder.moves(unit)
        cases = await studio.ladder.cases(unit, limit=10)
    return {
        **_plain(standing),
        "certificate": standing.certificate,
        "moves": [
            {
                "at": move.at,
                "before": move.before.name.lower(),
                "after": move.after.name.lower(),
                "why": move.why,
                "reason": move.reason,
                "by": move.by,
            }
            for move in moves
        ],
        "latest": [
            {"case": case.case, "wrong": case.wrong, "counted": case.counted, "source": case.source}
            for case in cases
        ],
    }


@app.command()
def drop(
    *,
    reason: ReasonOption,
    scope: ScopeOption = "*",
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Hold everything, or one scope, at approve: a person sees each case again, at once."""
    changed: int = run(_switch(project, acting, scope, reason, dropped=True))
    emit({"scope": scope, "units": changed}, as_json=json, show=lambda: f"{changed} units held at approve")


@app.command()
def lift(
    *,
    reason: ReasonOption,
    scope: ScopeOption = "*",
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Let units stand where they stood before the drop."""
    changed: int = run(_switch(project, acting, scope, reason, dropped=False))
    emit({"scope": scope, "units": changed}, as_json=json, show=lambda: f"{changed} units let go")


async def _switch(folder: Path, acting: str | None, scope: str, reason: str, *, dropped: bool) -> int:
    async with _opened(folder, acting) as studio:
        verb = studio.ladder.drop_all if dropped else studio.ladder.lift
        return await verb(by=studio.principal, reason=reason, scope=scope)


@app.command()
def demote(
    unit: UnitArgument,
    *,
    reason: ReasonOption,
    to: Annotated[str, typer.Option("--to", help="shadow, suggest, approve or sampled.")] = "approve",
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Take one unit down; it must earn its rung anew."""
    data: dict[str, Any] = run(_moved(project, acting, unit, to, reason, chosen=False))
    emit(data, as_json=json, show=lambda: _move_words(data))


@app.command()
def choose(
    unit: UnitArgument,
    *,
    to: Annotated[str, typer.Option("--to", help="shadow, suggest or approve; higher rungs are earned.")],
    reason: ReasonOption,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Put one unit on a rung that a person may choose."""
    data: dict[str, Any] = run(_moved(project, acting, unit, to, reason, chosen=True))
    emit(data, as_json=json, show=lambda: _move_words(data))


async def _moved(
    folder: Path, acting: str | None, name: str, to: str, reason: str, *, chosen: bool
) -> dict[str, Any]:
    rung = _rung(to)
    async with _opened(folder, acting) as studio:
        unit = await _found(studio.ladder, name)
        if chosen:
            moved = await studio.ladder.choose(unit, rung, by=studio.principal, reason=reason)
        else:
            moved = await studio.ladder.demote(unit, by=studio.principal, reason=reason, to=rung)
        standing = await studio.ladder.standing(unit)
    return {"unit": str(unit), "moved": moved, "rung": standing.rung.name.lower()}


@app.command()
def label(
    unit: UnitArgument,
    case: Annotated[str, typer.Argument(help="The effect id, or the proposal's id where there was none.")],
    *,
    wrong: Annotated[bool, typer.Option("--wrong/--right", help="How the case turned out.")],
    source: Annotated[str, typer.Option("--source", help="Who says so, such as complaint.")] = "person",
    critical: Annotated[bool, typer.Option("--critical", help="One such case is one too many.")] = False,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say how a case turned out; bad is final and counts at once."""
    data: dict[str, Any] = run(_label(project, acting, unit, case, wrong, source, critical))
    emit(data, as_json=json, show=lambda: "counted" if data["changed"] else "known already")


async def _label(
    folder: Path, acting: str | None, name: str, case: str, wrong: bool, source: str, critical: bool
) -> dict[str, Any]:
    async with _opened(folder, acting) as studio:
        unit = await _found(studio.ladder, name)
        changed = await studio.ladder.report(
            unit, case, wrong=wrong, source=source, by=studio.principal, critical=critical
        )
        return {"changed": changed, **_plain(await studio.ladder.standing(unit))}


@app.command()
def waive(
    unit: UnitArgument,
    *,
    until: Annotated[datetime, typer.Option("--until", help="The waiver ends then (UTC).")],
    reason: ReasonOption,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Ask in the inbox for the signatures that lift the cap of the unit's class for a time."""
    question: str = run(_waive(project, acting, unit, until.replace(tzinfo=UTC), reason))
    emit({"proposal": question}, as_json=json, show=lambda: f"asked: {question}")


async def _waive(folder: Path, acting: str | None, name: str, until: datetime, reason: str) -> str:
    async with _opened(folder, acting) as studio:
        unit = await _found(studio.ladder, name)
        return str(await studio.ladder.ask_waiver(unit, until=until, reason=reason, by=studio.principal))


@app.command()
def unwaive(
    unit: UnitArgument,
    *,
    reason: ReasonOption,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Take back what is waived for the unit's class."""
    revoked: int = run(_unwaive(project, acting, unit, reason))
    emit({"waivers": revoked}, as_json=json, show=lambda: f"{revoked} waivers taken back")


async def _unwaive(folder: Path, acting: str | None, name: str, reason: str) -> int:
    async with _opened(folder, acting) as studio:
        unit = await _found(studio.ladder, name)
        return await studio.ladder.revoke_waivers(unit, by=studio.principal, reason=reason)


@asynccontextmanager
async def _opened(folder: Path, acting: str | None) -> AsyncGenerator[Studio]:
    from pilothouse.app import open_studio

    async with open_studio(folder, acting=acting, work=False) as studio:
        yield studio


async def _found(ladder: Ladder, name: str) -> Unit:
    units = [standing.unit for standing in await ladder.standings()]
    fits = [unit for unit in units if name == str(unit)] or [unit for unit in units if name in str(unit)]
    if len(fits) != 1:
        known = (
            ", ".join(str(unit) for unit in fits or units) or "none yet; a unit appears with its first label"
        )
        raise UsageError(f"{name!r} names {len(fits)} units; known: {known}", code="ladder.no_unit")
    return fits[0]


def _rung(word: str) -> Rung:
    from pilothouse.decisions import Rung

    known = {rung.name.lower(): rung for rung in Rung}
    if word not in known:
        raise UsageError(f"there is no rung {word!r}; choose of {', '.join(known)}", code="ladder.no_rung")
    return known[word]


def _plain(standing: Standing) -> dict[str, Any]:
    """Return a standing for scripts; what is infinite is null."""
    return {
        "unit": str(standing.unit),
        "rung": standing.rung.name.lower(),
        "earned": standing.earned.name.lower(),
        "cap": standing.cap.name.lower(),
        "dropped": standing.dropped,
        "review": standing.review,
        "n": standing.n,
        "k": standing.k,
        "eps": standing.eps,
        "catch": standing.catch,
        "log_e": standing.log_e,
        "needed": standing.needed if math.isfinite(standing.needed) else None,
        "bound": standing.bound,
        "more": standing.more,
        "ready": standing.ready,
    }


def _shown(standings: tuple[Standing, ...]) -> RenderableType:
    return table("Ladder", COLUMNS, [_row(each) for each in standings], empty="No unit has a label yet.")


def _row(standing: Standing) -> tuple[object, ...]:
    rung = standing.rung.name.lower()
    if standing.dropped and standing.earned > standing.rung:
        rung += f" (dropped from {standing.earned.name.lower()})"
    ready = "asked" if standing.ready else standing.more
    capped = standing.earned >= standing.cap
    return (
        standing.unit,
        rung,
        f"{standing.review:.0%}",
        f"{standing.k}/{standing.n}",
        _times(standing.log_e) + (f" of {_times(standing.needed)}" if math.isfinite(standing.needed) else ""),
        f"{standing.bound:.2%}",
        f"cap of tier {standing.unit.tier}" if capped else "-" if ready is None else ready,
    )


def _times(logarithm: float) -> str:
    if logarithm < math.log(1e6):
        return f"{math.exp(logarithm):,.1f}"
    return f"10^{logarithm / math.log(10):.0f}"


def _story(data: dict[str, Any]) -> RenderableType:
    rows = [
        (
            move["at"].strftime("%Y-%m-%d %H:%M"),
            f"{move['before']} -> {move['after']}",
            move["why"],
            move["reason"],
            move["by"],
        )
        for move in data["moves"]
    ]
    title = f"{data['unit']} stands at {data['rung']}: {data['n']} labels, {data['k']} bad"
    return table(title, ("when", "move", "why", "reason", "by"), rows, empty=f"{title}; it never moved.")


def _move_words(data: dict[str, Any]) -> str:
    verb = "now stands" if data["moved"] else "already stands"
    return f"{data['unit']} {verb} at {data['rung']}"
