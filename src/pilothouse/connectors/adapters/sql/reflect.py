"""Owns what a foreign database says about itself: tables, columns, keys; read once and kept a while."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pilothouse.connectors.adapters.sql.values import field_type
from pilothouse.connectors.errors import SourceDataError, near, unknown_object
from pilothouse.connectors.types import FieldSchema, FieldType, ObjectSchema

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["Catalogue", "Relation", "Shape"]

SYSTEM_SCHEMAS = frozenset(
    {"information_schema", "pg_catalog", "pg_toast", "mysql", "performance_schema", "sys"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table or view: how it is asked for and where it is."""

    name: str
    schema: str | None
    table: str
    is_table: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One relation with its columns, ready to select from.

    Attributes:
        relation: Which one.
        table: SQLAlchemy's construct; every name is quoted.
        columns: Name to column, in the database's order.
        types: Name to the reflected type.
        key: Columns that find a row again; empty if the database names none.
        schema: The same as an :class:`ObjectSchema`, without counting rows.
        loose: Whether any column may hold any value (SQLite).
        stamps_are_utc: Whether TIMESTAMP columns hold instants (MariaDB, MySQL).
    """

    relation: Relation
    table: sa.TableClause
    columns: Mapping[str, sa.ColumnClause[Any]]
    types: Mapping[str, sa.types.TypeEngine[Any]]
    key: tuple[str, ...]
    schema: ObjectSchema
    loose: bool
    stamps_are_utc: bool


class Catalogue:
    """The reflected schema of one database, kept for ``every`` seconds.

    Args:
        source: Name of the source, for errors.
        schemas: Schemas to show, or None.
        keys: Declared keys by object name.
        every: Seconds after which it is read again.
    """

    def __init__(
        self,
        source: str,
        *,
        schemas: Sequence[str] | None,
        keys: Mapping[str, tuple[str, ...]],
        every: float,
    ) -> None:
        self._source = source
        self._schemas = schemas
        self._keys = keys
        self._every = every
        self._read_at = float("-inf")
        self._relations: dict[str, Relation] = {}
        self._shapes: dict[str, Shape] = {}

    def forget(self) -> None:
        """Read everything again at the next use."""
        self._read_at = float("-inf")

    def relations(self, connection: sa.Connection) -> dict[str, Relation]:
        """Return tables and views by the name they are asked for."""
        if time.monotonic() - self._read_at > self._every:
            self._relations = {item.name: item for item in self._list(connection)}
            self._shapes = {}
            self._read_at = time.monotonic()
        return self._relations

    def shape(self, connection: sa.Connection, name: str) -> Shape:
        """Return one relation with its columns.

        Raises:
            SourceDataError: ``sources.object``: there is none of this name; names near matches.
        """
        relation = self.relations(connection).get(name)
        if relation is None:
            self.forget()
            relation = self.relations(connection).get(name)
        if relation is None:
            raise unknown_object(self._source, name, self._relations)
        if name not in self._shapes:
            self._shapes[name] = self._reflect(connection, relation)
        return self._shapes[name]

    def _list(self, connection: sa.Connection) -> Iterable[Relation]:
        import sqlalchemy as sa

        inspector = sa.inspect(connection)
        default = inspector.default_schema_name
        for schema in self._visible(connection, inspector):
            tables = inspector.get_table_names(schema=schema)
            for table, is_table in [
                *((table, True) for table in tables),
                *((view, False) for view in _views(inspector, schema)),
            ]:
                home = schema is None or schema == default
                yield Relation(
                    name=table if home else f"{schema}.{table}", schema=schema, table=table, is_table=is_table
                )
                if home and schema is not None and self._schemas and schema in self._schemas:
                    name = f"{schema}.{table}"
                    yield Relation(name=name, schema=schema, table=table, is_table=is_table)

    def _visible(self, connection: sa.Connection, inspector: sa.Inspector) -> list[str | None]:
        if self._schemas is not None:
            return self._checked(inspector)
        dialect = connection.dialect.name
        if dialect == "sqlite":
            return [None]
        if dialect in ("mysql", "mariadb") and connection.engine.url.database:
            return [connection.engine.url.database]
        return [
            name
            for name in inspector.get_schema_names()
            if name not in SYSTEM_SCHEMAS and not name.startswith("pg_")
        ]

    def _checked(self, inspector: sa.Inspector) -> list[str | None]:
        known = inspector.get_schema_names()
        for name in self._schemas or ():
            if name not in known:
                raise SourceDataError(
                    self._source, f"has no schema {name!r}; {near(name, known)}", code="sources.object"
                )
        return list(self._schemas or ())

    def all_shapes(self, connection: sa.Connection) -> list[Shape]:
        """Return every relation with its columns, sorted by name, with few statements a schema."""
        relations = self.relations(connection)
        if len(self._shapes) < len(relations):
            facts = _Facts(connection, {item.schema for item in relations.values()})
            for name, relation in relations.items():
                if name not in self._shapes and facts.columns(relation):
                    self._shapes[name] = self._build(connection, relation, facts)
        return [self._shapes[name] for name in sorted(self._shapes)]

    def _reflect(self, connection: sa.Connection, relation: Relation) -> Shape:
        return self._build(connection, relation, _Facts(connection, {relation.schema}, relation.table))

    def _build(self, connection: sa.Connection, relation: Relation, facts: _Facts) -> Shape:
        import sqlalchemy as sa
        from sqlalchemy.sql.elements import quoted_name

        found = facts.columns(relation)
        if not found:
            others = [name for name in self._relations if name != relation.name]
            raise unknown_object(self._source, relation.name, others)
        types = {column["name"]: column["type"] for column in found}
        # SQLite keeps any value in any column: typed results would fail on what people really store.
        loose = connection.dialect.name == "sqlite"
        columns = {
            name: sa.column(quoted_name(name, quote=True), sa.types.NullType() if loose else kind)
            for name, kind in types.items()
        }
        table = sa.table(
            quoted_name(relation.table, quote=True),
            *columns.values(),
            schema=None if relation.schema is None else quoted_name(relation.schema, quote=True),
        )
        key = self._key(relation, found, facts)
        return Shape(
            relation=relation,
            table=table,
            columns=columns,
            types=types,
            key=key,
            schema=_schema(relation, found, key, documentation=facts.comment(relation), loose=loose),
            loose=loose,
            stamps_are_utc=connection.dialect.name in ("mysql", "mariadb"),
        )

    def _key(self, relation: Relation, found: Sequence[Any], facts: _Facts) -> tuple[str, ...]:
        names = {column["name"] for column in found}
        declared = self._keys.get(relation.name)
        if declared is None:
            return facts.key(relation) if relation.is_table else ()
        for name in declared:
            if name not in names:
                raise SourceDataError(
                    self._source,
                    f"the declared key of {relation.name!r} names {name!r}; {near(name, names)}",
                    code="sources.field",
                )
        return declared


class _Facts:
    """What the database says about relations of some schemas, or about one of them, asked for together."""

    def __init__(self, connection: sa.Connection, schemas: set[str | None], table: str | None = None) -> None:
        import sqlalchemy as sa
        from sqlalchemy import exc
        from sqlalchemy.engine.reflection import ObjectKind, ObjectScope

        self._inspector = sa.inspect(connection)
        self._columns: dict[Any, Sequence[Any]] = {}
        self._primary: dict[Any, Any] = {}
        self._comments: dict[Any, Any] = {}
        wanted = [table] if table is not None else None
        for schema in schemas:
            kind, scope = ObjectKind.ANY, ObjectScope.DEFAULT
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", exc.SAWarning)
                self._columns |= self._inspector.get_multi_columns(schema, wanted, kind=kind, scope=scope)
            self._primary |= self._inspector.get_multi_pk_constraint(schema, wanted)
            with contextlib.suppress(NotImplementedError):
                self._comments |= self._inspector.get_multi_table_comment(
                    schema, wanted, kind=kind, scope=scope
                )

    def columns(self, relation: Relation) -> Sequence[Any]:
        """Return the columns, in the database's order; none for what was dropped since it was listed."""
        return self._columns.get((relation.schema, relation.table), ())

    def key(self, relation: Relation) -> tuple[str, ...]:
        """Return the primary key, else a unique key without empty values."""
        primary = self._primary.get((relation.schema, relation.table))
        if primary and primary["constrained_columns"]:
            return tuple(primary["constrained_columns"])
        solid = {column["name"] for column in self.columns(relation) if not column["nullable"]}
        for unique in self._inspector.get_unique_constraints(relation.table, schema=relation.schema):
            if solid.issuperset(unique["column_names"]):
                return tuple(unique["column_names"])
        return ()

    def comment(self, relation: Relation) -> str:
        """Return what the database says about the relation."""
        found = self._comments.get((relation.schema, relation.table))
        return (found and found["text"]) or ""


def _views(inspector: sa.Inspector, schema: str | None) -> list[str]:
    views = list(inspector.get_view_names(schema=schema))
    if inspector.dialect.name == "postgresql":
        views += inspector.get_materialized_view_names(schema=schema)
        foreign: Any = cast("Any", inspector).get_foreign_table_names
        views += foreign(schema=schema)
    return views


def _schema(
    relation: Relation, found: Sequence[Any], key: tuple[str, ...], *, documentation: str, loose: bool
) -> ObjectSchema:
    return ObjectSchema(
        name=relation.name,
        fields=tuple(
            FieldSchema(
                name=column["name"],
                type=_type_here(column["type"], loose=loose),
                nullable=bool(column.get("nullable", True)),
                documentation=column.get("comment") or "",
            )
            for column in found
        ),
        key=key,
        documentation=documentation,
    )


def _type_here(kind: Any, *, loose: bool) -> FieldType:
    """Return the type of a column; what SQLite calls a date is text as somebody wrote it."""
    found = field_type(kind)
    return "text" if loose and found in ("date", "datetime") else found
