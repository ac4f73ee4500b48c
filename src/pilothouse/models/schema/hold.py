"""Owns what a grammar can hold: a schema is checked at registration, and a bound put on everything in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from pilothouse.kernel import Json
from pilothouse.models.errors import ModelUsageError

__all__ = ["Bounds", "held"]

MOST_NODES = 4000
MAP_ENTRIES = 32
FORMATS: Final = frozenset({"date", "time", "date-time", "uuid"})
SCALARS: Final = ("string", "number", "integer", "boolean", "null")
REFUSED: Final = (
    "not", "if", "then", "else", "patternProperties", "dependentRequired", "dependentSchemas",
    "unevaluatedProperties", "unevaluatedItems", "contains", "$dynamicRef", "$recursiveRef",
)  # fmt: skip
_LOOKING = re.compile(r"\(\?(?:[=!]|<[=!]|P[=<>]|\()|\\[1-9bB]")
_ENDLESS = re.compile(r"[*+]|\{\d*,\}")
_ESCAPES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The most that a structured answer may hold where its schema says no less."""

    text: int = 4000
    items: int = 64
    depth: int = 8


def held(schema: Mapping[str, Json], *, bounds: Bounds | None = None, path: str = "schema") -> dict[str, Any]:
    """Return ``schema`` without references and annotations, closed, and with a bound on everything.

    Raises:
        ModelUsageError: ``models.schema``: recursion, an unbounded pattern or a keyword that no grammar
            holds; the message names the path.
    """
    definitions: dict[str, Any] = {}
    for key in ("$defs", "definitions"):
        definitions |= cast("dict[str, Any]", schema.get(key) or {})
    return _Holder(bounds or Bounds(), definitions).node(schema, path, 0, ())


