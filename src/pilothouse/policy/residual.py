"""Owns row policies: which shapes are allowed, and what is left of them becomes a condition on rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from pilothouse.kernel import UsageError
from pilothouse.policy.cedar import Residual
from pilothouse.policy.compiled import touches
from pilothouse.policy.parse import Policy
from pilothouse.policy.predicate import (
    Attribute,
    Compare,
    Condition,
    Const,
    Has,
    Operand,
    Predicate,
    Prefix,
    Settled,
    Within,
    every,
    negated,
    some,
)
from pilothouse.policy.schema import Kind

if TYPE_CHECKING:
    from cedarpy import pst

__all__ = ["check_rows", "predicate_of"]

# An entity that is not in the store is unknown too, and must not be taken for the row.
_ROW = {"unknown": [{"Value": "resource"}]}
_COMPARED = ("eq", "not_eq", "less", "less_eq", "greater", "greater_eq")


def check_rows(policies: Sequence[Policy], kinds: Sequence[Kind]) -> None:
    """Refuse policies over rows that SQL could not decide the same way.

    Raises:
        UsageError: ``policy.invalid``: names the policy, its line and what a row policy may use.
    """
    from cedarpy import pst

    for policy in policies:
        reached = [
            kind.name for kind in kinds if any(touches(policy, act, kind.name, None) for act in kind.actions)
        ]
        if not reached:
            continue
        by_name = not isinstance(policy.node.resource, pst.ScopeAny | pst.ScopeIs)
        if by_name or not all(_condition(clause.expr) for clause in policy.node.clauses):
            raise UsageError(
                f"policies {policy.name!r}, line {policy.line}: policy {policy.id!r} also decides rows of "
                f'{reached[0]!r} and cannot become SQL; use comparison, `has`, `like "begin*"`, '
                "`[...].contains(resource.x)`, and/or/not over the row's attributes, or narrow it with "
                "`resource is ...`",
                code="policy.invalid",
            )


def predicate_of(kind: Kind, links: Sequence[list[Residual] | bool]) -> Predicate:
    """Return the rows that every link of a chain may touch; each has all attributes that must be there."""
    whole: list[Condition] = [
        Has(Attribute(name)) for name, declared in kind.attributes.items() if not declared.endswith("?")
    ]
    for link in links:
        whole.append(Const(link) if isinstance(link, bool) else _link(kind, link))
    return Predicate(kind=kind.name, condition=every(whole))


def _link(kind: Kind, residuals: Sequence[Residual]) -> Condition:
    permits: list[Condition] = []
    forbids: list[Condition] = []
    for residual in residuals:
        try:
            condition = _made(kind, residual.condition)
        except _OnlyFailsError:
            return Const(False)
        forbidding = residual.effect == "forbid"
        settled = condition if isinstance(condition, Const) else Settled(condition, forbidding)
        (forbids if forbidding else permits).append(settled)
    return every([some(permits), negated(some(forbids))])


def _condition(expr: pst.Expr) -> bool:
    """Whether a condition over a row can become SQL."""
    from cedarpy import pst

    match expr:
        case _ if not _speaks_of_resource(expr):
            return True
        case pst.BinaryOp("and" | "or", left, right):
            return _condition(left) and _condition(right)
        case pst.UnaryOp("not", arg):
            return _condition(arg)
        case pst.BinaryOp(op, left, right) if op in _COMPARED:
            return _operand(left) and _operand(right)
        case pst.BinaryOp("contains", left, right):
            return not _speaks_of_resource(left) and _operand(right)
        case pst.Like(base, pattern):
            return _operand(base) and all(isinstance(element, pst.Char) for element in pattern[:-1])
        case pst.HasAttr(pst.Var("resource"), (_,)) | pst.Is(pst.Var("resource"), _, None):
            return True
        case _:
            return isinstance(expr, pst.GetAttr) and _operand(expr)


def _operand(expr: pst.Expr) -> bool:
    from cedarpy import pst

    match expr:
        case pst.GetAttr(pst.Var("resource"), _):
            return True
        case _:
            return not _speaks_of_resource(expr)


def _speaks_of_resource(expr: object) -> bool:
    from dataclasses import fields, is_dataclass

    from cedarpy import pst

    if isinstance(expr, pst.Var):
        return expr.name == "resource"
    if isinstance(expr, Mapping):
        return any(map(_speaks_of_resource, cast("Mapping[str, object]", expr).values()))
    if isinstance(expr, tuple):
        return any(map(_speaks_of_resource, cast("tuple[object, ...]", expr)))
    return is_dataclass(expr) and any(_speaks_of_resource(getattr(expr, f.name)) for f in fields(expr))


class _OnlyFailsError(Exception):
    """What Cedar left over can only fail; nobody may."""


def _made(kind: Kind, body: Mapping[str, Any]) -> Condition:
    """Return Cedar's residual condition as ours."""
    match body:
        case {"Value": bool(value)}:
            return Const(value)
        case {"&&": {"left": left, "right": right}}:
            return every([_made(kind, left), _made(kind, right)])
        case {"||": {"left": left, "right": right}}:
            return some([_made(kind, left), _made(kind, right)])
        case {"!": {"arg": arg}}:
            return negated(_made(kind, arg))
        case {"is": {"left": left, "entity_type": name}} if left == _ROW:
            return Const(name == kind.name)
        case {"==": {"left": left}} | {"in": {"left": left}} if left == _ROW:
            return Const(False)  # a thing of another kind, named: rows are never named
        case {"has": {"left": left, "attr": attr}} if left == _ROW:
            return Has(Attribute(attr)) if attr in kind.attributes else Const(False)
        case {".": _}:
            return Compare("==", _value(body), True)
        case {"contains": {"left": {"Set": members}, "right": right}}:
            return _within(right, members)
        case {"like": {"left": left, "pattern": pattern}}:
            return _like(left, pattern)
        case _:
            return _compared(body)


def _compared(body: Mapping[str, Any]) -> Condition:
    match body:
        case {"==": sides}:
            return Compare("==", _value(sides["left"]), _value(sides["right"]))
        case {"<": sides}:
            return Compare("<", _value(sides["left"]), _value(sides["right"]))
        case {"<=": sides}:
            return Compare("<=", _value(sides["left"]), _value(sides["right"]))
        case _:
            raise _OnlyFailsError


def _value(body: Mapping[str, Any]) -> Operand:
    match body:
        case {".": {"left": left, "attr": str(attr)}} if left == _ROW:
            return Attribute(attr)
        case {"Value": str() | int() as value}:
            return value  # a bool is an int
        case _:
            raise _OnlyFailsError


def _within(body: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> Condition:
    attribute = _value(body)
    values = [_value(member) for member in members]
    if not isinstance(attribute, Attribute):
        raise _OnlyFailsError
    given = tuple(value for value in values if not isinstance(value, Attribute))
    return Within(attribute, given) if given else Const(False)


def _like(body: Mapping[str, Any], pattern: Sequence[Any]) -> Condition:
    attribute = _value(body)
    if not isinstance(attribute, Attribute):
        raise _OnlyFailsError
    text = "".join(element["Literal"] for element in pattern if element != "Wildcard")
    return Prefix(attribute, text) if "Wildcard" in pattern else Compare("==", attribute, text)
