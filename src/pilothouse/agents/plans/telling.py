"""Owns a plan as plain JSON, told as a model would write it; :func:`plan_from` reads it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pilothouse.agents.plans.expressions import (
    Choose,
    Count,
    Draft,
    Expression,
    Find,
    Fold,
    From,
    Given,
    Item,
    Lookup,
    Pick,
    Question,
    Recall,
    Said,
    Same,
    Several,
    Text,
    Where,
)
from pilothouse.agents.plans.plan import Plan
from pilothouse.kernel import Json
from pilothouse.labels import Boolean, Choice, Number

__all__ = ["told_plan"]


def told_plan(plan: Plan) -> list[dict[str, Json]]:
    """Return the steps of a plan; its answer is the model's own affair."""
    return [
        {
            "name": step.name,
            "tool": step.tool,
            "args": {name: _form(one) for name, one in step.args.items()},
            **({} if step.each is None else {"each": _form(step.each)}),
            **({"when": [_where(one, fields=False) for one in step.when]} if step.when else {}),
        }
        for step in plan.steps
    ]


def _form(form: Expression) -> Json:
    return _TOLD[type(form)](form)


def _dotted(name: str, path: str) -> str:
    return f"{name}.{path}" if path else name


def _where(one: Where, *, fields: bool) -> Json:
    left = one.left.value if fields and isinstance(one.left, Said) else _form(one.left)
    return [left, one.op, _form(one.right)]


def _pick(one: Pick) -> Json:
    where: list[Json] = [_where(test, fields=True) for test in one.where]
    return {
        "$pick": {
            "rows": _form(one.rows),
            "where": where,
            "order": one.order,
            "take": one.take,
            "path": one.path,
        }
    }


def _lookup(one: Lookup) -> Json:
    args = {name: _form(value) for name, value in one.args.items()}
    return {"$lookup": {"tool": one.tool, "args": args, "path": one.path}}


def _find(one: Find) -> Json:
    given = {
        "of": _form(one.of),
        "kind": one.kind,
        "pattern": one.pattern,
        "after": one.after,
        "take": one.take,
    }
    return {"$find": given}


def _answer(answer: Boolean | Choice | Number) -> dict[str, Json]:
    if isinstance(answer, Choice):
        return {"options": list(answer.options)}
    return {"low": answer.low, "high": answer.high} if isinstance(answer, Number) else {}


def _choose(one: Choose) -> Json:
    return {
        "$choose": {
            "of": _form(one.of), "question": one.question, "among": _form(one.among), "by": one.by,
            "path": one.path, "apart": one.apart,
        }
    }  # fmt: skip


def _said(one: Said) -> Json:
    return {"$said": one.value} if isinstance(one.value, dict) else one.value


_TOLD: Final[dict[type, Callable[[Any], Json]]] = {
    Said: _said,
    From: lambda one: {"$from": _dotted(one.step, one.path)},
    Given: lambda one: {"$given": _dotted(one.name, one.path)},
    Item: lambda one: {"$item": one.path},
    Recall: lambda one: {"$recall": one.name},
    Pick: _pick,
    Lookup: _lookup,
    Find: _find,
    Question: lambda one: {"$ask": {"of": _form(one.of), "question": one.question, **_answer(one.answer)}},
    Choose: _choose,
    Draft: lambda one: {"$draft": {"of": [_form(part) for part in one.of], "instruction": one.instruction}},
    Text: lambda one: {
        "$text": {"template": one.template, "parts": {name: _form(part) for name, part in one.parts.items()}}
    },
    Fold: lambda one: {"$fold": {"op": one.op, "of": [_form(part) for part in one.of], "path": one.path}},
    Count: lambda one: {"$count": _form(one.of)},
    Several: lambda one: {"$several": [_form(part) for part in one.of]},
    Same: lambda one: {"$same": {"record": _form(one.record), "said": _form(one.said)}},
}
