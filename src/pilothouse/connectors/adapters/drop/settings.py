"""Owns the declaration of a source of kind ``drop``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ColumnType", "DropOptions", "ObjectOptions"]

ColumnType = Literal["text", "integer", "decimal,", "decimal.", "dmy", "mdy", "iso"]


class _Common(BaseModel):
    """What may be said for a whole folder or for one pattern of files.

    Attributes:
        dump: ``full``: the newest file is the whole truth; ``append``: all files together.
        encoding: Python codec; detected by default.
        delimiter: One character; detected by default.
        decimal: What separates decimals where the data does not prove it.
        dates: Order of ``03/04/2026`` where the data does not prove it.
        header: Whether the first line names the columns; false names them ``column_1`` and so on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dump: Literal["full", "append"] | None = None
    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    decimal: Literal[",", "."] | None = None
    dates: Literal["dmy", "mdy"] | None = None
    header: bool | None = None


class ObjectOptions(_Common):
    """What is known about one pattern of files.

    Attributes:
        key: Columns that find one row again.
        columns: Names of the columns, for files without a header.
        types: Types of single columns, where detection is not wanted.
    """

    key: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    types: dict[str, ColumnType] = Field(default_factory=dict[str, ColumnType])


class DropOptions(_Common):
    """Options of ``kind = "drop"``.

    Attributes:
        path: The folder.
        suffixes: Files that belong to it.
        objects: Patterns such as ``"cover_*.tsv"`` and what is known about them.
        max_bytes: A larger file is an error, never a cut.
    """

    path: str
    suffixes: tuple[str, ...] = (".csv", ".tsv", ".txt", ".tab", ".psv", ".dat")
    objects: dict[str, ObjectOptions] = Field(default_factory=dict[str, ObjectOptions])
    max_bytes: int = Field(default=256 * 1024 * 1024, ge=1)

    def for_object(self, pattern: str) -> ObjectOptions:
        """Return what holds for one pattern: its own declaration, else the folder's."""
        own = self.objects.get(pattern, ObjectOptions())
        shared = self.model_dump(include=set(_Common.model_fields))
        merged = {
            name: value if getattr(own, name) is None else getattr(own, name)
            for name, value in shared.items()
        }
        return own.model_copy(update=merged)
