"""Owns spreadsheets: every cell with its place, values and formulas apart, and what misleads about them."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pilothouse.documents.adapters.archive import checked
from pilothouse.documents.adapters.job import Found, Job, Refusal
from pilothouse.documents.adapters.kinds import XLS, XLSX
from pilothouse.documents.adapters.plain import cell_name

__all__ = ["read_old_workbook", "read_workbook"]

NUMBER: Final = re.compile(r"[+-]?\d[\d.,' ]*")
PAPER: Final = ("FFFFFFFF", "00FFFFFF")
BROKEN: Final = "the workbook cannot be read"


@dataclass(slots=True)
class _Oddities:
    """What misleads about a sheet: how often, and where first."""

    seen: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, code: str, cell: str) -> None:
        self.seen.setdefault(code, []).append(cell)

    def tell(self, found: Found) -> None:
        for code, cells in self.seen.items():
            more = f" and {len(cells) - 5} more" if len(cells) > 5 else ""
            found.notice(code, ", ".join(cells[:5]) + more, cell=cells[0])


def read_workbook(job: Job, data: bytes) -> Found:
    """Read an xlsx: cached values in the text, formulas and what is hidden behind them as hidden pieces."""
    import openpyxl

    names = checked(job, data)
    found = job.found(XLSX, "openpyxl@3.1.5-1")
    try:
        values = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
        formulas = openpyxl.load_workbook(io.BytesIO(data))
    except Exception as error:
        raise Refusal("damaged", f"{BROKEN}: {type(error).__name__}: {error}"[:300]) from error
    if any(name.endswith("vbaProject.bin") for name in names):
        found.notice("macros", "the workbook holds macros; they were not looked at")
    if values.epoch.year == 1904:
        found.notice("epoch_1904", "days are counted from 1904")
    cells = 0
    for sheet, written in zip(values.worksheets, formulas.worksheets, strict=True):
        cells += len(_cells(sheet))
        if cells > job.limits.cells:
            raise Refusal("too_large", f"the workbook has over {job.limits.cells} cells")
        _sheet(found, sheet, written)
    return found


def _cells(sheet: Any) -> dict[tuple[int, int], Any]:
    # Only what is there: one cell in the last corner would make the public iterators walk 17 billion.
    return sheet._cells


def _sheet(found: Found, sheet: Any, written: Any) -> None:
    odd = _Oddities()
    if found.writing.length:
        found.writing.write("\n")
    start = found.writing.length
    found.writing.write(f"{sheet.title}\n")
    found.writing.block("heading", start)
    hidden: list[tuple[str, str]] = []
    rows: dict[int, list[tuple[str, str]]] = {}
    for (row, column), cell in sorted(_cells(sheet).items()):
        place = f"{sheet.title}!{cell_name(column - 1, row)}"
        formula = _formula(_cells(written).get((row, column)))
        if formula:
            hidden.append((place, f"{place}: {formula}"))
            if cell.value is None:
                odd.add("uncached_formula", place)
        if cell.value is None:
            continue
        text = _said(cell.value)
        _look(odd, cell.value, text, place)
        if _is_hidden(sheet, cell, row, column):
            odd.add("hidden_cells", place)
            hidden.append((place, text))
        else:
            rows.setdefault(row, []).append((place, text))
    for merged in sheet.merged_cells.ranges:
        odd.add("merged_cells", f"{sheet.title}!{merged.coord}")
    _write(found, list(rows.values()), hidden)
    odd.tell(found)


def _write(found: Found, rows: list[list[tuple[str, str]]], hidden: list[tuple[str, str]]) -> None:
    start = found.writing.length
    for row in rows:
        for n, (place, text) in enumerate(row):
            if n:
                found.writing.write("\t")
            found.writing.place(text, cell=place)
        found.writing.write("\n")
    found.writing.block("table", start)
    for place, text in hidden:
        found.writing.place(text, cell=place, hidden=True)
        found.writing.write("\n")


def _formula(cell: Any) -> str:
    value = None if cell is None else cell.value
    text = getattr(value, "text", value)
    return text if isinstance(text, str) and text.startswith("=") else ""


def _said(value: object) -> str:
    """A value as words; the number format of the cell is how it looks, not what it is."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _look(odd: _Oddities, value: object, text: str, place: str) -> None:
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        zeros = value.strip().startswith("0") and len(value.strip()) > 1 and value.strip()[1].isdigit()
        odd.add("leading_zeros" if zeros else "text_numbers", place)
    elif text.startswith("#") and text.rstrip("!?").isupper():
        odd.add("cell_errors", place)


def _is_hidden(sheet: Any, cell: Any, row: int, column: int) -> bool:
    if sheet.sheet_state != "visible" or sheet.row_dimensions[row].hidden:
        return True
    for size in sheet.column_dimensions.values():
        if size.hidden and (size.min or 0) <= column <= (size.max or 0):
            return True
    color = getattr(cell.font, "color", None)
    white = color is not None and color.type == "rgb" and color.rgb in PAPER
    return (white and not cell.fill.fill_type) or cell.number_format == ";;;"


def read_old_workbook(job: Job, data: bytes, kind: str) -> Found:
    """Read xls, xlsb or ods: values only."""
    from python_calamine import CalamineWorkbook

    if kind != XLS:
        checked(job, data)
    found = job.found(kind, "calamine@0.9-1")
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        shown = {meta.name: str(meta.visible).endswith("Visible") for meta in book.sheets_metadata}
        cells = 0
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name)
            cells += sheet.total_height * sheet.total_width
            if cells > 20 * job.limits.cells:
                raise Refusal("too_large", f"the workbook has over {20 * job.limits.cells} cells")
            _old_sheet(found, name, list(_old_cells(sheet, name)), shown.get(name, True))
    except Refusal:
        raise
    except Exception as error:
        what = "encrypted" if "assword" in str(error) or "ncrypt" in str(error) else "damaged"
        raise Refusal(what, f"{BROKEN}: {error}"[:300]) from error
    return found


def _old_cells(sheet: Any, name: str) -> Iterator[list[tuple[str, object]]]:
    top, left = sheet.start or (0, 0)
    for number, row in enumerate(sheet.to_python(skip_empty_area=True)):
        yield [
            (f"{name}!{cell_name(left + column, top + number + 1)}", value)
            for column, value in enumerate(row)
            if value != ""
        ]


def _old_sheet(found: Found, name: str, rows: list[list[tuple[str, object]]], shown: bool) -> None:
    odd = _Oddities()
    start = found.writing.length
    found.writing.write(("\n" if start else "") + f"{name}\n")
    found.writing.block("heading", start)
    said = [[(place, _said(value)) for place, value in row] for row in rows if row]
    for row in rows:
        for place, value in row:
            _look(odd, value, _said(value), place)
    if shown:
        _write(found, said, [])
    else:
        hidden = [cell for row in said for cell in row]
        _write(found, [], hidden)
        for place, _ in hidden:
            odd.add("hidden_cells", place)
    odd.tell(found)
