"""Owns what a declaration adds to the labels of rows and fields: it only tightens, and no payload adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from string import Formatter
from typing import TYPE_CHECKING, Final

from pilothouse.kernel import DataError, wired
from pilothouse.labels import Integrity

if TYPE_CHECKING:
    from pilothouse.connectors.types import Row

__all__ = ["CALLER", "Marks", "ObjectMarks", "marked", "template_fields"]

CALLER: Final = "user:?"
"""Stands for whoever reads, where a declaration names no readers; nobody satisfies it as it stands."""


@wired("marks")
@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Readers to add and the highest integrity of a row or field.

    Attributes:
        readers: ACL ids added.
        integrity: At most this; None leaves it.
        masked: Whether the value is kept from whoever read it, so that it is None to him.
    """

    readers: frozenset[str] = frozenset()
    integrity: Integrity | None = None
    masked: bool = False

    def lowered(self, integrity: Integrity) -> Integrity:
        """Return ``integrity``, or the highest allowed one."""
        return integrity if self.integrity is None else min(integrity, self.integrity)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectMarks:
    """What ``[sources.<name>.labels.<object>]`` declares.

    Attributes:
        marks: Of every row.
        row: ACL id with fields of the row in braces, such as ``acl:site-{site}``; empty for none.
        fields: Field to what is added to it alone.
        kind: Kind of row that policies speak of; empty for none.
        attributes: Field by attribute of that kind, where they differ.
    """

    marks: Marks = Marks()
    row: str = ""
    fields: Mapping[str, Marks] = field(default_factory=dict[str, Marks])
    kind: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


def marked(rows: list[Row], declared: ObjectMarks | None, *, reader: str) -> list[Row]:
    """Return ``rows`` with the labels that the declaration adds, for one reader.

    Raises:
        DataError: ``sources.row_label``: the row lacks a field that its ACL id needs.
    """
    if declared is None and not any(CALLER in row.readers for row in rows):
        return rows
    found = declared or ObjectMarks()
    return [_marked(row, found, reader) for row in rows]


def template_fields(template: str) -> tuple[str, ...]:
    """Return the fields that the ACL id of a row is made of."""
    return tuple(dict.fromkeys(name for _, name, _, _ in Formatter().parse(template) if name))


def _marked(row: Row, declared: ObjectMarks, reader: str) -> Row:
    readers = {f"user:{reader}" if acl == CALLER else acl for acl in row.readers} | declared.marks.readers
    if declared.row:
        readers.add(_row_acl(row, declared.row))
    return replace(
        row,
        readers=frozenset(readers),
        integrity=declared.marks.lowered(row.integrity),
        marks=dict(declared.fields),
    )


def _row_acl(row: Row, template: str) -> str:
    try:
        return template.format_map({name: value for name, value in row.values.items() if value is not None})
    except KeyError as missing:
        raise DataError(
            f"source {row.source!r}: {row.object!r} {row.key!r} has no field {missing.args[0]!r}, which its "
            f"ACL id {template!r} needs; read that field too or change the declaration",
            code="sources.row_label",
        ) from None
