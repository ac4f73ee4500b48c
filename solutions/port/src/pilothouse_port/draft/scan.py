"""Owns looking at every source of a project: objects, columns, values, what their owners wrote about them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from pilothouse.connectors import ObjectSchema, Query, Row, Sources, as_text
from pilothouse.kernel import PilothouseError, Principal, UnavailableError
from pilothouse_port.bindings.values import parts_of
from pilothouse_port.draft.shapes import Shape, shape_of

__all__ = ["Column", "Scan", "Table", "scan_sources"]

SAMPLE = 1000
PAUSES = (1.0, 2.0, 4.0)
"""Seconds before a source that was late is asked again."""
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Column:
    """One column with what its values look like and what is written about it."""

    system: str
    object: str
    name: str
    values: list[str]
    shape: Shape
    note: str = ""

    @property
    def distinct(self) -> frozenset[str]:
        """Different non-empty values."""
        return frozenset(value for value in self.values if value)

    @property
    def place(self) -> tuple[str, str, str]:
        """System, object, column."""
        return self.system, self.object, self.name


@dataclass(slots=True, kw_only=True)
class Table:
    """One object of a source."""

    system: str
    name: str
    note: str
    columns: dict[str, Column]
    rows: list[Row] = field(default_factory=list[Row])
    required: tuple[str, ...] = ()
    kind: str = ""


@dataclass(slots=True, kw_only=True)
class Scan:
    """Everything found, and what could not be looked at."""

    tables: list[Table]
    notes: dict[str, str]
    failed: dict[str, str]

    def columns(self) -> list[Column]:
        """Return every column."""
        return [column for table in self.tables for column in table.columns.values()]


async def scan_sources(sources: Sources, principal: Principal, *, folders: Mapping[str, Path]) -> Scan:
    """Look at every source once.

    Args:
        sources: The project's sources.
        principal: With whose rights.
        folders: Source name to a folder that may hold its ``README.md``.
    """
    scan = Scan(tables=[], notes={}, failed={})
    for name in sources.names():
        scan.notes[name] = _readme(folders.get(name))
        try:
            objects = await _patient(lambda name=name: sources.objects(principal, name))
        except PilothouseError as error:
            scan.failed[name] = error.message
            continue
        for schema in objects:
            scan.tables.append(await _table(sources, principal, name, schema, scan))
    return scan


async def _patient(ask: Callable[[], Awaitable[list[T]]]) -> list[T]:
    """Ask again where a source was only late: what is missing now stays unbound for good."""
    for pause in PAUSES:
        try:
            return await ask()
        except UnavailableError:
            await asyncio.sleep(pause)
    return await ask()


def _readme(folder: Path | None) -> str:
    if folder is None:
        return ""
    for path in sorted(folder.glob("*")):
        if path.name.casefold().startswith(("readme", "lisezmoi", "liesmich", "leesmij", "leggimi")):
            return path.read_text(encoding="utf-8", errors="replace")
    return ""


async def _table(
    sources: Sources, principal: Principal, system: str, schema: ObjectSchema, scan: Scan
) -> Table:
    rows: list[Row] = []
    if not schema.required:
        try:
            query = Query(schema.name, limit=SAMPLE)
            rows = await _patient(lambda: sources.read(principal, system, query))
        except PilothouseError as error:
            scan.failed[f"{system} {schema.name}"] = error.message
    return table_of(system, schema, rows, kind=sources.kind(system), readme=scan.notes.get(system, ""))


def table_of(system: str, schema: ObjectSchema, rows: Sequence[Row], *, kind: str, readme: str) -> Table:
    """Return the profile of one object from sample rows."""
    documented = {item.name: item.documentation for item in schema.fields}
    names = list(dict.fromkeys([*documented, *(name for row in rows for name in row.values)]))
    columns: dict[str, Column] = {}
    for name in names:
        values = [_text(row.values.get(name)) for row in rows]
        columns[name] = Column(
            system=system,
            object=schema.name,
            name=name,
            values=values,
            shape=shape_of(values),
            note=" ".join(filter(None, (documented.get(name, ""), described(readme, name)))),
        )
    return Table(
        system=system,
        name=schema.name,
        note=" ".join(filter(None, (schema.documentation, described(readme, schema.name)))),
        columns=columns,
        rows=list(rows),
        required=schema.required,
        kind=kind,
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(as_text(part) for part in parts_of(cast("object", value)))
    return as_text(value).strip()


def described(readme: str, name: str) -> str:
    """Return the lines of a data dictionary that speak of ``name`` (a column or table)."""
    bare = name.rsplit(".", 1)[-1]
    pattern = re.compile(rf"(?<![\w]){re.escape(bare)}(?![\w])")
    return " ".join(line.strip() for line in readme.splitlines() if pattern.search(line))[:600]
