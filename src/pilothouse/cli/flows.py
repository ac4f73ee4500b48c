"""The verbs of flows: ``flows check``, ``flows endorse``, ``flows list``, ``flows revoke``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, emit, run, table
from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pilothouse.effects import Endorsement
    from pilothouse.workflows import FlowTable, Workflow

__all__ = ["register"]

flows = typer.Typer(
    help="What flows from sources into effects, and which flows people let pass.", no_args_is_help=True
)
SECRECY = "sink.secrecy:"
COLUMNS = ["line", "tool", "argument", "from", "verdict", "why", "may be endorsed"]


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    app.add_typer(flows, name="flows")


@flows.command("check")
def check(
    workflow: Annotated[
        str | None, typer.Argument(help="Only this workflow; default all of the project.")
    ] = None,
    *,
    typed: Annotated[
        bool,
        typer.Option("--typed", help="As if every argument were typed by a person; default: by anybody."),
    ] = False,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Show every flow into an effect: passes, asks a person, or never; exit 1 if one never passes."""
    if run(_check(workflow, typed, project, json)):
        raise typer.Exit(1)


async def _check(name: str | None, typed: bool, folder: Path, json: bool) -> int:
    from pilothouse.app import find_project, load_modules, load_project, open_sources
    from pilothouse.workflows import WORKFLOWS, check_flows, configured

    load_modules(load_project(find_project(folder)))
    chosen = [_workflow(name)] if name else [WORKFLOWS[key] for key in sorted(WORKFLOWS)]
    async with open_sources(folder, acting=None) as (sources, _):
        promised = {source: sources.promised(source) for source in sources.names()}
    start = configured("flows check", "typed") if typed else None
    found = [check_flows(one, promised, start=start) for one in chosen]
    data = [_plain(one) for one in found]
    emit(data, as_json=json, show=lambda: _page(found))
    return sum(len(one.never) for one in found)


def _plain(found: FlowTable) -> dict[str, Any]:
    names = ("tool", "arg", "line", "sources", "verdict", "reasons", "endorse", "asked")
    return {
        "workflow": found.workflow, "version": found.version, "unread": found.unread,
        "flows": [{name: getattr(flow, name) for name in names} for flow in found.flows],
    }  # fmt: skip


def _page(found: list[FlowTable]) -> RenderableType:
    from rich.console import Group

    empty = "No effect leaves this workflow."
    return Group(
        *(
            table(
                f"{one.workflow} {one.version}{f' (not followed: {one.unread})' if one.unread else ''}",
                COLUMNS,
                [
                    [
                        flow.line, flow.tool, flow.arg, ", ".join(flow.sources),
                        flow.verdict + (" (decide() stands before)" if flow.asked and flow.reasons else ""),
                        _short(flow.reasons), flow.endorse,
                    ]
                    for flow in one.flows
                ],
                empty=f"{one.workflow} {one.version}: {empty}",
            )
            for one in found
        )
    )  # fmt: skip


def _short(reasons: Sequence[str]) -> str:
    """Count the readers that are in the way; --json names each."""
    readers = [reason for reason in reasons if reason.startswith(SECRECY)]
    rest = [reason for reason in reasons if not reason.startswith(SECRECY)]
    return ", ".join([*rest, f"{SECRECY}{len(readers)} readers"] if len(readers) > 1 else reasons)


@flows.command("endorse")
def endorse(
    workflow: Annotated[str, typer.Argument(help="The workflow; its version of today is endorsed.")],
    *,
    source: Annotated[str, typer.Option(help="The source, or source.field.")],
    tool: Annotated[str, typer.Option(help="The tool it may flow into.")],
    arg: Annotated[str, typer.Option(help="The argument, or pc for the choice to call.")],
    reason: Annotated[str, typer.Option(help="Why; it is shown and stays.")],
    treatment: Annotated[str, typer.Option("--treatment", help="as_content or choice<=16.")] = "as_content",
    days: Annotated[int, typer.Option(min=1, max=730, help="For how long.")] = 90,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Let values of a source flow into an argument, for this version of a workflow, until a day."""
    values = {"source": source, "tool": tool, "arg": arg, "treatment": treatment, "reason": reason}
    run(_endorse(workflow, values, days, project, acting, json))


async def _endorse(
    name: str, values: dict[str, str], days: int, folder: Path, acting: str | None, json: bool
) -> None:
    from pilothouse.app import open_studio

    if values["treatment"] not in ("as_content", "choice<=16"):
        raise UsageError(
            f"{values['treatment']!r} is no treatment; give 'as_content' or 'choice<=16'",
            code="workflows.treatment",
        )
    async with open_studio(folder, acting=acting, work=False) as studio:
        found = _workflow(name)
        given: dict[str, Any] = dict(values)
        granted = await studio.door.endorsements.grant(
            studio.principal, workflow=found.name, version=found.version,
            expiry=datetime.now(UTC) + timedelta(days=days), **given,
        )  # fmt: skip
        emit(
            _row(granted), as_json=json,
            show=lambda: f"{granted.source} may flow into {granted.tool}.{granted.arg} of {granted.workflow} "
            f"{granted.version} until {granted.expires_at:%Y-%m-%d}; take it back with "
            f"pilothouse flows revoke {granted.id}",
        )  # fmt: skip


@flows.command("list")
def list_endorsements(
    workflow: Annotated[str | None, typer.Argument(help="Only this workflow.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Also those that expired or were taken back.")] = False,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """List the flows that people let pass."""
    run(_list(workflow, every, project, json))


async def _list(workflow: str | None, every: bool, folder: Path, json: bool) -> None:
    from pilothouse.app import open_studio

    async with open_studio(folder, acting=None, work=False) as studio:
        found = await studio.door.endorsements.list(workflow=workflow, live=not every)
        columns = ["id", "workflow", "from", "into", "treatment", "by", "until", "why"]
        rows = [
            [
                str(one.id)[-8:], f"{one.workflow} {one.version}", one.source, f"{one.tool}.{one.arg}",
                one.treatment, one.by, f"{one.expires_at:%Y-%m-%d}", one.reason,
            ]
            for one in found
        ]  # fmt: skip
        empty = "Nothing is endorsed; pilothouse flows check shows what may be."
        emit(
            [_row(one) for one in found], as_json=json,
            show=lambda: table("endorsed flows", columns, rows, empty=empty),
        )  # fmt: skip


@flows.command("revoke")
def revoke(
    id: Annotated[UUID, typer.Argument(help="The endorsement.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it is shown and stays.")],
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Take an endorsement back: it holds for no effect that starts later."""
    run(_revoke(id, reason, project, acting, json))


async def _revoke(id: UUID, reason: str, folder: Path, acting: str | None, json: bool) -> None:
    from pilothouse.app import open_studio

    async with open_studio(folder, acting=acting, work=False) as studio:
        gone = await studio.door.endorsements.revoke(id, studio.principal, reason)
        emit(_row(gone), as_json=json, show=lambda: f"{gone.source} -> {gone.tool}.{gone.arg} asks again")


def _row(one: Endorsement) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__dataclass_fields__}


def _workflow(name: str) -> Workflow[..., Any]:
    from pilothouse.workflows import WORKFLOWS

    if name not in WORKFLOWS:
        known = ", ".join(sorted(WORKFLOWS)) or "none"
        raise UsageError(f"no workflow {name!r} is declared (declared: {known})", code="workflows.unknown")
    return WORKFLOWS[name]
