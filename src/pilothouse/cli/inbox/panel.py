"""Owns how one inbox item looks on a terminal: advice, reasons, what is not trusted, evidence numbered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pilothouse.cli.console import plain

if TYPE_CHECKING:
    from rich.console import Group

    from pilothouse.decisions import EvidenceRow, ItemView
    from pilothouse.labels import Label, Position

__all__ = ["evidence_page", "item_page"]

PLACES = 3
MARKS = {"RELEASE": ("✔", "green"), "HOLD": ("■", "yellow"), "ESCALATE": ("▲", "red")}


def item_page(view: ItemView, *, place: str = "") -> Group:
    """Return the page of one item: what is asked, why, and the evidence with its source, a line each."""
    from rich.console import Group
    from rich.text import Text

    proposal = view.proposal
    mark, colour = MARKS.get(proposal.verdict, ("●", "cyan"))
    title = "(you may not read this)" if view.closed else proposal.title
    head = Text.assemble((f"{mark} {proposal.verdict or 'ASKED'}", f"bold {colour}"), "  ", title)
    lines: list[Any] = [head, Text(_facts(view, place), style="dim")]
    if proposal.summary:
        lines.append(Text(proposal.summary))
    lines += [
        Text.assemble(("  ! ", colour), (reason.code, "bold"), f"  {reason.text or reason.check}")
        for reason in proposal.reasons
    ]
    lines += [Text(f"  {line}", style="yellow") for line in _cautions(view)]
    lines += [Text(f"  stale: {name} must be read again", style="yellow") for name in view.stale]
    lines += [_evidence_line(number, row) for number, row in enumerate(_rows(view), start=1)]
    if proposal.tool:
        lines.append(Text(f"does: {proposal.tool} {_plain(proposal.args)}", style="bold"))
    lines += [Text(f"  {line}", style="red") for line in _untrusted(view)]
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


def _cautions(view: ItemView) -> list[str]:
    """Say what keeps this person from answering at once."""
    lines: list[str] = []
    if view.closed:
        lines.append(f"hidden from you: {', '.join(view.closed)}; you may refuse it, not approve it")
    if view.item.blind and view.item.state == "open":
        lines.append("judge for yourself: the advice is shown when you have answered")
    if view.item.needed > 1:
        who = ", ".join(one.approver for one in view.approvals if one.verdict == "approve")
        lines.append(f"{view.item.given} of {view.item.needed} people said yes" + (f": {who}" if who else ""))
    lines += [f"asked again, also of {', '.join(view.item.also)}"] if view.item.also else []
    lines += [f"a person is asked because of {', '.join(view.proposal.asks)}"] if view.proposal.asks else []
    return lines


def _untrusted(view: ItemView) -> list[str]:
    """Name each argument that a person vouches for by saying yes, with the places it came from."""
    from pilothouse.labels import Integrity

    named = {"pc": "the choice to do this", **{name: name for name in view.proposal.args}}
    return [
        f"not trusted: {named[name]}, from {_sources(label)}"
        for name, label in sorted(view.proposal.labels.items())
        if label.integrity == Integrity.UNTRUSTED and name in named
    ]


def _sources(label: Label) -> str:
    from pilothouse.labels import Origin, leaves

    found = [
        " ".join(
            part
            for part in (leaf.source, leaf.object, *leaf.key.values(), leaf.field, _at(leaf.position))
            if part
        )
        for leaf in leaves(label)
        if isinstance(leaf, Origin)
    ]
    listed = "; ".join(found[:PLACES]) or "where you may not look"
    return listed + (f" and {len(found) - PLACES} more" if len(found) > PLACES else "")


def _at(position: Position | None) -> str:
    return "" if position is None else f"({_where(position)})"


def _where(position: Position) -> str:
    parts = {name: getattr(position, name) for name in position.__dataclass_fields__}
    return ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
