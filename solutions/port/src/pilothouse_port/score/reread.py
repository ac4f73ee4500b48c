"""Owns checking evidence: every cited value is read again at its source and must be equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pilothouse.connectors import MAX_KEYS, Query, Row, as_text
from pilothouse.kernel import PilothouseError
from pilothouse_port.bindings import Reader
from pilothouse_port.score.measure import Line
from pilothouse_port.score.stats import Rate

__all__ = ["reread"]

Place = tuple[str, str, tuple[str, ...]]


async def reread(decisions: Sequence[Line], reader: Reader, *, limit: int | None = None) -> Rate:
    """Return how much of the evidence is there again, word for word.

    Args:
        decisions: Lines of ``decisions.jsonl``.
        reader: Reads with the viewer's rights; what he may not read is not valid for him.
        limit: Look only at the first so many decisions.
    """
    wanted: dict[Place, list[Mapping[str, Any]]] = {}
    for line in decisions[:limit]:
        for item in line.get("evidence", ()):
            place = (str(item["system"]), str(item["object"]), tuple(sorted(item["key"])))
            wanted.setdefault(place, []).append(item)
    hits = n = 0
    for place, items in wanted.items():
        for chunk in _chunks(items):
            rows = await _rows(reader, place, chunk)
            hits += sum(_stands(item, rows) for item in chunk)
            n += len(chunk)
    return Rate(hits=hits, n=n)


def _chunks(items: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    for start in range(0, len(items), MAX_KEYS):
        yield items[start : start + MAX_KEYS]


async def _rows(reader: Reader, place: Place, items: Sequence[Mapping[str, Any]]) -> list[Row] | None:
    system, name, fields = place
    where = {field: sorted({str(item["key"][field]) for item in items}) for field in fields}
    try:
        return await reader.read(system, Query(name, where=where))
    except PilothouseError:
        return None


def _stands(item: Mapping[str, Any], rows: Sequence[Row] | None) -> bool:
    if rows is None:
        return False
    found = [row for row in rows if _is(row, item["key"])]
    if item["value"] is None:
        return not found or any(row.values.get(item["field"]) in (None, "") for row in found)
    return any(as_text(row.values.get(item["field"])) == item["value"] for row in found)


def _is(row: Row, key: Mapping[str, str]) -> bool:
    return all(
        as_text(row.values.get(name, row.key.get(name))).strip() == value or row.key.get(name) == value
        for name, value in key.items()
    )
