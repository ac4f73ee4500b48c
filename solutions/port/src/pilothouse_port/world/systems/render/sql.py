"""Owns the dumps of the SQL systems: MariaDB, PostgreSQL and a SQLite file; `render` calls it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from pilothouse_port.world.systems.render.cells import as_text
from pilothouse_port.world.views import Cell, FieldView, ObjectView, SystemView

__all__ = ["mariadb_dump", "postgres_dump", "write_sqlite"]

_BATCH: Final = 500
_SHORT: Final = 190  # longest text a MariaDB key can hold in utf8mb4 on any row format
_MARIADB_TYPES: Final = {
    "int": "BIGINT",
    "date": "DATE",
    "datetime": "DATETIME",
    "bool": "BOOLEAN",
}
_POSTGRES_TYPES: Final = {
    "text": "text",
    "int": "bigint",
    "decimal": "numeric",
    "date": "date",
    "bool": "boolean",
}
_SQLITE_TYPES: Final = {
    "text": "TEXT",
    "int": "INTEGER",
    "decimal": "NUMERIC",
    "date": "DATE",
    "datetime": "DATETIME",
    "bool": "BOOLEAN",
}


def mariadb_dump(view: SystemView) -> str:
    """The dump as `mariadb` reads it: tables with comments, then inserts of many rows."""
    parts = [f"-- {view.title}\nSET NAMES utf8mb4;\nSET time_zone = '+00:00';\n"]
    for table in view.objects:
        parts.append(_mariadb_table(table))
        parts.extend(_mariadb_inserts(table, zone=view.timezone))
    return "\n".join(parts)


def _mariadb_table(table: ObjectView) -> str:
    lines = [
        f"  {_tick(f.name)} {_mariadb_type(table, f)}{_not_null(table, f)}{_comment(f)}" for f in table.fields
    ]
    if table.key:
        lines.append(f"  PRIMARY KEY ({', '.join(map(_tick, table.key))})")
    note = f" COMMENT={_quote(table.note)}" if table.note else ""
    body = ",\n".join(lines)
    return f"CREATE TABLE {_tick(table.name)} (\n{body}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4{note};\n"


def _mariadb_type(table: ObjectView, column: FieldView) -> str:
    if column.type == "decimal":
        return f"DECIMAL(18,{_scale(table, column)})"
    if column.type != "text":
        return _MARIADB_TYPES[column.type]
    longest = max((len(as_text(row.get(column.name))) for row in table.rows), default=0)
    return f"VARCHAR({_SHORT})" if column.name in table.key or longest <= _SHORT else "TEXT"


def _scale(table: ObjectView, column: FieldView) -> int:
    """As many decimals as the owner uses, so that 76.82 does not come back as 76.820."""
    values = (row.get(column.name) for row in table.rows)
    places = (value.as_tuple().exponent for value in values if isinstance(value, Decimal))
    return max((-place for place in places if isinstance(place, int) and place < 0), default=0)


def _comment(column: FieldView) -> str:
    return f" COMMENT {_quote(column.note)}" if column.note else ""


def _not_null(table: ObjectView, column: FieldView) -> str:
    return " NOT NULL" if column.name in table.key else ""


def _mariadb_inserts(table: ObjectView, *, zone: str) -> Iterator[str]:
    columns = ", ".join(_tick(f.name) for f in table.fields)
    for start in range(0, len(table.rows), _BATCH):
        rows = table.rows[start : start + _BATCH]
        values = ",\n".join(
            "(" + ", ".join(_literal(row.get(f.name), zone=zone) for f in table.fields) + ")" for row in rows
        )
        yield f"INSERT INTO {_tick(table.name)} ({columns}) VALUES\n{values};\n"


def _literal(value: Cell, *, zone: str) -> str:
    if value is None:
        return "NULL"
    text = as_text(value, zone=zone)
    return text if isinstance(value, int) else _quote(text)


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"


def _tick(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def postgres_dump(view: SystemView) -> str:
    """The dump as `psql` reads it: schemas, tables with comments, then COPY blocks."""
    parts = [f"-- {view.title}\nSET client_encoding = 'UTF8';\n"]
    schemas = sorted({table.name.split(".")[0] for table in view.objects if _has_schema(view, table)})
    parts.extend(f"CREATE SCHEMA {_double(schema)};\n" for schema in schemas)
    for table in view.objects:
        name = _postgres_name(view, table)
        parts.append(_postgres_table(table, name))
        parts.append(_copy(table, name, zone=view.timezone))
    return "\n".join(parts)


def _has_schema(view: SystemView, table: ObjectView) -> bool:
    return bool(view.options.get("schemas")) and "." in table.name


def _postgres_name(view: SystemView, table: ObjectView) -> str:
    if not _has_schema(view, table):
        return _double(table.name)
    schema, _, name = table.name.partition(".")
    return f"{_double(schema)}.{_double(name)}"


def _postgres_table(table: ObjectView, name: str) -> str:
    lines = [f"  {_double(f.name)} {_postgres_type(table, f)}{_not_null(table, f)}" for f in table.fields]
    if table.key:
        lines.append(f"  PRIMARY KEY ({', '.join(map(_double, table.key))})")
    comments = [f"COMMENT ON TABLE {name} IS {_standard(table.note)};\n"] if table.note else []
    comments += [
        f"COMMENT ON COLUMN {name}.{_double(f.name)} IS {_standard(f.note)};\n"
        for f in table.fields
        if f.note
    ]
    body = ",\n".join(lines)
    return f"CREATE TABLE {name} (\n{body}\n);\n" + "".join(comments)


def _postgres_type(table: ObjectView, column: FieldView) -> str:
    if column.type != "datetime":
        return _POSTGRES_TYPES[column.type]
    values = (row.get(column.name) for row in table.rows)
    aware = any(isinstance(value, datetime) and value.tzinfo for value in values)
    return "timestamp with time zone" if aware else "timestamp"


def _copy(table: ObjectView, name: str, *, zone: str) -> str:
    columns = ", ".join(_double(f.name) for f in table.fields)
    lines = ["\t".join(_copied(row.get(f.name), zone=zone) for f in table.fields) for row in table.rows]
    return "\n".join([f"COPY {name} ({columns}) FROM stdin;", *lines, "\\.", ""])


def _copied(value: Cell, *, zone: str) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, datetime) and value.tzinfo:
        return value.isoformat(sep=" ")
    text = as_text(value, zone=zone)
    for plain, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(plain, escaped)
    return text


def _double(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _standard(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def write_sqlite(view: SystemView, path: Path) -> None:
    """One SQLite file with every table; the same view gives the same bytes."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in view.objects:
            connection.execute(_sqlite_table(table))
            marks = ", ".join("?" for _ in table.fields)
            connection.executemany(
                f"INSERT INTO {_double(table.name)} VALUES ({marks})",
                [
                    [_sqlite_cell(row.get(f.name), zone=view.timezone) for f in table.fields]
                    for row in table.rows
                ],
            )


def _sqlite_table(table: ObjectView) -> str:
    lines = [f"  {_double(f.name)} {_SQLITE_TYPES[f.type]}{_not_null(table, f)}" for f in table.fields]
    if table.key:
        lines.append(f"  PRIMARY KEY ({', '.join(map(_double, table.key))})")
    return f"CREATE TABLE {_double(table.name)} (\n" + ",\n".join(lines) + "\n)"


def _sqlite_cell(value: Cell, *, zone: str) -> str | int | None:
    if value is None or isinstance(value, int):
        return value
    return as_text(value, zone=zone)
