"""The verbs ``inbox`` and ``decide``: what a person is asked, and the answers."""

from __future__ import annotations

import json as json_module
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, run, table
from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pilothouse.decisions import Page

__all__ = ["parse_args", "parse_until", "register"]


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    app.command()(inbox)
    app.command()(decide)


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
        from pilothouse.cli.clerk import Clerk

        await Clerk(studio, wanted).work()


def _line(item: Any) -> dict[str, Any]:
    names = ("id", "title", "topic", "verdict", "tier", "state", "asked_of", "run", "proposed_at", "deadline")
    return {name: getattr(item, name) for name in (*names, "claimed_by", "delegated_to", "answer")}


def _queue(page: Page) -> RenderableType:
    rows = [
        [
            str(item.id)[-8:],
            item.verdict,
            item.title,
            f"{item.deadline:%d %b %H:%M}" if item.deadline else "",
            item.claimed_by or item.delegated_to or item.asked_of,
            item.state,
        ]
        for item in page.items
    ]
    title = f"inbox: {len(rows)} of {page.total}"
    empty = "Nothing waits for you. Runs ask here when they reach decide(); see `pilothouse runs`."
    return table(title, ["id", "advice", "question", "due", "with", "state"], rows, empty=empty)


def decide(
    proposal: Annotated[str, typer.Argument(help="Id, or its last characters as `inbox --list` shows them.")],
    *,
    approve: Annotated[bool, typer.Option("--approve", help="Say yes.")] = False,
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
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Answer one proposal: exactly one of --approve, --reject, --edit, --snooze, --delegate."""
    chosen = [approve, reject is not None, edit is not None, snooze is not None, delegate is not None]
    if sum(chosen) != 1:
        raise UsageError(
            f"{sum(chosen)} answers given; choose one of --approve, --reject, --edit, --snooze, --delegate",
            code="decide.answer",
        )
    answers = {"approve": approve, "reject": reject, "edit": edit, "snooze": snooze, "delegate": delegate}
    run(_decide(proposal, answers, typed, project, acting, json))


async def _decide(
    proposal: str, answers: dict[str, Any], typed: str | None, folder: Path, acting: str | None, json: bool
) -> None:
    from pilothouse.app import open_studio

    async with open_studio(folder, acting=acting, work=False) as studio:
        id, who, inbox = await studio.find_proposal(proposal), studio.principal, studio.inbox
        result: object
        if answers["approve"]:
            result = await inbox.approve(id, who, typed=typed)
        elif answers["reject"] is not None:
            result = await inbox.reject(id, who, answers["reject"])
        elif answers["edit"] is not None:
            result = await inbox.edit(id, who, parse_args(answers["edit"]))
        elif answers["snooze"] is not None:
            result = _line(await inbox.snooze(id, who, parse_until(answers["snooze"])))
        else:
            result = _line(await inbox.delegate(id, who, studio.project.principal(answers["delegate"])))
        emit(result, as_json=json, show=lambda: _said(id, answers))


def _said(id: UUID, answers: dict[str, Any]) -> str:
    verb = next(name for name, value in answers.items() if value not in (None, False))
    past = {
        "approve": "approved",
        "reject": "rejected",
        "edit": "asked anew",
        "snooze": "snoozed",
        "delegate": "delegated",
    }
    return f"{past[verb]} {id}; `pilothouse show {id}` tells the whole story, `pilothouse up` carries it out"


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
