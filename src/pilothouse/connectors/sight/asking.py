"""Owns SQL that an asker wrote: it runs over the rows and columns he sees, and its answer says of what."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import anyio.to_thread

from pilothouse.connectors.errors import SourceLimitError, SourceUsageError
from pilothouse.connectors.marks import CALLER, ObjectMarks, template_fields
from pilothouse.connectors.ports import Selectable, Selecting, SourceContext
from pilothouse.connectors.sight.reading import Sight, readable, sight_of
from pilothouse.connectors.types import FieldType, Row
from pilothouse.kernel import SYSTEM, Authority, Principal
from pilothouse.labels import Integrity, Label
from pilothouse.policy import Authorizer, Predicate, RowRules, TableRule

__all__ = ["Asked", "answered"]

_ACLS = 500
"""ACL ids that the rows of one table may have between them."""
_NOTHING, _EVERYTHING = Predicate.among("", []), Predicate.among("", [{}])
_TYPES: Mapping[str, tuple[FieldType, ...]] = {
    "String": ("text", "unknown"),
    "Long": ("integer",),
    "Bool": ("boolean", "integer"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question in SQL.

    Attributes:
        principal: Who asks.
        text: His SELECT.
        label: Of the text; None is untrusted words.
        limit: Rows the answer may have.
    """

    principal: Principal
    text: str
    label: Label | None
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """One table as the asker sees it."""

    place: Selectable
    declared: ObjectMarks
    sight: Sight
    acls: frozenset[str] = field(default_factory=frozenset[str])


async def answered(
    context: SourceContext, connector: Selecting, asked: Asked, authority: Authority
) -> list[Row]:
    """Return the answer to a question in SQL; every row carries the label of all that was asked.

    Raises:
        DeniedError: ``policy.sql``: no single SELECT over what the asker sees.
        SourceLimitError: More rows than the limit; never a cut.
        SourceUsageError: ``sources.declaration``: a kind of rows does not fit its table.
    """
    found = await connector.selectable()
    tables = {place.table: _table(context, place, asked.principal, authority) for place in _clear(found)}
    seen = {name: table for name, table in tables.items() if table is not None}
    conditions = {
        name: _NOTHING if table.declared.row else _kept(context, table, asked.principal, authority)
        for name, table in seen.items()
    }
    rewritten = await _rewritten(connector, seen, conditions, asked)
    by_row = [name for name in rewritten.tables if seen[name].declared.row]
    for name in by_row:
        acls, shown = await _by_row(context, connector, seen[name], asked.principal, authority)
        conditions[name] = shown & _kept(context, seen[name], asked.principal, authority)
        seen[name] = replace(seen[name], acls=acls)
    if by_row:
        rewritten = await _rewritten(connector, seen, conditions, asked)
    records = await connector.select(rewritten.sql, asked.limit + 1)
    if len(records) > asked.limit:
        raise SourceLimitError(
            context.name, f"the answer has more than {asked.limit} rows; write a LIMIT or count them"
        )
    return _rows(context, asked, rewritten.sql, [seen[name] for name in rewritten.tables], records)


def _clear(found: Sequence[Selectable]) -> list[Selectable]:
    """Return the tables whose names mean one thing, however they are written."""
    named: dict[str, list[Selectable]] = {}
    for place in found:
        named.setdefault(place.table.casefold(), []).append(place)
    return [places[0] for places in named.values() if len(places) == 1 and places[0].columns]


def _table(
    context: SourceContext, place: Selectable, principal: Principal, authority: Authority
) -> _Table | None:
    """Return what the asker sees of a table; None where it does not exist for him."""
    # A table of the default schema may be declared with its schema too.
    declared = context.marks.get(place.object) or context.marks.get(place.table) or ObjectMarks()
    readers = context.readers | declared.marks.readers
    if principal != SYSTEM and not readable(readers, principal=principal, authority=authority):
        return None
    return _Table(place=place, declared=declared, sight=sight_of(principal, declared, authority))


def _kept(context: SourceContext, table: _Table, principal: Principal, authority: Authority) -> Predicate:
    """Return the condition that policy puts on the rows of a table."""
    kind = table.sight.kind
    if kind is None or not isinstance(authority, Authorizer):
        return _EVERYTHING
    for name, column in table.sight.columns.items():
        declared = kind.attributes[name].removesuffix("?")
        found = table.place.columns.get(column)
        if found not in _TYPES[declared]:
            raise SourceUsageError(
                context.name,
                f"{table.place.object!r} has {'no field' if found is None else found} {column!r} for the "
                f"attribute {name!r} of kind {kind.name!r}, which is {declared}; correct the kind or its "
                "attributes",
                code="sources.declaration",
            )
    return authority.residual(principal, "read", kind.name)


