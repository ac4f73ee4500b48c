"""Owns choosing rows in memory, for adapters whose source cannot do it: where, order, limit, fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from uuid import UUID

from pilothouse.connectors.errors import unknown_field
from pilothouse.connectors.types import Query, Row, Scalar

__all__ = ["as_text", "choose", "same"]


def as_text(value: object) -> str:
    """Return the text form of a scalar, as used in keys: ISO dates, plain numbers, ``true``/``false``."""
    if value.__class__ is str:
        return str(value)
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
        case date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return format(value, "f") if isinstance(value, Decimal) else str(value)


def same(value: object, wanted: Scalar) -> bool:
    """Whether a stored value is the wanted one; text is compared with the stored value's own type."""
    if value is None or wanted is None:
        return value is wanted
    if isinstance(value, bool) or isinstance(wanted, bool):
        return as_text(value) == as_text(wanted)
    if isinstance(value, int | float | Decimal) and isinstance(wanted, int | float | Decimal):
        return value == wanted or as_text(value) == as_text(wanted)
    if isinstance(value, int | float | Decimal) and isinstance(wanted, str):
        return _same_number(value, wanted)
    if isinstance(value, datetime) and isinstance(wanted, str):
        return _same_time(value, wanted)
    return as_text(value) == as_text(wanted)


def _same_number(value: float | Decimal, wanted: str) -> bool:
    try:
        return Decimal(str(value)) == Decimal(wanted.strip())
    except InvalidOperation:
        return False


def _same_time(value: datetime, wanted: str) -> bool:
    try:
        other = datetime.fromisoformat(wanted)
    except ValueError:
        return False
    if (other.tzinfo is None) is not (value.tzinfo is None):
        return False
    return other == value


def choose(source: str, query: Query, rows: Sequence[Row], fields: Iterable[str]) -> list[Row]:
    """Return the rows a query asks for.

    A field of ``where`` that is no value but part of the row's key (a line number) is compared there.

    Args:
        source: Name of the source, for the error.
        query: What is asked.
        rows: All rows of the object.
        fields: The fields the object has.

    Raises:
        SourceDataError: ``sources.field``: the object has no such field.
    """
    known = set(fields)
    for row in rows[:1]:
        known.update(row.key)
    asked = (*query.where, *(query.fields or ()), *(name.removeprefix("-") for name in query.order_by))
    for name in asked:
        if name not in known:
            raise unknown_field(source, query.object, name, known)
    tests = [(name, _Wanted(values)) for name, values in query.conditions.items()]
    found = [row for row in rows if all(test(row.values.get(n, row.key.get(n))) for n, test in tests)]
    for name in reversed(query.order_by):
        field = name.removeprefix("-")
        found.sort(key=lambda row, field=field: _rank(row.values.get(field)), reverse=name.startswith("-"))
    if query.limit is not None:
        found = found[: query.limit]
    return [_narrow(row, query.fields) for row in found]


class _Wanted:
    """The values one field may have, prepared so that 500 keys against many rows stay cheap."""

    def __init__(self, values: Sequence[Scalar]) -> None:
        self._values = values
        self._texts = frozenset(as_text(value) for value in values if value is not None)

    def __call__(self, value: object) -> bool:
        if isinstance(value, str):
            return value in self._texts
        if value is not None and as_text(value) in self._texts:
            return True
        if isinstance(value, list | dict):
            return False
        return any(same(value, item) for item in self._values)


def _rank(value: Any) -> tuple[int, Any]:
    """Sort None first, then numbers, then times and text by their text."""
    if value is None:
        return (0, 0)
    if isinstance(value, bool | int | float | Decimal):
        return (1, value)
    return (2, as_text(cast("object", value)) if not isinstance(value, UUID) else str(value))


def _narrow(row: Row, fields: tuple[str, ...] | None) -> Row:
    if fields is None:
        return row
    return dataclasses.replace(
        row,
        values={name: row.values.get(name) for name in fields},
        positions={name: at for name, at in row.positions.items() if name in fields},
    )
