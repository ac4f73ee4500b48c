"""Owns reading an owner's data dictionary: what a table and a column mean, which code word means what."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["Dictionary", "Meaning", "read_dictionary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What is written about one column."""

    words: str
    codes: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictionary:
    """What a README says: tables to words, (table, column) to meanings, and its time zone."""

    tables: dict[str, str]
    columns: dict[tuple[str, str], Meaning]
    timezone: str

    def column(self, table: str, name: str) -> Meaning | None:
        """Return the meaning of a column, also where the table is written with a path or a schema."""
        return self.columns.get((bare(table), name))

    def table(self, name: str) -> str:
        """Return what is written about a table."""
        return self.tables.get(bare(name), "")


def bare(table: str) -> str:
    """Return a table's name without a leading slash or schema."""
    return table.strip("/").rsplit(".", 1)[-1] if "*" not in table else table


_ROW = re.compile(r"^\|\s*`([^`]+)`\s*\|\s*(.*?)\s*\|\s*$")
_CODE = re.compile(r"\s*([^=;,]+?)\s*=\s*([^,;]+?)\s*(?:,|$)")
_ZONE = re.compile(r"\b([A-Z][a-z]+/[A-Z][A-Za-z_]+|UTC)\b")


def read_dictionary(text: str) -> Dictionary:
    """Return what a Markdown data dictionary says; a text without tables gives an empty one."""
    tables: dict[str, str] = {}
    columns: dict[tuple[str, str], Meaning] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("## "):
            table = bare(line[3:].strip().strip("`"))
            tables[table] = ""
            continue
        row = _ROW.match(line)
        if row is not None:
            columns[table, row[1]] = _meaning(row[2])
        elif table and line.strip() and not line.startswith("|"):
            tables[table] = f"{tables[table]} {line.strip()}".strip()
    zone = _ZONE.search(text)
    return Dictionary(tables=tables, columns=columns, timezone=zone[1] if zone else "")


def _meaning(text: str) -> Meaning:
    words, _, rest = text.partition(";")
    listed = rest.partition(":")[2] or rest
    return Meaning(words=words.strip(), codes={m[1].strip(): m[2].strip() for m in _CODE.finditer(listed)})
