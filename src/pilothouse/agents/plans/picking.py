"""Owns choosing rows by a predicate in code, and what such a choice rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pilothouse.agents.plans.expressions import Operator, Pick, Where
from pilothouse.agents.values import Value, listed
from pilothouse.kernel import DataError, Json, UsageError
from pilothouse.labels import Integrity, Label, join

__all__ = ["holds", "pick"]

Tests = Sequence[tuple[Where, Value]]


def pick(form: Pick, rows: Value, tests: Tests) -> Value:
    """Return the chosen rows, or the part of them that ``form`` wants.

    The result rests on the list, on what the fields were compared with, on the fields that were tested, and
    for an order or a single one on every row that fitted. A row that is trusted less than the list itself
    was perhaps put there by a stranger: unless it is chosen it counts as absent, if only readers of the list
    may read it.

    Raises:
        DataError: ``agents.nothing`` or ``agents.rival``.
    """
    fits = [row for row in rows.items if _fits(row, tests)]
    ordered = _ordered(fits, form.order)
    chosen = ordered if form.take == "all" else ordered[:1]
    if form.take != "all" and not chosen:
        raise DataError("no row fits; nothing was called", code="agents.nothing")
    if form.take == "only" and len(ordered) > 1:
        raise DataError(f"{len(ordered)} rows fit where one was meant; say which", code="agents.rival")
    basis = [rows.label, *(value.whole for _, value in tests)]
    for row in rows.items:
        basis += _tested(rows, row, tests, form.order if row in fits else "", taken=row in fits)
    label = join(*basis)
    which = _which(rows, tests, form.order)
    values = [row.at(form.path).under(label, which=which) for row in chosen]
    return listed(values, label) if form.take == "all" else values[0]


def holds(left: Json, op: Operator, right: Json) -> bool:
    """Whether a comparison holds; values of different kinds are different and have no order."""
    match op:
        case "=":
            return _same(left, right)
        case "!=":
            return not _same(left, right)
        case "in":
            return isinstance(right, list) and any(_same(left, item) for item in right)
        case "has":
            if isinstance(left, list):
                return any(_same(item, right) for item in left)
            return _text(left) and _text(right) and str(right).casefold() in str(left).casefold()
        case "starts":
            return _text(left) and _text(right) and str(left).casefold().startswith(str(right).casefold())
        case _:
            return _ordered_so(left, op, right)


def _same(left: Json, right: Json) -> bool:
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return left == right


def _ordered_so(left: Json, op: Operator, right: Json) -> bool:
    if not (_text(left) and _text(right)) and not (_figure(left) and _figure(right)):
        return False
    one, other = cast("float", left), cast("float", right)
    order = (one > other) - (one < other)
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[op]


def _text(value: Json) -> bool:
    return isinstance(value, str)


def _figure(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fits(row: Value, tests: Tests) -> bool:
    return all(holds(row.at(_field(one)).data, one.op, value.data) for one, value in tests)


def _field(one: Where) -> str:
    name = getattr(one.left, "value", None)
    if not isinstance(name, str):
        raise UsageError(f"{one.left!r} is no field; the left side names one", code="agents.plan")
    return name


def _ordered(rows: list[Value], order: str) -> list[Value]:
    if not order:
        return rows
    name = order.removeprefix("-")
    values = [row.at(name).data for row in rows]
    if not (all(map(_figure, values)) or all(map(_text, values))):
        raise DataError(f"{name!r} is neither all text nor all figures to sort by", code="agents.rival")
    return sorted(rows, key=lambda row: cast("float", row.at(name).data), reverse=order.startswith("-"))


def _tested(rows: Value, row: Value, tests: Tests, order: str, *, taken: bool) -> list[Label]:
    """Return what one row contributes to the choice."""
    names = [_field(one) for one, _ in tests] + ([order.removeprefix("-")] if order else [])
    labels = [row.label, *(row.at(name).whole for name in names)]
    stranger = row.label.integrity < rows.label.integrity
    known = all(label.readers <= rows.label.readers for label in labels)
    return [] if stranger and known and not taken else labels


def _which(rows: Value, tests: Tests, order: str) -> Integrity:
    """Return who chose: a field that is worth less than its row may be another's than who wrote the row."""
    names = [_field(one) for one, _ in tests] + ([order.removeprefix("-")] if order else [])
    least = min((value.whole.integrity for _, value in tests), default=Integrity.OPERATOR)
    for row in rows.items:
        worth = [row.at(name).whole.integrity for name in names]
        least = min(least, *(one for one in worth if one < row.label.integrity), Integrity.OPERATOR)
    return min(least, rows.which)
