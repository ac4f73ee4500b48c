"""Owns whether a value fits a held schema; the answer of a model is never believed without it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

__all__ = ["misfit"]


def misfit(value: Any, schema: Mapping[str, Any], path: str = "answer") -> str:
    """Return why ``value`` does not fit, with the path; empty if it does.

    Args:
        value: Parsed JSON.
        schema: As :func:`~pilothouse.models.schema.hold.held` returns it; nothing else is understood.
        path: Where ``value`` stands.
    """
    if "const" in schema:
        return "" if _same(value, schema["const"]) else f"{path} must be {schema['const']!r}"
    if "enum" in schema:
        fits = any(_same(value, one) for one in schema["enum"])
        return "" if fits else f"{path} must be one of {_few(schema['enum'])}, not {_short(value)}"
    if "anyOf" in schema:
        return _any(value, schema["anyOf"], path)
    return _TYPES[schema["type"]](value, schema, path)


def _any(value: Any, options: list[Mapping[str, Any]], path: str) -> str:
    reasons = [misfit(value, one, path) for one in options]
    if not all(reasons):
        return ""
    # The option whose fixed parts fit says best what is wrong with the rest.
    meant = [why for one, why in zip(options, reasons, strict=True) if _meant(value, one)]
    if meant:
        return meant[0]
    tools = [one["properties"]["tool"]["const"] for one in options if "const" in _tool(one)]
    if len(tools) == len(options) and isinstance(value, dict):
        return f"{path}.tool must be one of {_few(tools)}"
    return f"{path} fits none of {len(options)} forms: {reasons[0]}"


def _tool(option: Mapping[str, Any]) -> Mapping[str, Any]:
    return option.get("properties", {}).get("tool", {})


def _meant(value: Any, option: Mapping[str, Any]) -> bool:
    fixed = {name: one["const"] for name, one in option.get("properties", {}).items() if "const" in one}
    return bool(fixed) and isinstance(value, dict) and all(
        _same(cast("dict[str, Any]", value).get(name), const) for name, const in fixed.items()
    )  # fmt: skip


def _object(value: Any, schema: Mapping[str, Any], path: str) -> str:
    if not isinstance(value, dict):
        return f"{path} must be an object, not {_short(value)}"
    found = cast("dict[str, Any]", value)
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in found:
            return f"{path}.{name} is missing"
    if len(found) > schema.get("maxProperties", len(found)):
        return f"{path} has more than {schema['maxProperties']} entries"
    others = schema.get("additionalProperties", False)
    for name, item in found.items():
        inner = properties.get(name, others)
        if inner is False:
            return f"{path}.{name} is not asked for"
        why = misfit(item, inner, f"{path}.{name}")
        if why:
            return why
    return ""


def _array(value: Any, schema: Mapping[str, Any], path: str) -> str:
    if not isinstance(value, list):
        return f"{path} must be a list, not {_short(value)}"
    items = cast("list[Any]", value)
    if not schema.get("minItems", 0) <= len(items) <= schema["maxItems"]:
        return f"{path} has {len(items)} items, not {schema.get('minItems', 0)} to {schema['maxItems']}"
    places: list[Any] = schema.get("prefixItems", [])
    for n, item in enumerate(items):
        why = misfit(item, places[n] if n < len(places) else schema["items"], f"{path}[{n}]")
        if why:
            return why
    return ""


def _string(value: Any, schema: Mapping[str, Any], path: str) -> str:
    if not isinstance(value, str):
        return f"{path} must be text, not {_short(value)}"
    if len(value) > schema.get("maxLength", len(value)):
        return f"{path} is longer than {schema['maxLength']} characters"
    if len(value) < schema.get("minLength", 0):
        return f"{path} is shorter than {schema['minLength']} characters"
    if "pattern" in schema and not _compiled(schema["pattern"]).search(value):
        return f"{path} must match {schema['pattern']!r}, not {_short(value)}"
    if "format" in schema and not _formatted(value, schema["format"]):
        return f"{path} is no {schema['format']}: {_short(value)}"
    return ""


def _number(value: Any, schema: Mapping[str, Any], path: str) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return f"{path} must be a number, not {_short(value)}"
    for word, holds in _LIMITS.items():
        if word in schema and not holds(value, schema[word]):
            return f"{path} is {value!r}, against {word} {schema[word]!r}"
    return ""


def _integer(value: Any, schema: Mapping[str, Any], path: str) -> str:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return _number(value, schema, path) if whole else f"{path} must be a whole number, not {_short(value)}"


def _boolean(value: Any, _: Mapping[str, Any], path: str) -> str:
    return "" if isinstance(value, bool) else f"{path} must be true or false, not {_short(value)}"


def _null(value: Any, _: Mapping[str, Any], path: str) -> str:
    return "" if value is None else f"{path} must be null, not {_short(value)}"


_LIMITS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
}
_TYPES: dict[str, Callable[[Any, Mapping[str, Any], str], str]] = {
    "object": _object, "array": _array, "string": _string, "number": _number,
    "integer": _integer, "boolean": _boolean, "null": _null,
}  # fmt: skip
_FORMATS: dict[str, Callable[[str], object]] = {
    "date": date.fromisoformat, "time": time.fromisoformat,
    "date-time": datetime.fromisoformat, "uuid": UUID,
}  # fmt: skip


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _formatted(value: str, form: str) -> bool:
    try:
        _FORMATS[form](value)
    except ValueError:
        return False
    return True


def _same(value: Any, other: Any) -> bool:
    """Whether two scalars are equal as JSON: true is not 1."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _few(values: list[Any]) -> str:
    return ", ".join(repr(one) for one in values[:8]) + (" ..." if len(values) > 8 else "")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
