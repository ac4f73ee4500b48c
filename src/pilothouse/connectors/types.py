"""Owns the nouns of reading and writing: queries, rows with their origin, schemas, tools, findings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias, cast
from uuid import UUID

from pilothouse.connectors.errors import near
from pilothouse.connectors.marks import Marks
from pilothouse.kernel import DataError, Json, LimitError, UsageError, wired
from pilothouse.labels import (
    Condensed,
    Derived,
    Integrity,
    Label,
    Labelled,
    Origin,
    Position,
    condensed_label,
)

__all__ = [
    "MAX_KEYS",
    "Effect",
    "FieldSchema",
    "FieldType",
    "Finding",
    "Health",
    "ObjectSchema",
    "Query",
    "Row",
    "Scalar",
    "WriteTool",
    "condensed_label",
    "promised_label",
    "result_label",
]

MAX_KEYS = 500
"""How many values one field of a query may name."""

Scalar: TypeAlias = str | int | float | bool | Decimal | date | datetime | UUID | bytes | None
FieldType: TypeAlias = Literal[
    "text", "integer", "number", "decimal", "boolean", "date", "datetime", "bytes", "json", "unknown"
]
Effect: TypeAlias = Literal["read", "egress", "write", "irreversible"]


@wired("query")
@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to read from one object: rows whose fields have one of the named values, all fields together.

    Attributes:
        object: Table, resource, message type or file pattern, as :class:`ObjectSchema` names it.
        where: Field to the values it may have (at most 500, one may be given bare); fields are ANDed.
        fields: The fields wanted; None wants all.
        limit: At most so many rows; None reads all.
        order_by: Fields to sort by; a leading ``-`` sorts from large to small.
    """

    object: str = field(kw_only=False)
    where: Mapping[str, Sequence[Scalar] | Scalar] = field(default_factory=dict[str, Sequence[Scalar]])
    fields: tuple[str, ...] | None = None
    limit: int | None = None
    order_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = {name: _values(self.object, name, given) for name, given in self.where.items()}
        object.__setattr__(self, "where", where)
        if self.fields is not None:
            object.__setattr__(self, "fields", tuple(self.fields))
        ordered: object = self.order_by
        names = (ordered,) if isinstance(ordered, str) else tuple(self.order_by or ())
        object.__setattr__(self, "order_by", names)
        if self.limit is not None and self.limit < 0:
            raise UsageError(
                f"limit {self.limit!r} is negative; leave it out to read all", code="query.limit"
            )

    @property
    def conditions(self) -> dict[str, tuple[Scalar, ...]]:
        """``where`` with every field's values as a tuple."""
        return cast("dict[str, tuple[Scalar, ...]]", self.where)


