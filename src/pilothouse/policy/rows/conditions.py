"""Owns conditions on rows as trees of sqlglot, exact for each database: case, blanks and NULL count."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pilothouse.policy.predicate import (
    Attribute,
    Compare,
    Condition,
    Const,
    Every,
    Has,
    Negated,
    Operand,
    Prefix,
    Settled,
    Some,
    Within,
)
from pilothouse.policy.rows.types import Dialect

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["condition", "constant"]

_OPERATORS = {"==": "EQ", "!=": "NEQ", "<": "LT", "<=": "LTE", ">": "GT", ">=": "GTE"}


def condition(node: Condition, column: Callable[[str], exp.Expr], dialect: Dialect) -> exp.Expr:
    """Return a condition; ``column`` gives the column of an attribute."""
    return _Tree(column, dialect).condition(node)


def constant(value: str | int | bool) -> exp.Expr:
    """Return a literal."""
    from sqlglot import exp

    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return exp.Literal.number(value)
    return exp.Literal.string(value)


class _Tree:
    """Makes one condition."""

    def __init__(self, column: Callable[[str], exp.Expr], dialect: Dialect) -> None:
        self._column = column
        self._dialect = dialect

    def condition(self, node: Condition) -> exp.Expr:
        from sqlglot import exp

        match node:
            case Const(value):
                return exp.Boolean(this=value)
            case Every(parts):
                return exp.Paren(this=exp.and_(*(self.condition(part) for part in parts)))
            case Some(parts):
                return exp.Paren(this=exp.or_(*(self.condition(part) for part in parts)))
            case Negated(part):
                return exp.Not(this=exp.Paren(this=self.condition(part)))
            case Settled(part, null):
                return exp.Coalesce(this=self.condition(part), expressions=[exp.Boolean(this=null)])
            case Has(attribute):
                return exp.Not(this=exp.Is(this=self._column(attribute.name), expression=exp.Null()))
            case Within(attribute, values):
                exact = isinstance(values[0], str)
                listed = [self._side(value, exact) for value in values]
                return exp.In(this=self._side(attribute, exact), expressions=listed)
            case Prefix(attribute, text):
                begin = exp.Substring(
                    this=self._column(attribute.name), start=constant(1), length=constant(len(text))
                )
                return exp.EQ(this=self._exact(begin), expression=self._side(text, True))
            case _:
                return self._compare(node)

    def _compare(self, node: Compare) -> exp.Expr:
        from sqlglot import exp

        made: type[exp.Expr] = getattr(exp, _OPERATORS[node.op])
        sides = (node.left, node.right)
        # Two attributes that are equal as text are equal; their order is that of numbers.
        both = all(isinstance(side, Attribute) for side in sides) and node.op in ("==", "!=")
        exact = both or any(isinstance(side, str) for side in sides)
        return made(this=self._side(sides[0], exact), expression=self._side(sides[1], exact))

    def _side(self, operand: Operand, exact: bool) -> exp.Expr:
        made = self._column(operand.name) if isinstance(operand, Attribute) else constant(operand)
        return self._exact(made) if exact else made

    def _exact(self, text: exp.Expr) -> exp.Expr:
        """Return text as something whose equality knows neither collation nor trailing blanks."""
        from sqlglot import exp

        if self._dialect == "sqlite":
            return exp.Collate(this=text, expression=exp.Var(this="BINARY"))
        if self._dialect == "postgres":
            return exp.Cast(this=text, to=exp.DataType.build("text"))
        utf8 = exp.Cast(this=text, to=exp.DataType.build("char character set utf8mb4", dialect="mysql"))
        return exp.Hex(this=utf8)
