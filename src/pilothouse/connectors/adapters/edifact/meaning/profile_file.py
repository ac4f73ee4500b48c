"""Owns the shape of a profile file, checked by Pydantic; only the profile loader imports it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["ProfileFile"]


def _as_table(value: Any) -> Any:
    """Take a bare path for a table with that path."""
    return cast("Any", {"path": value}) if isinstance(value, str | list) else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FieldTable(_Table):
    """One field: a path, or several of which the first that leads somewhere counts."""

    path: Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]
    type: Literal["text", "integer", "decimal", "datetime", "json"] = "text"
    codes: dict[str, str] = {}
    documentation: str = ""


class RowsTable(_Table):
    """What one row is."""

    levels: list[str] = []
    tail: list[str] = ["CNT", "UNS", "AUT"]


class WriteTable(_Table):
    """How one message is written."""

    kind: str = ""
    segments: list[str] = []


class ProfileFile(_Table):
    """A whole profile file."""

    message: Annotated[str, Field(pattern=r"^[A-Z]{6}$")]
    title: str = ""
    key: list[str] = []
    latest_by: str | None = None
    rows: RowsTable = RowsTable()
    fields: dict[str, Annotated[FieldTable, BeforeValidator(_as_table)]] = {}
    write: WriteTable = WriteTable()