def _values(object: str, name: str, given: Sequence[Scalar] | Scalar) -> tuple[Scalar, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        return (given,)
    if len(given) > MAX_KEYS:
        raise LimitError(
            f"{object!r}: {len(given)} values for {name!r} are more than {MAX_KEYS}; ask in batches",
            code="query.keys",
        )
    return tuple(given)


@wired("row")
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record as one source gave it; every value knows where it stands.

    Attributes:
        source: Name of the source as declared in the project.
        object: The object it was read from.
        key: The fields that find it again, as text.
        values: Field to value; only types that have a wire form.
        version: Changes when the record does (xmin, ETag, hash of the content).
        read_at: When it was read (UTC).
        readers: ACL ids that may read it.
        integrity: How far it may be trusted; a damaged record is never above UNTRUSTED.
        position: Where the record stands inside a file or message.
        positions: The same for single fields, where they are finer.
        as_of: The time the source gives for the data (date of a dump), if it gives one.
        faults: What is wrong with this record, in sentences.
        marks: Fields whose label is tighter than the row's.
    """

    source: str
    object: str
    key: dict[str, str]
    values: dict[str, Any]
    version: str
    read_at: datetime
    readers: frozenset[str] = frozenset()
    integrity: Integrity = Integrity.UNTRUSTED
    position: Position | None = None
    positions: dict[str, Position] = field(default_factory=dict[str, Position])
    as_of: datetime | None = None
    faults: tuple[str, ...] = ()
    marks: dict[str, Marks] = field(default_factory=dict[str, Marks])

    def __getitem__(self, name: str) -> Any:
        """Return the bare value of a field.

        Raises:
            DataError: ``sources.field``: the row has no such field; names near matches.
        """
        try:
            return self.values[name]
        except KeyError:
            raise DataError(
                f"source {self.source!r}: {self.object!r} has no field {name!r}; {near(name, self.values)}",
                code="sources.field",
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def origin(self, name: str) -> Origin:
        """Return where the value of field ``name`` comes from."""
        return Origin(
            source=self.source,
            object=self.object,
            key=self.key,
            field=name,
            version="masked" if name in self.marks and self.marks[name].masked else self.version,
            read_at=self.read_at,
            position=self.positions.get(name, self.position),
        )

    def labelled(self, name: str) -> Labelled:
        """Return the value of field ``name`` with its label.

        Raises:
            DataError: ``sources.field``: the row has no such field.
        """
        readers, integrity = self.readers, self.integrity
        mark = self.marks.get(name)
        if mark is not None:
            readers, integrity = readers | mark.readers, mark.lowered(integrity)
        label = Label(readers=readers, integrity=integrity, origin=self.origin(name))
        return Labelled(value=self[name], label=label)


@wired("field_schema")
@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSchema:
    """One field of an object.

    Attributes:
        name: As the source names it.
        type: What its values are here.
        nullable: Whether it may be None; None where the source does not say.
        documentation: What the source says about it.
    """

    name: str
    type: FieldType = "unknown"
    nullable: bool | None = None
    documentation: str = ""


@wired("object_schema")
@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSchema:
    """What one object of a source holds.

    Attributes:
        name: What a :class:`Query` asks for.
        fields: In the source's order.
        key: Fields that find one row again; empty where there are none.
        row_count: Rows, where counting is cheap.
        documentation: What the source says about it.
        required: Fields a query must name in ``where`` (path parameters, arguments).
    """

    name: str
    fields: tuple[FieldSchema, ...] = ()
    key: tuple[str, ...] = ()
    row_count: int | None = None
    documentation: str = ""
    required: tuple[str, ...] = ()


@wired("write_tool")
@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTool:
    """One operation that changes a source.

    Attributes:
        name: What a write asks for; its right is ``sources:<source>:write:<name>``.
        schema: JSON Schema of the arguments, an object.
        effect: What kind of effect it has outside.
        idempotent: Whether the source itself honours the effect id, so that sending again is safe.
        version: Hash of the declaration; changes when the tool does.
        documentation: What the source says about it; foreign text.
    """

    name: str
    schema: dict[str, Json]
    effect: Effect = "write"
    idempotent: bool = False
    version: str = ""
    documentation: str = ""


@wired("finding")
@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, ambiguous or decided while reading a source.

    Attributes:
        source: Name of the source.
        object: The object it belongs to.
        severity: ``info`` for a decision with its evidence, ``warning`` when somebody should look,
            ``error`` when data is damaged.
        code: Stable code such as ``drop.ragged``.
        message: One sentence that names the value.
        position: Where it stands.
    """

    source: str
    object: str
    severity: Literal["info", "warning", "error"]
    code: str
    message: str
    position: Position | None = None


@wired("health")
@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a source answers now.

    Attributes:
        source: Name of the source.
        state: ``up``, ``down`` (try again), ``wrong`` (settings, credentials or data need a person).
        seconds: How long the answer took.
        message: Empty when up, else the error in words.
        code: The error's code.
    """

    source: str
    state: Literal["up", "down", "wrong"]
    seconds: float
    message: str = ""
    code: str = ""


FEW = 4
"""Rows up to which a result keeps each row's origin; a larger one is one leaf."""
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def result_label(rows: Sequence[Row]) -> Label | None:
    """Return the label of a whole result, for what is made of it may come from any row; None for no rows."""
    if not rows:
        return None
    readers = frozenset[str]().union(*{row.readers for row in rows})
    integrity = min(row.integrity for row in rows)
    for row in rows:
        for name, mark in row.marks.items():
            if name in row.values:
                readers, integrity = readers | mark.readers, mark.lowered(integrity)
    if len(rows) <= FEW:
        origins = {row.origin("") for row in rows}
        origin = origins.pop() if len(origins) == 1 else Derived(sources=origins)
        return Label(readers=readers, integrity=integrity, origin=origin)
    hashes = hashlib.sha256()
    for row in rows:
        hashes.update(repr((row.object, sorted(row.key.items()), row.version)).encode())
    sources = tuple(sorted({row.source for row in rows}))
    leaf = Condensed(count=len(rows), digest=hashes.hexdigest(), sources=sources)
    return Label(readers=readers, integrity=integrity, origin=Derived(sources=(leaf,)))


def promised_label(source: str, object: str, readers: frozenset[str], integrity: Integrity) -> Label:
    """Return the label that a declaration promises for what a source gives: no result may be trusted more."""
    origin = Origin(source=source, object=object, key={}, field="", version="declared", read_at=_NO_TIME)
    return Label(readers=readers, integrity=integrity, origin=origin)
