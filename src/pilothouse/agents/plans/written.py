"""Owns the plan as a model writes it: plain JSON, each form an object with one key that begins with ``$``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, cast, get_args

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
    Operator,
    Pick,
    Question,
    Recall,
    Said,
    Same,
    Several,
    Text,
    Where,
)
from pilothouse.agents.plans.plan import Plan, Step
from pilothouse.kernel import Json, UsageError
from pilothouse.labels import Boolean, Choice, Number

__all__ = ["PLAN_SCHEMA", "answer_from", "form", "plan_from"]

PLAN_SCHEMA: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {
        "steps": {"type": "string", "maxLength": 40_000, "description": "a JSON list of steps"},
    },
    "required": ["steps"],
    "additionalProperties": False,
}
"""Forms hold forms, which no grammar does without end; so the steps are text, and checked here."""
_OPS = get_args(Operator)
_DEEPEST = 8


def plan_from(written: object) -> Plan:
    """Return the plan that a model wrote.

    Raises:
        UsageError: ``agents.plan``: names the step, the form and what is wrong with it.
    """
    steps: object = (
        cast("Mapping[str, object]", written).get("steps") if isinstance(written, Mapping) else None
    )
    if isinstance(steps, str):
        try:
            steps = json.loads(steps)
        except (ValueError, RecursionError) as error:
            raise _wrong(f"steps are no JSON: {error}") from None
    if not isinstance(steps, list):
        raise _wrong('a plan is {"steps": [...]}')
    return Plan(steps=tuple(_step(place, one) for place, one in enumerate(cast("list[object]", steps))))


def _step(place: int, written: object) -> Step:
    if not isinstance(written, Mapping):
        raise _wrong(f"step {place} is no object")
    given = cast("Mapping[str, Any]", written)
    name, tool, args = given.get("name", f"s{place + 1}"), given.get("tool"), given.get("args", {})
    if not isinstance(name, str) or not isinstance(tool, str) or not isinstance(args, Mapping):
        raise _wrong(f"step {place} needs name and tool as text, and args as an object")
    try:
        return Step(
            name=name,
            tool=tool,
            args={key: form(value) for key, value in cast("Mapping[str, object]", args).items()},
            each=None if given.get("each") is None else form(given["each"]),
            when=_wheres(given.get("when") or (), fields=False),
        )
    except UsageError as error:
        raise _wrong(f"step {name!r}: {error.message}") from None


def form(written: object, depth: int = 0) -> Expression:
    """Return the form that stands in JSON; what is none is what the person said.

    Raises:
        UsageError: ``agents.plan``.
    """
    if depth > _DEEPEST:
        raise _wrong(f"forms are nested deeper than {_DEEPEST}")
    key = _key(written)
    if key is None:
        return Said(_said(written))
    made = _FORMS.get(key)
    if made is None:
        raise _wrong(f"there is no form {key!r}; there is {', '.join(sorted(_FORMS))}")
    try:
        return made(cast("Mapping[str, Any]", written)[key], depth + 1)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _wrong(f"{key} is not right: {error}") from None


def _key(written: object) -> str | None:
    if isinstance(written, Mapping) and len(cast("Mapping[str, object]", written)) == 1:
        (key,) = cast("Mapping[str, object]", written)
        return key if key.startswith("$") else None
    return None


def _said(written: object) -> Json:
    """Return plain JSON; a form hidden inside would be taken for words."""
    if isinstance(written, Mapping):
        inside = cast("Mapping[str, object]", written)
        if any(name.startswith("$") for name in inside):
            raise _wrong(f"{sorted(inside)!r}: a form is an object with that one key alone")
        return {name: _plain(item) for name, item in inside.items()}
    if isinstance(written, list):
        return [_plain(item) for item in cast("list[object]", written)]
    return cast("Json", written)


def _plain(written: object) -> Json:
    if _key(written) is not None:
        raise _wrong("a form stands inside a list or an object; use $several or $text")
    return _said(written)


def _path(written: object) -> tuple[str, str]:
    name, _, path = str(written).removeprefix("$").partition(".")
    return name, path


def _wheres(written: object, *, fields: bool, depth: int = 0) -> tuple[Where, ...]:
    found: list[Where] = []
    for one in cast("list[Any]", written):
        left, op, right = one
        if op not in _OPS:
            raise _wrong(f"{op!r} is no comparison; there is {' '.join(_OPS)}")
        found.append(Where(Said(str(left)) if fields else form(left, depth), op, form(right, depth)))
    return tuple(found)


def _pick(given: Any, depth: int) -> Pick:
    return Pick(
        form(given["rows"], depth), where=_wheres(given.get("where", ()), fields=True, depth=depth),
        order=str(given.get("order", "")), take=_take(given, ("only", "first", "all")),
        path=str(given.get("path", "")),
    )  # fmt: skip


def _take(given: Any, allowed: tuple[str, ...]) -> Any:
    take = given.get("take", "only")
    if take not in allowed:
        raise _wrong(f"take {take!r} is none of {', '.join(allowed)}")
    return take


def _lookup(given: Any, depth: int) -> Lookup:
    args = {name: form(value, depth) for name, value in given.get("args", {}).items()}
    return Lookup(str(given["tool"]), args, str(given.get("path", "")))


def _find(given: Any, depth: int) -> Find:
    return Find(
        form(given["of"], depth), kind=str(given.get("kind", "")), pattern=str(given.get("pattern", "")),
        after=str(given.get("after", "")), take=_take(given, ("only", "all")),
    )  # fmt: skip


def _question(given: Any, depth: int) -> Question:
    return Question(form(given["of"], depth), str(given["question"]), answer_from(given))


def answer_from(given: Mapping[str, Any]) -> Boolean | Choice | Number:
    """Return the closed form of an answer: options, low and high, or yes and no."""
    if given.get("options"):
        return Choice(tuple(str(one) for one in given["options"]))
    if given.get("low") is not None and given.get("high") is not None:
        return Number(int(given["low"]), int(given["high"]))
    return Boolean()


def _choose(given: Any, depth: int) -> Choose:
    return Choose(
        form(given["of"], depth), question=str(given["question"]), among=form(given["among"], depth),
        by=str(given["by"]), path=str(given.get("path", "")), apart=bool(given.get("apart", False)),
    )  # fmt: skip


def _draft(given: Any, depth: int) -> Draft:
    return Draft(tuple(form(one, depth) for one in _many(given["of"])), str(given["instruction"]))


def _text(given: Any, depth: int) -> Text:
    parts = {name: form(value, depth) for name, value in given.get("parts", {}).items()}
    return Text(str(given["template"]), parts)


def _fold(given: Any, depth: int) -> Fold:
    op = given["op"]
    if op not in ("sum", "minus", "times", "min", "max", "mean"):
        raise _wrong(f"{op!r} is no way to fold")
    return Fold(op, tuple(form(one, depth) for one in _many(given["of"])), str(given.get("path", "")))


def _many(given: object) -> list[object]:
    return cast("list[object]", given) if isinstance(given, list) else [given]


_FORMS: Final[dict[str, Callable[[Any, int], Expression]]] = {
    "$said": lambda given, _: Said(_said(given)),
    "$from": lambda given, _: From(*_path(given)),
    "$given": lambda given, _: Given(*_path(given)),
    "$item": lambda given, _: Item(str(given)),
    "$pick": _pick,
    "$lookup": _lookup,
    "$find": _find,
    "$ask": _question,
    "$choose": _choose,
    "$recall": lambda given, _: Recall(str(given)),
    "$draft": _draft,
    "$text": _text,
    "$fold": _fold,
    "$count": lambda given, depth: Count(form(given, depth)),
    "$several": lambda given, depth: Several(tuple(form(one, depth) for one in _many(given))),
    "$same": lambda given, depth: Same(form(given["record"], depth), form(given["said"], depth)),
}


def _wrong(what: str) -> UsageError:
    return UsageError(what, code="agents.plan")
