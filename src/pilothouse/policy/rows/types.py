"""Owns what a foreign table lets through: its columns, which rows, and what is masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pilothouse.kernel import UsageError
from pilothouse.policy.predicate import Condition, Const, Predicate
from pilothouse.policy.request import Scalar

__all__ = ["Dialect", "Rewritten", "TableRule"]

Dialect = Literal["postgres", "sqlite", "mysql"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRule:
    """One table that may be asked, and what of it.

    Attributes:
        table: Its name as the database spells it, with its schema if it needs one.
        columns: Every column that may be asked, masked ones too; others do not exist.
        predicate: Which rows; None lets none through.
        attributes: Column by attribute of the predicate, where they differ.
        masks: Value that stands in for a column and has its type; None is NULL of that type.
    """

    table: str
    columns: tuple[str, ...]
    predicate: Predicate | None = None
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    masks: Mapping[str, Scalar | None] = field(default_factory=dict[str, Scalar | None])

    def __post_init__(self) -> None:
        unknown = set(self.masks) - set(self.columns)
        if unknown or not self.columns:
            raise UsageError(
                f"table {self.table!r}: masks name {sorted(unknown)}, columns are {list(self.columns)}; "
                "list every column that may be asked",
                code="policy.invalid",
            )

    @property
    def condition(self) -> Condition:
        """What a row must fulfil."""
        return Const(False) if self.predicate is None else self.predicate.condition

    @property
    def name(self) -> str:
        """The table's name without its schema."""
        return self.table.rpartition(".")[2]

    @property
    def schema(self) -> str | None:
        """The table's schema, or None."""
        return self.table.rpartition(".")[0] or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A statement that returns only what its asker may see.

    Attributes:
        sql: The statement; it holds no parameters. Send it in a read-only transaction with a timeout.
        tables: The tables it reads, sorted.
    """

    sql: str
    tables: tuple[str, ...]
