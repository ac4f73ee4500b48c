"""Owns the drop folders: delimited files as a foreign office writes them (encoding, comma, dates)."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pilothouse_port.world.systems.render.cells import as_text, local
from pilothouse_port.world.views import Cell, ObjectView, SystemView

__all__ = ["write_drops"]


def write_drops(view: SystemView, folder: Path) -> None:
    """Write every file the owner dropped; what his encoding cannot say becomes ``?``, as in life."""
    encoding = str(view.options.get("encoding", "utf-8"))
    for kind in view.objects:
        for file in view.options["files"][kind.name]:
            text = _delimited(view, kind, [kind.rows[number] for number in file["rows"]])
            (folder / str(file["name"])).write_bytes(text.encode(encoding, "replace"))


def _delimited(view: SystemView, kind: ObjectView, rows: list[dict[str, Cell]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=str(view.options.get("delimiter", ";")), lineterminator="\r\n")
    writer.writerow([field.name for field in kind.fields])
    for row in rows:
        writer.writerow([_cell(row.get(field.name), view) for field in kind.fields])
    return out.getvalue()


def _cell(value: Cell, view: SystemView) -> str:
    options: dict[str, Any] = view.options
    if isinstance(value, datetime):
        return local(value, view.timezone).strftime(str(options.get("datetime", "%Y-%m-%d %H:%M")))
    if isinstance(value, date):
        return value.strftime(str(options.get("date", "%Y-%m-%d")))
    if isinstance(value, Decimal):
        return str(value).replace(".", str(options.get("decimal", ".")))
    return as_text(value, zone=view.timezone)
