"""Owns the fast path: Cedar's common shape as Python closures, by action and kind; proved equal to Cedar.

What is not of the common shape is left to Cedar itself: such a rule has no ``holds``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pilothouse.policy.parse import Policy

if TYPE_CHECKING:
    from cedarpy import pst

__all__ = ["Env", "EvaluationError", "Rule", "Uid", "compile_rule", "touches"]

Uid = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Env:
    """What one rule is asked about."""

    principal: Uid
    facts: Mapping[str, object]
    ancestors: frozenset[Uid]
    action: Uid
    resource: Uid
    attributes: Mapping[str, object]
    context: Mapping[str, object]


Term = Callable[[Env], object]


class EvaluationError(Exception):
    """A policy cannot be evaluated on this request; the answer is deny."""


class _UncommonError(Exception):
    """The policy is left to Cedar."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy, ready to run; ``holds`` is None where only Cedar can say."""

    id: str
    effect: Literal["permit", "forbid"]
    holds: Callable[[Env], bool] | None


def compile_rule(policy: Policy) -> Rule:
    """Return the policy as closures, or without them when it is not of the common shape."""
    try:
        scope = _principal(policy.node)
        terms = [_clause(clause) for clause in policy.node.clauses]
    except _UncommonError:
        return Rule(policy.id, policy.node.effect, None)

    def holds(env: Env) -> bool:
        return scope(env) and all(term(env) for term in terms)

    return Rule(policy.id, policy.node.effect, holds)


def touches(policy: Policy, action: str, kind: str, name: str | None) -> bool:
    """Whether a policy can decide this action on this kind of thing, or on the one called ``name``."""
    from cedarpy import pst

    match policy.node.action:
        case pst.ActionEq(entity):
            acts = entity.id == action
        case pst.ActionIn(entities):
            acts = any(entity.id == action for entity in entities)
        case _:
            acts = True
    match policy.node.resource:
        case pst.ScopeIs(entity_type):
            return acts and str(entity_type) == kind
        case pst.ScopeEq(entity) | pst.ScopeIn(entity) | pst.ScopeIsIn(entity=entity):
            # Resources have no parents: to be in one is to be it.
            return acts and _is(entity, kind, name)
        case _:
            return acts


def _is(entity: pst.EntityOrSlot, kind: str, name: str | None) -> bool:
    from cedarpy import pst

    return isinstance(entity, pst.EntityUid) and str(entity.type) == kind and name in (None, entity.id)


def _principal(node: pst.Template) -> Callable[[Env], bool]:
    from cedarpy import pst

    match node.principal:
        case pst.ScopeIs(entity_type):
            return _of_type(str(entity_type))
        case pst.ScopeEq(pst.EntityUid() as entity):
            uid = _uid(entity)
            return lambda env: env.principal == uid
        case pst.ScopeIn(pst.EntityUid() as entity):
            return _inside(_uid(entity))
        case pst.ScopeIsIn(entity_type, pst.EntityUid() as entity):
            typed, inside = _of_type(str(entity_type)), _inside(_uid(entity))
            return lambda env: typed(env) and inside(env)
        case _:
            return lambda env: True


def _of_type(name: str) -> Callable[[Env], bool]:
    return lambda env: env.principal[0] == name


def _inside(uid: Uid) -> Callable[[Env], bool]:
    return lambda env: uid == env.principal or uid in env.ancestors


def _uid(entity: pst.EntityUid) -> Uid:
    return str(entity.type), entity.id


def _clause(clause: pst.Clause) -> Term:
    from cedarpy import pst

    term = _term(clause.expr)
    return term if isinstance(clause, pst.When) else lambda env: not term(env)


def _term(expr: pst.Expr) -> Term:
    from cedarpy import pst

    match expr:
        case pst.BoolLit(value) | pst.LongLit(value) | pst.StringLit(value):
            return lambda env: value
        case pst.EntityLit(entity):
            uid = _uid(entity)
            return lambda env: uid
        case pst.Var(name):
            return _variable(name)
        case pst.GetAttr(pst.Var(name), attr):
            return _attribute(name, attr)
        case pst.HasAttr(pst.Var(name), (attr,)):
            return _present(name, attr)
        case pst.Like(base, pattern):
            return _like(_term(base), pattern)
        case pst.Is(base, entity_type, None):
            return _is_of(_term(base), str(entity_type))
        case pst.Set(elements):
            members = [_term(element) for element in elements]
            return lambda env: frozenset(member(env) for member in members)
        case pst.UnaryOp("not", arg):
            negated = _term(arg)
            return lambda env: not negated(env)
        case pst.BinaryOp(op, left, right):
            return _binary(op, _term(left), _term(right))
        case pst.IfThenElse(cond, then_expr, else_expr):
            chosen, yes, no = _term(cond), _term(then_expr), _term(else_expr)
            return lambda env: yes(env) if chosen(env) else no(env)
        case _:
            raise _UncommonError


