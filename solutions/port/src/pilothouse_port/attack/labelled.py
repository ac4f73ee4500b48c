"""Owns rows as values of an agent: every cell under the label that its source declares for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pilothouse.agents import Value
from pilothouse.connectors import Row
from pilothouse.kernel import Json
from pilothouse.labels import Label

__all__ = ["cell", "listed", "own", "part", "plain", "together", "whole"]


def cell(row: Row, name: str) -> Value:
    """Return one cell."""
    found = row.labelled(name)
    return plain(_json(found.value), found.label)


def part(row: Row, names: Mapping[str, str]) -> Value:
    """Return the named cells of a row."""
    return together({name: cell(row, field) for name, field in names.items()}, own(row))


def whole(row: Row) -> Value:
    """Return a row that is read as a whole: one label, but for fields that are marked as worth less."""
    label = own(row)
    cells = {
        name: cell(row, name) if name in row.marks else plain(_json(value), label)
        for name, value in row.values.items()
    }
    return together(cells, label)


def own(row: Row) -> Label:
    """Return the label of a row's being there: that of a field that nothing marks."""
    name = next((name for name in row.values if name not in row.marks), next(iter(row.values)))
    return row.labelled(name).label


def _json(value: Any) -> Json:
    if isinstance(value, list | tuple):
        return [_json(one) for one in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {str(name): _json(one) for name, one in cast("dict[Any, Any]", value).items()}
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def plain(data: Json, label: Label) -> Value:
    """Return JSON with one label for every part."""
    parts: dict[str, Value] = {}
    if isinstance(data, Mapping):
        parts = {name: plain(item, label) for name, item in data.items()}
    elif isinstance(data, list):
        parts = {str(place): plain(item, label) for place, item in enumerate(data)}
    return Value(data=data, label=label, parts=parts)


def listed(items: Iterable[Value], label: Label) -> Value:
    """Return a list; the label is of which items there are."""
    held = list(items)
    parts = {str(place): item for place, item in enumerate(held)}
    return Value(data=[item.data for item in held], label=label, parts=parts)


def together(parts: Mapping[str, Value], label: Label) -> Value:
    """Return an object; the label is of its being there."""
    return Value(data={name: item.data for name, item in parts.items()}, label=label, parts=dict(parts))
