"""Owns reading with one principal's eyes: rows that policy keeps from him are not there, fields are None."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from pilothouse.connectors.marks import CALLER, Marks, ObjectMarks, marked
from pilothouse.connectors.types import Query, Row
from pilothouse.kernel import SYSTEM, Authority, Principal, UsageError
from pilothouse.labels import Integrity
from pilothouse.policy import AccessRequest, Authorizer, Kind

__all__ = ["Sight", "readable", "seen", "sight_of"]

_MORE = 4
"""How many times as many rows are read when too many were kept back."""
_MASKED = Marks(integrity=Integrity.UNTRUSTED, masked=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one principal sees of one object.

    Attributes:
        masked: Fields that are None to him.
        kind: Kind of the rows; None where no policy speaks of them.
        columns: Field by attribute of the kind.
        admits: Whether policy shows him a row of these attributes; None shows all.
    """

    masked: frozenset[str] = frozenset()
    kind: Kind | None = None
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    admits: Callable[[Mapping[str, Any]], bool] | None = None


def sight_of(principal: Principal, declared: ObjectMarks | None, authority: Authority) -> Sight:
    """Return what ``principal`` sees of the object that is declared so; the system sees everything.

    Raises:
        UsageError: ``policy.kind``: the declaration names a kind of row that nobody declared.
    """
    if declared is None or principal == SYSTEM:
        return Sight()
    masked = frozenset(
        name
        for name, mark in declared.fields.items()
        if not readable(mark.readers, principal=principal, authority=authority)
    )
    if not declared.kind or not isinstance(authority, Authorizer):
        return Sight(masked=masked)
    kind = authority.kinds.get(declared.kind)
    if kind is None or "read" not in kind.actions:
        raise UsageError(
            f"there is no kind {declared.kind!r} of rows that can be read; declare [kinds.{declared.kind}]",
            code="policy.kind",
        )
    columns = {name: declared.attributes.get(name, name) for name in kind.attributes}
    return Sight(masked=masked, kind=kind, columns=columns, admits=_admits(principal, kind, authority))


def readable(readers: frozenset[str], *, principal: Principal, authority: Authority) -> bool:
    """Whether ``principal`` satisfies every one of ``readers`` today."""
    return all(acl == CALLER or authority.reads(principal, acl) for acl in readers)


def _admits(principal: Principal, kind: Kind, authority: Authorizer) -> Callable[[Mapping[str, Any]], bool]:
    known: dict[tuple[Any, ...], bool] = {}

    def admits(attributes: Mapping[str, Any]) -> bool:
        fitted = {name: _fitted(attributes[name], kind.attributes[name]) for name in attributes}
        key = tuple((value.__class__, value) for value in fitted.values())
        if key not in known:
            request = AccessRequest(principal=principal, action="read", kind=kind.name, attributes=fitted)
            known[key] = authority.decide(request).allowed
        return known[key]

    return admits


def _fitted(value: Any, declared: str) -> Any:
    """Return a value as policy takes it; what fits no kind makes the row nobody's."""
    if isinstance(value, UUID):
        return str(value)
    if declared.startswith("Bool") and value.__class__ is int and value in (0, 1):
        return bool(value)
    # What is neither text nor number, such as a list, fits nothing and need not be told apart.
    return value if value is None or isinstance(value, str | int) else ()


async def seen(
    read: Callable[[Query], Awaitable[list[Row]]],
    query: Query,
    declared: ObjectMarks | None,
    sight: Sight,
    *,
    reader: str,
) -> list[Row]:
    """Return the rows of a query as one principal sees them, labelled as declared.

    A masked field is None in conditions and in order too, so neither tells what it holds.

    Args:
        read: Asks the source.
        query: What is asked.
        declared: What the declaration adds to the labels.
        sight: What the principal sees.
        reader: Stands in where the declaration names no readers.
    """
    if not sight.masked and sight.admits is None:
        return marked(await read(query), declared, reader=reader)
    if any(None not in values for name, values in query.conditions.items() if name in sight.masked):
        return []
    where = {name: values for name, values in query.where.items() if name not in sight.masked}
    order = tuple(name for name in query.order_by if name.removeprefix("-") not in sight.masked)
    plain = replace(query, where=where, order_by=order)
    rows = await read(plain) if sight.admits is None else await _admitted(read, plain, sight)
    return [_masked(row, sight.masked) for row in marked(rows, declared, reader=reader)]


async def _admitted(read: Callable[[Query], Awaitable[list[Row]]], query: Query, sight: Sight) -> list[Row]:
    """Return the rows that policy shows; where a limit was reached by others, more are read."""
    wanted, fields = query.limit, query.fields
    if fields is not None:
        query = replace(query, fields=tuple(dict.fromkeys((*fields, *sight.columns.values()))))
    while True:
        rows = await read(query)
        kept = [row for row in rows if _shown(row, sight)]
        if wanted is None or query.limit is None or len(kept) >= wanted or len(rows) < query.limit:
            return [_narrowed(row, fields) for row in kept[:wanted]]
        query = replace(query, limit=max(query.limit, 25) * _MORE)


def _shown(row: Row, sight: Sight) -> bool:
    assert sight.admits is not None
    return sight.admits({name: row.values.get(column) for name, column in sight.columns.items()})


def _narrowed(row: Row, fields: tuple[str, ...] | None) -> Row:
    if fields is None:
        return row
    positions = {name: place for name, place in row.positions.items() if name in fields}
    return replace(row, values={name: row.values[name] for name in fields}, positions=positions)


def _masked(row: Row, masked: frozenset[str]) -> Row:
    hidden = masked & (row.values.keys() | row.key.keys())
    if not masked:
        return row
    values = {name: None if name in hidden else value for name, value in row.values.items()}
    # A hash of the whole record would tell a masked value to whoever tries all it may be.
    version = row.version if row.version.startswith("xmin:") else f"seen:{_digest(values)}"
    return replace(
        row,
        key={name: value for name, value in row.key.items() if name not in hidden},
        values=values,
        version=version,
        positions={name: place for name, place in row.positions.items() if name not in hidden},
        faults=("the record is damaged; how is not shown, fields of it are masked",) if row.faults else (),
        marks={**row.marks, **dict.fromkeys(masked, _MASKED)},
    )


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(values.items())).encode("utf-8", "surrogatepass")).hexdigest()[:32]
