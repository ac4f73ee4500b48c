"""Owns the declaration of a source of kind ``sql``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pilothouse.connectors.types import Effect

__all__ = ["ObjectOptions", "SqlOptions", "ToolOptions"]

ArgType = Literal["string", "integer", "number", "boolean"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ObjectOptions(_Strict):
    """What the database does not say about one table or view.

    Attributes:
        key: Columns that find one row again, for views and tables without a primary key.
    """

    key: tuple[str, ...] = Field(min_length=1)


class ToolOptions(_Strict):
    """One declared write: a parametrised statement.

    Attributes:
        statement: SQL with ``:name`` parameters; ``:effect_id`` is the effect's id.
        args: Types of the arguments; those not named are strings.
        idempotency: Column that keeps the effect id; the write happens once per id.
        table: Where that column is, if the statement does not begin with INSERT INTO or UPDATE it.
        effect: What kind of effect it has.
        must_change: Whether a statement that changes no row is an error.
        documentation: What it does, for the person who approves it.
    """

    statement: str
    args: dict[str, ArgType] = Field(default_factory=dict[str, ArgType])
    idempotency: str | None = None
    table: str | None = None
    effect: Effect = "write"
    must_change: bool = True
    documentation: str = ""


class SqlOptions(_Strict):
    """Options of ``kind = "sql"``.

    Attributes:
        url: ``postgresql://``, ``mariadb://``, ``mysql://`` or ``sqlite:///file``; a secret reference if it
            holds a password.
        write_url: The same for write tools, where they use other credentials.
        schemas: Schemas to show; all but the system's own (MariaDB: the one of the URL) by default.
        objects: What the database does not say about its tables.
        tools: Declared writes.
        max_rows: A read that would return more is an error, never a cut.
        pool: Connections at most.
        reflect_every: Seconds after which the schema is read again.
    """

    url: str
    write_url: str | None = None
    schemas: tuple[str, ...] | None = None
    objects: dict[str, ObjectOptions] = Field(default_factory=dict[str, ObjectOptions])
    tools: dict[str, ToolOptions] = Field(default_factory=dict[str, ToolOptions])
    max_rows: int = Field(default=100_000, ge=1)
    pool: int = Field(default=4, ge=1, le=64)
    reflect_every: float = Field(default=300.0, ge=0)
