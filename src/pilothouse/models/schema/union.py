"""Owns the one schema that a choice of tools becomes: a tool with its arguments, or the final answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pilothouse.kernel import Json, canonical, loads
from pilothouse.models.errors import ModelUsageError
from pilothouse.models.schema.hold import Bounds, held
from pilothouse.models.types import ToolSpec

__all__ = ["FINAL", "Asked", "asked"]

FINAL = "final"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an answer must fit.

    Attributes:
        whole: The schema of the whole answer; None where words are wanted.
        tools: The held schema of each tool's arguments.
        final: The held schema of the final answer; None for words.
    """

    whole: Mapping[str, Any] | None
    tools: Mapping[str, Mapping[str, Any]]
    final: Mapping[str, Any] | None


def asked(
    tools: Sequence[ToolSpec], schema: Mapping[str, Json] | None, *, bounds: Bounds | None = None
) -> Asked:
    """Return what an answer must fit; call it at registration, so that a wrong schema fails early.

    Raises:
        ModelUsageError: ``models.schema``, or ``models.tool`` for a name taken twice or reserved.
    """
    bounds = bounds or Bounds()
    final = None if schema is None else _held(canonical(dict(schema)), bounds, "schema")
    known: dict[str, Mapping[str, Any]] = {}
    for tool in tools:
        if tool.name in known or tool.name == FINAL or not tool.name:
            raise ModelUsageError(
                f"{tool.name!r} cannot be a tool's name here; give each tool one of its own, not {FINAL!r}",
                code="models.tool",
            )
        known[tool.name] = _held(canonical(dict(tool.parameters)), bounds, f"tools.{tool.name}")
        if known[tool.name].get("type") != "object":
            raise ModelUsageError(
                f"tools.{tool.name}: parameters must be an object of named arguments", code="models.schema"
            )
    return Asked(whole=_union(known, final, bounds) if known else final, tools=known, final=final)


@lru_cache(maxsize=1024)
def _held(text: bytes, bounds: Bounds, path: str) -> dict[str, Any]:
    schema: Any = loads(text)
    return held(schema, bounds=bounds, path=path)


def _union(
    tools: Mapping[str, Mapping[str, Any]], final: Mapping[str, Any] | None, bounds: Bounds
) -> dict[str, Any]:
    choices = [_form({"tool": {"const": name}, "arguments": one}) for name, one in tools.items()]
    words = {"type": "string", "maxLength": bounds.text * 4}
    return {"anyOf": [*choices, _form({"tool": {"const": FINAL}, "answer": final or words})]}


def _form(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