def _variable(name: pst.VarName) -> Term:
    if name == "principal":
        return lambda env: env.principal
    if name == "resource":
        return lambda env: env.resource
    if name == "action":
        return lambda env: env.action
    raise _UncommonError


def _bag(name: pst.VarName) -> Callable[[Env], Mapping[str, object]]:
    if name == "principal":
        return lambda env: env.facts
    if name == "resource":
        return lambda env: env.attributes
    return lambda env: env.context


def _attribute(name: pst.VarName, attr: str) -> Term:
    bag = _bag(name)

    def value(env: Env) -> object:
        try:
            return bag(env)[attr]
        except KeyError:
            raise EvaluationError(f"{name} has no {attr!r}") from None

    return value


def _present(name: pst.VarName, attr: str) -> Term:
    bag = _bag(name)
    return lambda env: attr in bag(env)


def _is_of(base: Term, name: str) -> Term:
    def holds(env: Env) -> bool:
        value = base(env)
        return isinstance(value, tuple) and value[0] == name  # pyright: ignore[reportUnknownVariableType] - a Uid

    return holds


def _like(base: Term, pattern: tuple[pst.PatternElem, ...]) -> Term:
    from cedarpy import pst

    pieces, whole = [""], True
    for element in pattern:
        if isinstance(element, pst.Char):
            pieces[-1] += element.value
        else:
            pieces.append("")
            whole = False
    first, *middle = pieces
    last = middle.pop() if middle else ""

    def matches(env: Env) -> bool:
        text = str(base(env))
        if whole:
            return text == first
        end = len(text) - len(last)
        place = len(first)
        if place > end or not text.startswith(first) or not text.endswith(last):
            return False
        for piece in middle:
            found = text.find(piece, place, end)
            if found < 0:
                return False
            place = found + len(piece)
        return True

    return matches


def _binary(op: pst.BinaryOpName, left: Term, right: Term) -> Term:
    try:
        return _OPERATIONS[op](left, right)
    except KeyError:
        raise _UncommonError from None


def _equal(left: object, right: object) -> bool:
    # Cedar's values of two types are never equal, Python's True is 1.
    return type(left) is type(right) and left == right


def _compared(how: Callable[[int, int], bool]) -> Callable[[Term, Term], Term]:
    def made(left: Term, right: Term) -> Term:
        def holds(env: Env) -> bool:
            one, two = left(env), right(env)
            if not isinstance(one, int) or not isinstance(two, int):
                raise EvaluationError("only whole numbers are ordered")
            return how(one, two)

        return holds

    return made


def _sets(how: Callable[[frozenset[object], object], bool]) -> Callable[[Term, Term], Term]:
    def made(left: Term, right: Term) -> Term:
        def holds(env: Env) -> bool:
            one = left(env)
            if not isinstance(one, frozenset):
                raise EvaluationError("only a set contains")
            return how(one, right(env))  # pyright: ignore[reportUnknownArgumentType] - of any values

        return holds

    return made


def _in(left: Term, right: Term) -> Term:
    def holds(env: Env) -> bool:
        one, two = left(env), right(env)
        above = {one, *env.ancestors} if one == env.principal else {one}
        return not above.isdisjoint(two if isinstance(two, frozenset) else [two])  # pyright: ignore[reportUnknownArgumentType] - of any values

    return holds


def _all_of(have: frozenset[object], wanted: object) -> bool:
    return isinstance(wanted, frozenset) and wanted <= have


def _any_of(have: frozenset[object], wanted: object) -> bool:
    return isinstance(wanted, frozenset) and not wanted.isdisjoint(have)


_OPERATIONS: dict[str, Callable[[Term, Term], Term]] = {
    "and": lambda left, right: lambda env: left(env) and right(env),
    "or": lambda left, right: lambda env: left(env) or right(env),
    "eq": lambda left, right: lambda env: _equal(left(env), right(env)),
    "not_eq": lambda left, right: lambda env: not _equal(left(env), right(env)),
    "less": _compared(lambda one, two: one < two),
    "less_eq": _compared(lambda one, two: one <= two),
    "greater": _compared(lambda one, two: one > two),
    "greater_eq": _compared(lambda one, two: one >= two),
    "in": _in,
    "contains": _sets(lambda have, wanted: wanted in have),
    "contains_all": _sets(_all_of),
    "contains_any": _sets(_any_of),
}
