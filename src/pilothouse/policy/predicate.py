"""Owns conditions on rows as data, and their form as SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pilothouse.kernel import UsageError
from pilothouse.policy.request import Scalar

__all__ = [
    "Attribute",
    "Compare",
    "Condition",
    "Const",
    "Every",
    "Has",
    "Negated",
    "Operand",
    "Predicate",
    "Prefix",
    "Settled",
    "Some",
    "Within",
    "every",
    "negated",
    "some",
]

_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,2}")
_OPERATORS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True, slots=True)
class Attribute:
    """A row's value."""

    name: str


Operand = Attribute | Scalar


@dataclass(frozen=True, slots=True)
class Const:
    """The same answer for every row."""

    value: bool


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values compared; text only for equality, byte for byte."""

    op: Literal["==", "!=", "<", "<=", ">", ">="]
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Within:
    """A value is one of several."""

    attribute: Attribute
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """A value is there."""

    attribute: Attribute


@dataclass(frozen=True, slots=True)
class Prefix:
    """A text begins with another."""

    attribute: Attribute
    text: str


@dataclass(frozen=True, slots=True)
class Every:
    """All hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One holds at least."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """It does not hold."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Settled:
    """A condition whose NULL counts as ``null``: false inside a permit, true inside a forbid."""

    part: Condition
    null: bool


Condition = Const | Compare | Within | Has | Prefix | Every | Some | Negated | Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """Which rows of a kind may be touched.

    Attributes:
        kind: Of which kind.
        condition: What a row must fulfil.
    """

    kind: str
    condition: Condition

    @classmethod
    def among(cls, kind: str, records: Iterable[Mapping[str, Scalar]]) -> Predicate:
        """Return the rows that have the attributes of one of ``records``; an empty record is every row's."""
        parts = [every([Compare("==", Attribute(name), value) for name, value in r.items()]) for r in records]
        return cls(kind=kind, condition=some(parts))

    def __and__(self, other: Predicate) -> Predicate:
        """Return the rows of both."""
        return Predicate(kind=self.kind, condition=every([self.condition, other.condition]))

    def sql(self, columns: Mapping[str, str], *, prefix: str = "policy_") -> tuple[str, dict[str, Scalar]]:
        """Return a WHERE condition for PostgreSQL or SQLite and its parameters.

        Args:
            columns: The column of each attribute, such as ``invoice.site``.
            prefix: How the names of the parameters ``%(policy_0)s`` begin.

        Raises:
            UsageError: ``policy.columns``: an attribute without a column, or a column that is no name.
        """
        writer = _Writer(columns, prefix)
        return writer.condition(self.condition), writer.params


class _Writer:
    """Writes one condition."""

    def __init__(self, columns: Mapping[str, str], prefix: str) -> None:
        self.params: dict[str, Scalar] = {}
        self._columns = columns
        self._prefix = prefix

    def condition(self, node: Condition) -> str:
        match node:
            case Const(value):
                return "true" if value else "false"
            case Every(parts):
                return f"({' and '.join(self.condition(part) for part in parts)})"
            case Some(parts):
                return f"({' or '.join(self.condition(part) for part in parts)})"
            case Negated(part):
                return f"(not {self.condition(part)})"
            case Settled(part, null):
                return f"coalesce({self.condition(part)}, {'true' if null else 'false'})"
            case Has(attribute):
                return f"({self._operand(attribute)} is not null)"
            case Within(attribute, values):
                listed = ", ".join(self._operand(value) for value in values)
                return f"({self._operand(attribute)} in ({listed}))"
            case Prefix(attribute, text):
                # LIKE ignores case in SQLite, and in MariaDB by collation; substr nowhere.
                column = self._operand(attribute)
                return f"(substr({column}, 1, {len(text)}) = {self._operand(text)})"
            case _:
                return f"({self._operand(node.left)} {_OPERATORS[node.op]} {self._operand(node.right)})"

    def _operand(self, operand: Operand) -> str:
        if isinstance(operand, Attribute):
            return self._column(operand.name)
        if isinstance(operand, bool):
            return "true" if operand else "false"
        name = f"{self._prefix}{len(self.params)}"
        self.params[name] = operand
        return f"%({name})s"

    def _column(self, attribute: str) -> str:
        column = self._columns.get(attribute, "")
        if not _COLUMN.fullmatch(column):
            raise UsageError(
                f"attribute {attribute!r} has the column {column!r}; give the column's name in columns",
                code="policy.columns",
            )
        return ".".join(f'"{part}"' for part in column.split("."))


def every(parts: list[Condition]) -> Condition:
    """Return the conjunction, without what always holds."""
    if Const(False) in parts:
        return Const(False)
    left = tuple(dict.fromkeys(part for part in parts if part != Const(True)))
    return Const(True) if not left else left[0] if len(left) == 1 else Every(left)


def some(parts: list[Condition]) -> Condition:
    """Return the disjunction, without what never holds."""
    if Const(True) in parts:
        return Const(True)
    left = tuple(dict.fromkeys(part for part in parts if part != Const(False)))
    return Const(False) if not left else left[0] if len(left) == 1 else Some(left)


def negated(part: Condition) -> Condition:
    """Return the opposite."""
    return Const(not part.value) if isinstance(part, Const) else Negated(part)