async def _rewritten(
    connector: Selecting, tables: Mapping[str, _Table], conditions: Mapping[str, Predicate], asked: Asked
) -> Any:
    rules = RowRules(
        connector.dialect(),
        [_rule(table, conditions[name]) for name, table in tables.items()],
        max_rows=asked.limit + 1,
    )
    return await anyio.to_thread.run_sync(rules.rewrite, asked.text)


def _rule(table: _Table, predicate: Predicate) -> TableRule:
    columns = tuple(table.place.columns)
    return TableRule(
        table=table.place.table,
        columns=columns,
        predicate=predicate,
        attributes={**table.sight.columns, **{f"column:{name}": name for name in columns}},
        masks=dict.fromkeys(table.sight.masked & set(columns)),
    )


async def _by_row(
    context: SourceContext,
    connector: Selecting,
    table: _Table,
    principal: Principal,
    authority: Authority,
) -> tuple[frozenset[str], Predicate]:
    """Return the ACL ids of rows that the asker satisfies, and the condition on rows that have them."""
    names = template_fields(table.declared.row)
    missing = [name for name in names if name not in table.place.columns]
    if missing:
        raise SourceUsageError(
            context.name,
            f"{table.place.object!r} has no field {missing[0]!r} for its ACL id {table.declared.row!r}; "
            "correct the declaration",
            code="sources.declaration",
        )
    acls: set[str] = set()
    shown: list[dict[str, str | int]] = []
    for record in await _distinct(context, connector, table, names):
        if not all(isinstance(value, str | int | UUID) for value in record):
            continue  # what is empty, or no name, makes no ACL id: nobody's row
        acl = table.declared.row.format_map(dict(zip(names, record, strict=True)))
        if principal == SYSTEM or authority.reads(principal, acl):
            acls.add(acl)
            given = zip(names, record, strict=True)
            shown.append({f"column:{n}": str(v) if isinstance(v, UUID) else v for n, v in given})
    return frozenset(acls), Predicate.among("", shown)


async def _distinct(
    context: SourceContext, connector: Selecting, table: _Table, names: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Return what the fields of a row's ACL id hold; a few statements of our own, over all rows."""
    mark = "`" if connector.dialect() == "mysql" else '"'
    quoted = [mark + name.replace(mark, mark * 2) + mark for name in names]
    place = ".".join(mark + part.replace(mark, mark * 2) + mark for part in table.place.table.split("."))
    whole = RowRules(
        connector.dialect(),
        [_rule(replace(table, sight=Sight()), _EVERYTHING)],
        max_rows=_ACLS + 1,
    )
    text = f"SELECT DISTINCT {', '.join(quoted)} FROM {place}"
    records = await connector.select(whole.rewrite(text).sql, _ACLS + 1)
    if len(records) > _ACLS:
        raise SourceLimitError(
            context.name,
            f"the rows of {table.place.object!r} have more than {_ACLS} ACL ids; SQL cannot ask it, read it",
        )
    return [tuple(record.values()) for record in records]


def _rows(
    context: SourceContext,
    asked: Asked,
    sql: str,
    tables: Sequence[_Table],
    records: Sequence[Mapping[str, Any]],
) -> list[Row]:
    """Return the answer as rows; each may come from any row of the tables, so all carry one label."""
    readers = {f"user:{asked.principal.id}" if acl == CALLER else acl for acl in context.readers}
    # Words of nobody in particular choose and make values: the answer is worth what they are worth.
    integrity = min(context.integrity, asked.label.integrity if asked.label else Integrity.UNTRUSTED)
    readers |= asked.label.readers if asked.label else frozenset()
    for table in tables:
        readers |= table.declared.marks.readers | table.acls
        integrity = table.declared.marks.lowered(integrity)
        for name, mark in table.declared.fields.items():
            integrity = mark.lowered(integrity)
            readers |= frozenset() if name in table.sight.masked else mark.readers
    query = hashlib.sha256(sql.encode("utf-8", "surrogatepass")).hexdigest()
    read_at = context.clock.now()
    return [
        Row(
            source=context.name,
            object=f"sql({', '.join(table.place.object for table in tables)})",
            key={"query": query, "row": str(number)},
            values=dict(record),
            version=hashlib.sha256(repr(sorted(record.items())).encode("utf-8", "surrogatepass")).hexdigest()[
                :32
            ],
            read_at=read_at,
            readers=frozenset(readers),
            integrity=integrity,
        )
        for number, record in enumerate(records, start=1)
    ]
