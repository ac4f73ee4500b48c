"""Owns how one inbox item looks on a terminal: verdict, reasons first, evidence numbered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pilothouse.cli.console import plain

if TYPE_CHECKING:
    from rich.console import Group

    from pilothouse.decisions import EvidenceRow, ItemView
    from pilothouse.labels import Position

__all__ = ["evidence_page", "item_page"]

MARKS = {"RELEASE": ("✔", "green"), "HOLD": ("■", "yellow"), "ESCALATE": ("▲", "red")}


def item_page(view: ItemView, *, place: str = "") -> Group:
    """Return the page of one item: what is asked, why, and the evidence with its source, a line each."""
    from rich.console import Group
    from rich.text import Text

    proposal = view.proposal
    mark, colour = MARKS.get(proposal.verdict, ("●", "cyan"))
    head = Text.assemble((f"{mark} {proposal.verdict or 'ASKED'}", f"bold {colour}"), "  ", proposal.title)
    lines: list[Any] = [head, Text(_facts(view, place), style="dim")]
    if proposal.summary:
        lines.append(Text(proposal.summary))
    lines += [
        Text.assemble(("  ! ", colour), (reason.code, "bold"), f"  {reason.text or reason.check}")
        for reason in proposal.reasons
    ]
    lines += [Text(f"  stale: {name} must be read again", style="yellow") for name in view.stale]
    lines += [_evidence_line(number, row) for number, row in enumerate(_rows(view), start=1)]
    if proposal.tool:
        lines.append(Text(f"does: {proposal.tool} {_plain(proposal.args)}", style="bold"))
    return Group(*lines, Text(""))


def evidence_page(row: EvidenceRow) -> Group:
    """Return everything known about one value: where it stands, as of when, under which hash."""
    from rich.console import Group
    from rich.text import Text

    where = row.position
    facts = {
        "value": _plain(row.value),
        "source": f"{row.source} {row.object}",
        "key": ", ".join(f"{name}={value}" for name, value in sorted(row.key.items())),
        "field": row.field,
        "position": "" if where is None else _where(where),
        "read": "" if row.read_at is None else f"{row.read_at:%Y-%m-%d %H:%M:%S} UTC, version {row.version}",
        "hash": row.hash,
    }
    return Group(
        Text(row.name, style="bold"), *(Text(f"  {name:9}{value}") for name, value in facts.items() if value)
    )


def _rows(view: ItemView) -> tuple[EvidenceRow, ...]:
    from pilothouse.decisions import evidence_rows

    return evidence_rows(view.proposal.evidence)


def _evidence_line(number: int, row: EvidenceRow) -> Any:
    from rich.text import Text

    key = " ".join(row.key.values())
    return Text.assemble(
        (f"{number:3} ", "dim"), f"{row.name:26} {_plain(row.value):24}", (f"  {row.source} {key}", "dim")
    )


def _facts(view: ItemView, place: str) -> str:
    item = view.item
    parts = [place, f"tier {item.tier}", f"for {item.asked_of or 'anyone'}"]
    parts += [f"due {item.deadline:%d %b %H:%M}"] if item.deadline else []
    parts += [f"held by {item.claimed_by}"] if item.claimed_by else []
    parts += [f"delegated to {item.delegated_to}"] if item.delegated_to else []
    return " · ".join(part for part in parts if part)


def _where(position: Position) -> str:
    parts = {name: getattr(position, name) for name in position.__dataclass_fields__}
    return ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
