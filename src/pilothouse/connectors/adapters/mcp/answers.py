"""Owns turning what a tool answered into rows, and a query's conditions into arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from pilothouse.connectors.errors import SourceDataError, SourceUsageError, near
from pilothouse.connectors.select import as_text
from pilothouse.connectors.types import FieldSchema, FieldType, Query, Scalar

if TYPE_CHECKING:
    from mcp.types import CallToolResult

__all__ = ["answer_of", "argument_sets", "check_arguments", "output_fields", "rows_of"]

WRAPPERS: Final = ("result", "items", "rows", "results", "data")
TYPES: Final[dict[str, FieldType]] = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "object": "json",
    "array": "json",
}


def argument_sets(source: str, query: Query, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the arguments of each call that a query needs: one, or one for each value of one field.

    Raises:
        SourceUsageError: ``mcp.arguments``: two fields with several values, or a required one missing.
    """
    properties = cast("Mapping[str, Mapping[str, Any]]", schema.get("properties", {}))
    given = {name: values for name, values in query.conditions.items() if name in properties}
    missing = [name for name in schema.get("required", []) if name not in given]
    if missing:
        raise SourceUsageError(
            source,
            f"{query.object!r} needs the argument {missing[0]!r}; name it in where",
            code="mcp.arguments",
        )
    single: dict[str, Any] = {}
    several: list[tuple[str, list[Any]]] = []
    for name, values in given.items():
        plain = [_plain(value, properties[name]) for value in values]
        if properties[name].get("type") == "array":
            single[name] = plain
        elif len(plain) == 1:
            single[name] = plain[0]
        else:
            several.append((name, plain))
    if len(several) > 1:
        names = " and ".join(repr(name) for name, _ in several)
        raise SourceUsageError(
            source, f"{names} have several values; a tool is called with one", code="mcp.arguments"
        )
    if not several:
        return [single]
    name, values = several[0]
    return [{**single, name: value} for value in values]


def check_arguments(source: str, tool: str, args: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Refuse arguments a tool does not know or lacks, before anything is sent.

    Raises:
        SourceUsageError: ``mcp.arguments``.
    """
    properties = cast("Mapping[str, Any]", schema.get("properties", {}))
    missing = [name for name in schema.get("required", []) if name not in args]
    surplus = [] if schema.get("additionalProperties") else sorted(set(args) - set(properties))
    if missing:
        raise SourceUsageError(source, f"tool {tool!r} lacks {missing[0]!r}", code="mcp.arguments")
    if surplus:
        why = f"tool {tool!r} has no argument {surplus[0]!r}; {near(surplus[0], properties)}"
        raise SourceUsageError(source, why, code="mcp.arguments")


def _plain(value: Scalar, schema: Mapping[str, Any]) -> Any:
    """A JSON value that fits the argument's type where text only looks different."""
    kind = schema.get("type")
    if isinstance(value, str):
        return _parsed(value, kind) if kind in {"integer", "number"} else value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, datetime | date | UUID | bytes) or kind == "string":
        return as_text(value)
    return float(value) if isinstance(value, Decimal) else value


def _parsed(text: str, kind: object) -> float | str:
    try:
        return int(text) if kind == "integer" else float(text)
    except ValueError:
        return text


def rows_of(source: str, tool: str, result: CallToolResult, rows_at: str | None) -> list[dict[str, Any]]:
    """Return the objects a tool answered with.

    Args:
        source: Name for errors.
        tool: Name for errors.
        result: Its answer.
        rows_at: Property that holds the rows; None looks under the usual names.

    Raises:
        SourceDataError: ``mcp.refused``: the tool said it failed; ``mcp.not_rows``: no objects in it.
    """
    value = answer_of(source, tool, result)
    if value is None:
        return []
    if isinstance(value, Mapping):
        value = _unwrapped(source, tool, cast("Mapping[str, Any]", value), rows_at)
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [
        dict(cast("Mapping[str, Any]", item)) if isinstance(item, Mapping) else {"value": item}
        for item in items
    ]


def answer_of(source: str, tool: str, result: CallToolResult) -> Any:
    """Return structured content, else the JSON in the text; None when there is neither.

    Raises:
        SourceDataError: As :func:`rows_of`.
    """
    texts = [str(getattr(block, "text", "")) for block in result.content if hasattr(block, "text")]
    if result.is_error:
        words = " ".join(texts)[:500] or "no reason given"
        raise SourceDataError(source, f"tool {tool!r} failed: {words!r}", code="mcp.refused")
    if result.structured_content is not None:
        return result.structured_content
    if not texts:
        return None
    try:
        values = [json.loads(text) for text in texts]
    except ValueError:
        raise SourceDataError(
            source, f"tool {tool!r} answered with prose, not rows: {texts[0][:200]!r}", code="mcp.not_rows"
        ) from None
    return values[0] if len(values) == 1 else values


def _unwrapped(source: str, tool: str, value: Mapping[str, Any], rows_at: str | None) -> Any:
    if rows_at is not None:
        if isinstance(value.get(rows_at), list):
            return value[rows_at]
        raise SourceDataError(
            source, f"tool {tool!r} has no list {rows_at!r} in its answer", code="mcp.not_rows"
        )
    found = next((name for name in WRAPPERS if isinstance(value.get(name), list)), None)
    if found is not None:
        return value[found]
    return value["result"] if set(value) == {"result"} and value["result"] is not None else value


def output_fields(schema: Mapping[str, Any] | None, rows_at: str | None) -> tuple[FieldSchema, ...]:
    """Return the fields of a row as far as the output schema tells."""
    if not schema:
        return ()
    at = _inner(schema, schema, rows_at)
    properties = cast("Mapping[str, Mapping[str, Any]]", at.get("properties", {}))
    return tuple(
        FieldSchema(
            name=name,
            type=TYPES.get(str(part.get("type")), "unknown"),
            documentation=str(part.get("description", "")),
        )
        for name, part in properties.items()
    )


def _inner(root: Mapping[str, Any], at: Mapping[str, Any], rows_at: str | None) -> Mapping[str, Any]:
    """The schema of one row: through the wrapper, the list and references inside the same schema."""
    for name in (rows_at,) if rows_at else WRAPPERS:
        part = _resolved(root, cast("Mapping[str, Any]", at.get("properties", {})).get(name or "", {}))
        if part.get("type") == "array":
            return _resolved(root, cast("Mapping[str, Any]", part.get("items", {})))
    return at


def _resolved(root: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = part.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return part
    at: Any = root
    for step in cast("Sequence[str]", reference[2:].split("/")):
        at = cast("Mapping[str, Any]", at).get(step, {}) if isinstance(at, Mapping) else {}
    return cast("Mapping[str, Any]", at)
