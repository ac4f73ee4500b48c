"""The verbs ``inbox``, ``decide`` and ``delegations``: what people are asked, and who answers for whom."""

from __future__ import annotations

import json as json_module
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, run, table
from pilothouse.kernel import Principal, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pilothouse.app import Studio
    from pilothouse.decisions import Page

__all__ = ["colleague", "parse_args", "parse_until", "register"]


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    app.command()(inbox)
    app.command()(decide)
    app.command()(delegations)


def inbox(
    *,
    list_only: Annotated[bool, typer.Option("--list", "-l", help="Print the queue and leave.")] = False,
    topic: Annotated[str | None, typer.Option(help="Only this tool or workflow.")] = None,
    words: Annotated[str | None, typer.Option("--find", help="Only titles that hold these words.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what you hold or were handed.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also what is answered.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200)] = 50,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Answer what waits for you, one key each: approve, reject, edit, delegate, snooze, next."""
    filters: dict[str, Any] = {
        "topic": topic,
        "words": words,
        "mine": mine,
        "state": None if everything else "open",
        "limit": limit,
    }
    run(_inbox(filters, project, acting, list_only=list_only or json, json=json))


async def _inbox(
    filters: dict[str, Any], folder: Path, acting: str | None, *, list_only: bool, json: bool
) -> None:
    from pilothouse.app import open_studio
    from pilothouse.decisions import InboxFilter

    # Whoever sits at the inbox also carries out what is approved there; listing only reads.
    async with open_studio(folder, acting=acting, work=not list_only) as studio:
        wanted = InboxFilter(**filters)
        if list_only:
            page = await studio.inbox.list(studio.principal, wanted)
            emit(
                {"total": page.total, "items": [_line(i) for i in page.items]},
                as_json=json,
                show=lambda: _queue(page),
            )
            return
        from pilothouse.cli.inbox.clerk import Clerk

        await Clerk(studio, wanted).work()


def _line(item: Any) -> dict[str, Any]:
    names = ("id", "title", "topic", "verdict", "tier", "state", "asked_of", "run", "proposed_at", "deadline")
    more = (
        "claimed_by",
        "delegated_to",
        "answer",
        "needed",
        "given",
        "also",
        "blind",
        "hidden",
        "undo_until",
    )
    return {name: getattr(item, name) for name in (*names, *more)}


def _queue(page: Page) -> RenderableType:
    rows = [
        [
            str(item.id)[-8:],
            "blind" if item.blind and item.state == "open" else item.verdict,
            "(you may not read this)" if item.hidden else item.title,
            f"{item.deadline:%d %b %H:%M}" if item.deadline else "",
            item.claimed_by or item.delegated_to or item.asked_of,
            item.state if item.needed == 1 else f"{item.state} {item.given}/{item.needed}",
        ]
        for item in page.items
    ]
    title = f"inbox: {len(rows)} of {page.total}"
    empty = "Nothing waits for you. Runs ask here when they reach decide(); see `pilothouse runs`."
    return table(title, ["id", "advice", "question", "due", "with", "state"], rows, empty=empty)


def decide(
    proposals: Annotated[
        list[str],
        typer.Argument(help="Id, or its last characters as `inbox --list` shows them; see --approve."),
    ],
    *,
    approve: Annotated[
        bool, typer.Option("--approve", help="Say yes; to up to 20 of tiers 1-2 at once.")
    ] = False,
    reject: Annotated[str | None, typer.Option("--reject", metavar="REASON", help="Say no, and why.")] = None,
    typed: Annotated[
        str | None, typer.Option("--confirm", help="Tier 4: last four characters of what it is about.")
    ] = None,
    edit: Annotated[
        str | None, typer.Option("--edit", metavar="JSON", help="Ask anew with these arguments.")
    ] = None,
    snooze: Annotated[
        str | None, typer.Option("--snooze", metavar="2h|3d|TIME", help="Hide it until then.")
    ] = None,
    delegate: Annotated[
        str | None, typer.Option("--delegate", metavar="NAME", help="Hand it to a colleague.")
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take your answer back, while that is possible.")
    ] = False,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Answer a proposal: exactly one of --approve, --reject, --edit, --snooze, --delegate, --undo."""
    answers: dict[str, Any] = {
        "approve": approve or None,
        "reject": reject,
        "edit": edit,
        "snooze": snooze,
        "delegate": delegate,
        "undo": undo or None,
    }
    chosen = [name for name, value in answers.items() if value is not None]
    if len(chosen) != 1:
        raise UsageError(
            f"{len(chosen)} answers given; choose one of --{', --'.join(answers)}", code="decide.answer"
        )
    if len(proposals) > 1 and not approve:
        raise UsageError(
            f"{len(proposals)} proposals with --{chosen[0]}; only --approve takes several",
            code="decide.answer",
        )
    run(_decide(proposals, chosen[0], answers[chosen[0]], typed, project, acting, json))


async def _decide(
    proposals: list[str],
    verb: str,
    value: Any,
    typed: str | None,
    folder: Path,
    acting: str | None,
    json: bool,
) -> None:
    from pilothouse.app import open_studio

    async with open_studio(folder, acting=acting, work=False) as studio:
        ids, who, inbox = (
            [await studio.find_proposal(text) for text in proposals],
            studio.principal,
            studio.inbox,
        )
        id = ids[0]
        result: object
        if len(ids) > 1:
            result = await inbox.approve_many(ids, who)
        elif verb == "approve":
            result = await inbox.approve(id, who, typed=typed)
        elif verb == "reject":
            result = await inbox.reject(id, who, value)
        elif verb == "edit":
            result = await inbox.edit(id, who, parse_args(value))
        elif verb == "snooze":
            result = _line(await inbox.snooze(id, who, parse_until(value)))
        elif verb == "undo":
            result = _line(await inbox.undo(id, who))
        else:
            result = _line(await inbox.delegate(id, who, await colleague(studio, value)))
        emit(result, as_json=json, show=lambda: _said(ids, verb, result))


def _said(ids: list[UUID], verb: str, result: object) -> str:
    past = {
        "approve": "approved",
        "reject": "rejected",
        "edit": "asked anew",
        "snooze": "snoozed",
        "delegate": "delegated",
        "undo": "taken back",
    }
    if len(ids) > 1:
        return f"approved {len(ids)}; `pilothouse up` carries them out"
    if getattr(result, "verdict", "") == "pending":
        return f"noted for {ids[0]}; it needs more people, see `pilothouse inbox --list`"
    told = f"`pilothouse show {ids[0]}` tells the whole story, `pilothouse up` carries it out"
    return f"{past[verb]} {ids[0]}; {told}"


def delegations(
    *,
    give: Annotated[str | None, typer.Option("--give", metavar="NAME", help="Who stands in for you.")] = None,
    scope: Annotated[str, typer.Option(help="On which tool or workflow.")] = "",
    until: Annotated[str, typer.Option(metavar="2h|3d|TIME", help="Until when.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the log.")] = "",
    end: Annotated[UUID | None, typer.Option("--end", metavar="ID", help="End one of yours now.")] = None,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """List who stands in for whom, let a colleague stand in for you, or end that."""
    run(_delegations(give, scope, until, reason, end, project, acting, json))


async def _delegations(
    give: str | None,
    scope: str,
    until: str,
    reason: str,
    end: UUID | None,
    folder: Path,
    acting: str | None,
    json: bool,
) -> None:
    from pilothouse.app import open_studio

    async with open_studio(folder, acting=acting, work=False) as studio:
        standing, who = studio.inbox.delegations, studio.principal
        if end is not None:
            await standing.revoke(end, who)
        if give is not None:
            to = await colleague(studio, give)
            await standing.give(who, to, scope=scope, until=parse_until(until), reason=reason)
        found = await standing.of(who)
        rows = [[one.id, one.giver, one.taker, one.scope, f"{one.until:%Y-%m-%d %H:%M}"] for one in found]
        columns = ["id", "for", "answers", "on", "until"]
        empty = "Nobody stands in for you, and you for nobody. See `pilothouse delegations --help`."
        lines = [dict(zip(columns, row, strict=True)) for row in rows]
        emit(lines, as_json=json, show=lambda: table("delegations", columns, rows, empty=empty))


async def colleague(studio: Studio, name: str) -> Principal:
    """Return who is called ``name``, with the rights of today.

    Raises:
        UsageError: ``project.principal``: nobody is, or the account is shut out.
    """
    return await studio.identity.directory.find(name) or studio.project.principal(name)


def parse_args(text: str) -> dict[str, Any]:
    """Return the JSON object in ``text``.

    Raises:
        UsageError: ``decide.json``.
    """
    try:
        value = json_module.loads(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not JSON: {error}", code="decide.json") from error
    if not isinstance(value, dict):
        raise UsageError(f"{text!r} is not a JSON object of arguments", code="decide.json")
    return value  # pyright: ignore[reportUnknownVariableType] - JSON objects have text keys


def parse_until(text: str, *, at: datetime | None = None) -> datetime:
    """Return the time meant by ``30m``, ``2h``, ``3d`` or an ISO date or time (UTC when it names no zone).

    Raises:
        UsageError: ``decide.time``.
    """
    now = at or datetime.now(UTC)
    if match := re.fullmatch(r"(\d{1,4})([mhd])", text.strip()):
        unit = {"m": "minutes", "h": "hours", "d": "days"}[match[2]]
        return now + timedelta(**{unit: int(match[1])})
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{text!r} is no time; write 30m, 2h, 3d or 2026-01-31T08:00", code="decide.time"
        ) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
