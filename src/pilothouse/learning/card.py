"""Owns the model card: what a head was made from, how good it is on known and new wordings, its limits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

__all__ = ["CARD_FILE", "PAGE_FILE", "as_page", "write_card"]

CARD_FILE, PAGE_FILE = "card.json", "card.md"
Card = Mapping[str, Any]


def write_card(card: Card, folder: Path) -> None:
    """Write the card as JSON and as a page."""
    (folder / CARD_FILE).write_text(json.dumps(card, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (folder / PAGE_FILE).write_text(as_page(card), encoding="utf-8")


def as_page(card: Card) -> str:
    """Return the card as Markdown."""
    data = card["data"]
    parts = [
        f"# {card['name']}",
        "",
        f"Reads {', '.join(card['types'])}. Trained on {data['texts']} texts with {data['wordings']} "
        f"distinct wordings in {data['units']} layouts ({_counted(data['languages'])}); wrong labels, as "
        f"far as repeated wordings tell: {data['noise']['wrong']:.1%}.",
        "",
        f"Base vectors: {card['encoder'] or 'none'}. Task: {card['task_version']}. "
        f"Data: {data['hash'][:12]}. "
        f"Licence: {data['licence'] or 'of the data'}. Readers: {', '.join(card['readers']) or 'all'}; "
        f"integrity: {card['integrity']}.",
        "",
        "A wording counts once, however many texts have it. `silent` is the expensive error: the text claims "
        "it, the reader neither says so nor leaves it open.",
    ]
    for title, name in (("New wordings", "new"), ("Known wordings", "known")):
        parts += [
            "",
            f"## {title}: texts kept aside, one rung after another",
            "",
            *_rungs(card["rungs"][name]),
        ]
        parts += ["", f"## {title}: chances of the head alone", "", *_chances(card["chances"][name])]
    parts += ["", "## Thresholds", "", *_thresholds(card["limits"]), ""]
    return "\n".join(parts)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name or '?'} {count}" for name, count in counts.items())


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(_cell(one) for one in row)} |" for row in rows),
    ]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _rungs(rungs: Mapping[str, Any]) -> list[str]:
    head = (
        "rung",
        "of",
        "texts",
        "settled",
        "wanted",
        "recall",
        "precision",
        "filled",
        "open",
        "silent",
        "cpu-s",
    )
    rows: list[list[object]] = []
    for name, figures in rungs.items():
        spent = figures["cpu_seconds_a_text"]
        whole = figures["all"]
        rows.append([name, "all that tighten", whole["texts"], whole["settled"], *_row(whole), spent])
        for language, one in cast("dict[str, Any]", figures["by_language"]).items():
            rows.append([name, f"language {language}", one["texts"], one["settled"], *_row(one), ""])
        for type_, one in cast("dict[str, Any]", figures["by_type"]).items():
            rows.append([name, type_, "", "", *_row(one), ""])
    return _table(head, rows)


def _row(one: Mapping[str, Any]) -> list[object]:
    return [one[key] for key in ("wanted", "recall", "precision", "filled", "open", "silent")]


def _chances(chances: Mapping[str, Any]) -> list[str]:
    head = (
        "type",
        "cases",
        "wanted",
        "recall",
        "precision",
        "ECE",
        "Brier",
        "risk-coverage",
        "right at 80 %",
    )
    keys = ("cases", "wanted", "recall", "precision", "calibration_error", "brier", "risk_coverage_area",
            "right_at_coverage_80")  # fmt: skip
    return _table(head, [[name, *(one[key] for key in keys)] for name, one in chances.items()])


def _thresholds(limits: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> list[str]:
    rows: list[list[object]] = []
    for name, by in limits.items():
        for layout, one in by.items():
            proven = one["proven"]
            rows.append([name, layout, one["tighten"], f"{proven:.0%}" if proven else "nothing", one["fill"]])
    return _table(("type", "layout", "tighten from", "recall proved", "fill from"), rows)
