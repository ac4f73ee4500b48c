"""Owns the handle: what a model is shown of a value it must not read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pilothouse.kernel import UsageError, wired
from pilothouse.labels.types import Label

__all__ = ["Handle"]

# A type is declared, never taken from data: no place for an instruction.
_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*(\[[A-Za-z0-9_., ]*\])?")
_ID = re.compile(r"[a-z]+[0-9]+")
_LONGEST = 60


@wired("handle")
@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """Type, size and label of a value; no content.

    Attributes:
        id: Such as ``v12``; unique in the run.
        type: Such as ``list[Invoice]``; from a declaration.
        size: Rows of a list or table, characters of ``str``, bytes of ``bytes``, else fields.
        label: Of the value; using the handle in a call carries it.

    Raises:
        UsageError: ``labels.handle``: id or type is not a plain name.
    """

    id: str
    type: str
    size: int
    label: Label

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id) or not _TYPE.fullmatch(self.type) or len(self.type) > _LONGEST:
            raise UsageError(
                f"handle {self.id!r} of {self.type!r}: the id is letters and a number, the type a declared "
                "name such as 'list[Invoice]'",
                code="labels.handle",
            )

    def __str__(self) -> str:
        outer = self.type.partition("[")[0]
        unit = {"list": "row", "table": "row", "str": "character", "bytes": "byte"}.get(outer, "field")
        plural = "" if self.size == 1 else "s"
        return f"${self.id}: {self.type} ({self.label.integrity.name.lower()}, {self.size:,} {unit}{plural})"