class _Holder:
    def __init__(self, bounds: Bounds, definitions: Mapping[str, Any]) -> None:
        self._bounds = bounds
        self._definitions = definitions
        self._nodes = 0

    def node(self, schema: Any, path: str, depth: int, seen: tuple[str, ...]) -> dict[str, Any]:
        self._count(path, depth)
        if schema is True:
            return self._anything()
        if not isinstance(schema, Mapping):
            raise _wrong(path, f"{schema!r} is no schema; write an object")
        found = cast("Mapping[str, Any]", schema)
        for word in REFUSED:
            if word in found:
                raise _wrong(f"{path}.{word}", "no grammar holds this keyword; say it with anyOf or enum")
        if "$ref" in found:
            return self._reference(found["$ref"], path, depth, seen)
        return self._plain(found, path, depth, seen)

    def _plain(
        self, found: Mapping[str, Any], path: str, depth: int, seen: tuple[str, ...]
    ) -> dict[str, Any]:
        if "const" in found:
            return {"const": _scalar(found["const"], path)}
        if "enum" in found:
            return {"enum": [_scalar(one, path) for one in _list(found["enum"], f"{path}.enum")]}
        for word in ("anyOf", "oneOf"):
            if word in found:
                options = _list(found[word], f"{path}.{word}")
                return {
                    "anyOf": [
                        self.node(one, f"{path}.{word}[{n}]", depth + 1, seen)
                        for n, one in enumerate(options)
                    ]
                }
        if "allOf" in found:
            every = _list(found["allOf"], f"{path}.allOf")
            if len(every) != 1:
                raise _wrong(f"{path}.allOf", "several schemas at once are not held; merge them into one")
            return self.node(every[0], f"{path}.allOf[0]", depth, seen)
        return self._typed(found, found.get("type"), path, depth, seen)

    def _typed(
        self, found: Mapping[str, Any], kind: Any, path: str, depth: int, seen: tuple[str, ...]
    ) -> dict[str, Any]:
        if isinstance(kind, list):
            kinds = cast("list[Any]", kind)
            return {"anyOf": [self._typed(found, one, path, depth + 1, seen) for one in kinds]}
        if kind is None:
            kind = "object" if "properties" in found else "array" if "items" in found else None
        if kind is None:
            return self._anything()
        if kind == "object":
            return self._object(found, path, depth, seen)
        if kind == "array":
            return self._array(found, path, depth, seen)
        if kind == "string":
            return self._string(found, path)
        if kind in SCALARS:
            limits = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
            return {"type": kind, **{name: found[name] for name in limits if name in found}}
        raise _wrong(f"{path}.type", f"{kind!r} is no type of JSON")

    def _object(
        self, found: Mapping[str, Any], path: str, depth: int, seen: tuple[str, ...]
    ) -> dict[str, Any]:
        properties = cast("Mapping[str, Any]", found.get("properties") or {})
        others = found.get("additionalProperties", not properties)
        if not properties and others is not False:
            value = self.node(others, f"{path}.additionalProperties", depth + 1, seen)
            most = _least(found.get("maxProperties"), MAP_ENTRIES)
            return {"type": "object", "additionalProperties": value, "maxProperties": most}
        inner = {
            name: self.node(one, f"{path}.properties.{name}", depth + 1, seen)
            for name, one in properties.items()
        }
        required = [name for name in _list(found.get("required") or [], f"{path}.required") if name in inner]
        return {"type": "object", "properties": inner, "required": required, "additionalProperties": False}

    def _array(
        self, found: Mapping[str, Any], path: str, depth: int, seen: tuple[str, ...]
    ) -> dict[str, Any]:
        if "prefixItems" in found:
            places = _list(found["prefixItems"], f"{path}.prefixItems")
            first = [
                self.node(one, f"{path}.prefixItems[{n}]", depth + 1, seen) for n, one in enumerate(places)
            ]
            return {"type": "array", "prefixItems": first, "items": False,
                    "minItems": len(first), "maxItems": len(first)}  # fmt: skip
        most, least = _least(found.get("maxItems"), self._bounds.items), found.get("minItems", 0)
        if least > most:
            raise _wrong(f"{path}.minItems", f"{least!r} items are over the bound of {most}")
        made: dict[str, Any] = {
            "type": "array",
            "items": self.node(found.get("items", True), f"{path}.items", depth + 1, seen),
            "maxItems": most,
        }
        return made | ({"minItems": least} if least else {})

    def _string(self, found: Mapping[str, Any], path: str) -> dict[str, Any]:
        made: dict[str, Any] = {"type": "string"}
        if "pattern" in found:
            return made | {"pattern": _pattern(found["pattern"], f"{path}.pattern")}
        if found.get("format") in FORMATS:
            return made | {"format": found["format"]}
        most, least = _least(found.get("maxLength"), self._bounds.text), found.get("minLength", 0)
        if least > most:
            raise _wrong(f"{path}.minLength", f"{least!r} characters are over the bound of {most}")
        return made | {"maxLength": most} | ({"minLength": least} if least else {})

    def _anything(self) -> dict[str, Any]:
        """Return what stands for any value: one that holds no others."""
        text = {"type": "string", "maxLength": self._bounds.text}
        return {"anyOf": [text, {"type": "number"}, {"type": "boolean"}, {"type": "null"}]}

    def _reference(self, ref: Any, path: str, depth: int, seen: tuple[str, ...]) -> dict[str, Any]:
        name = ref.rpartition("/")[2] if isinstance(ref, str) else ""
        if name not in self._definitions or not ref.startswith(("#/$defs/", "#/definitions/")):
            raise _wrong(f"{path}.$ref", f"{ref!r} is not defined in this schema")
        if name in seen:
            raise _wrong(f"{path}.$ref", f"{ref!r} holds itself; no grammar is without end")
        return self.node(self._definitions[name], path, depth, (*seen, name))

    def _count(self, path: str, depth: int) -> None:
        self._nodes += 1
        if depth > self._bounds.depth * 2 or path.count(".properties.") > self._bounds.depth:
            raise _wrong(path, f"nested deeper than {self._bounds.depth}; flatten it")
        if self._nodes > MOST_NODES:
            raise _wrong(path, f"more than {MOST_NODES} parts; ask for less at once")


def _pattern(pattern: Any, path: str) -> str:
    if not isinstance(pattern, str):
        raise _wrong(path, f"{pattern!r} is no pattern")
    try:
        re.compile(pattern)
    except re.error as error:
        raise _wrong(path, f"{pattern!r} is no pattern: {error}") from None
    if _LOOKING.search(pattern):
        raise _wrong(path, f"{pattern!r} looks around or back; no grammar does")
    if _ENDLESS.search(_ESCAPES.sub("x", pattern)):
        raise _wrong(path, f"{pattern!r} has no end; write {{0,20}} instead of * and {{1,20}} instead of +")
    return pattern


def _scalar(value: Any, path: str) -> Any:
    if value is not None and not isinstance(value, bool | int | float | str):
        raise _wrong(path, f"{value!r} cannot be one of few values; use texts, numbers, truth values")
    return value


def _list(value: Any, path: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise _wrong(path, f"{value!r} is no list")
    return cast("Sequence[Any]", value)


def _least(given: Any, bound: int) -> int:
    return min(given, bound) if isinstance(given, int) else bound


def _wrong(path: str, why: str) -> ModelUsageError:
    return ModelUsageError(f"{path}: {why}", code="models.schema")
