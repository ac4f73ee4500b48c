"""Owns one query against one relation: the statement, its parameters, and rows made of the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from pilothouse.connectors.adapters.sql.reflect import Shape
from pilothouse.connectors.adapters.sql.values import (
    NEVER,
    content_version,
    converter,
    field_type,
    fit,
    fit_loose,
)
from pilothouse.connectors.errors import unknown_field
from pilothouse.connectors.ports import SourceContext
from pilothouse.connectors.select import as_text
from pilothouse.connectors.types import Query, Row, Scalar

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["Plan"]

AS_THEY_ARE = frozenset({"integer", "boolean", "date"})
"""Types whose values drivers give in a wire form already."""


class Plan:
    """How one query is asked and answered.

    Args:
        shape: The relation.
        query: What is asked of it.
        context: The source.
        by_xmin: Whether PostgreSQL's row version is there to be read.

    Raises:
        SourceDataError: ``sources.field``: the relation has no such column.
    """

    def __init__(self, shape: Shape, query: Query, context: SourceContext, *, by_xmin: bool) -> None:
        self._shape = shape
        self._query = query
        self._context = context
        self._by_xmin = by_xmin
        asked = (*query.where, *(query.fields or ()), *(name.removeprefix("-") for name in query.order_by))
        for name in asked:
            if name not in shape.columns:
                raise unknown_field(context.name, query.object, name, shape.columns)
        self._names = self._columns_to_read()

    @property
    def statement(self) -> sa.Select[Any]:
        """The statement; every value is a parameter."""
        import sqlalchemy as sa

        shape, query = self._shape, self._query
        columns: list[Any] = [shape.columns[name] for name in self._names]
        if self._by_xmin:
            columns.append(sa.literal_column("xmin::text"))
        statement: sa.Select[Any] = cast("Any", sa.select)(*columns).select_from(shape.table)
        for name, values in query.conditions.items():
            statement = statement.where(self._condition(name, values))
        for name in query.order_by:
            column = shape.columns[name.removeprefix("-")]
            statement = statement.order_by(column.desc() if name.startswith("-") else column.asc())
        return statement if query.limit is None else statement.limit(query.limit)

    def rows(self, records: Sequence[Sequence[Any]]) -> list[Row]:
        """Return the database's answer as rows."""
        make, names, key = self._maker(), self._names, self._shape.key
        read_at = self._context.clock.now()
        fixes = self._fixes()
        fields = self._query.fields
        width = len(names)
        rows: list[Row] = []
        for record in records:
            cells = list(record[:width])
            for index, convert in fixes:
                cells[index] = convert(cells[index])
            values = dict(zip(names, cells, strict=True))
            found = {name: as_text(values[name]) for name in key} if key else _whole(values)
            rows.append(
                make(
                    key=found,
                    values=values if fields is None else {name: values[name] for name in fields},
                    version=f"xmin:{record[width]}" if self._by_xmin else content_version(record),
                    read_at=read_at,
                )
            )
        return rows

    def _maker(self) -> Callable[..., Row]:
        """Return a row with all that the rows of one answer share; this is the hot path of reading."""
        context = self._context
        return partial(
            Row,
            source=context.name,
            object=self._query.object,
            readers=context.readers,
            integrity=context.integrity,
        )

    def _columns_to_read(self) -> list[str]:
        """Return the columns to read: where the database has no row version, all of them make it."""
        fields = self._query.fields
        if fields is None or not self._by_xmin or not self._shape.key:
            return list(self._shape.columns)
        wanted = {*fields, *self._shape.key}
        return [name for name in self._shape.columns if name in wanted]

    def _condition(self, name: str, values: Sequence[Scalar]) -> sa.ColumnElement[bool]:
        import sqlalchemy as sa

        column, fitted = self._fitted(name, values)
        present = [value for value in fitted if value is not None and value is not NEVER]
        found = column.in_(present) if present else sa.false()
        return sa.or_(found, column.is_(None)) if None in fitted else found

    def _fitted(self, name: str, values: Sequence[Scalar]) -> tuple[sa.ColumnElement[Any], list[Any]]:
        import sqlalchemy as sa

        column, kind = self._shape.columns[name], self._shape.types[name]
        if self._shape.loose:
            return column, [form for value in values for form in fit_loose(value)]
        if field_type(kind) == "unknown":
            texts = [None if value is None else as_text(value) for value in values]
            return sa.cast(column, sa.types.Text()), texts
        return column, [fit(value, kind, self._context.timezone) for value in values]

    def _fixes(self) -> list[tuple[int, Callable[[Any], Any]]]:
        """Return the columns whose values need converting, by index."""
        import sqlalchemy as sa

        local, instant = converter(self._context.timezone), converter(UTC)
        fixes: list[tuple[int, Callable[[Any], Any]]] = []
        for index, name in enumerate(self._names):
            kind = self._shape.types[name]
            plain = isinstance(kind, sa.types.String) and not isinstance(kind, sa.types.Enum)
            if not self._shape.loose and (plain or field_type(kind) in AS_THEY_ARE):
                continue
            # The session is in UTC, and so are MariaDB's TIMESTAMP columns; its DATETIME is local.
            stamp = isinstance(kind, sa.types.TIMESTAMP) and self._shape.stamps_are_utc
            fixes.append((index, instant if stamp else local))
        return fixes


def _whole(values: dict[str, Any]) -> dict[str, str]:
    """Return the key of a row without one: every value that can be looked for."""
    return {
        name: as_text(value)
        for name, value in values.items()
        if value is not None and not isinstance(value, float | bytes | list | dict)
    }
