"""Owns turning nested JSON into the fields of a row: ``a.b``, ``a[0].b``; lists stay whole beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

__all__ = ["ENVELOPES", "flatten", "items_of", "json_version", "parse_json"]

ENVELOPES = ("items", "data", "results", "result", "records", "rows", "content", "value", "values", "entries")
MAX_ELEMENTS = 50
MAX_DEPTH = 16


def parse_json(text: str | bytes) -> Any:
    """Return parsed JSON with exact decimals.

    Raises:
        ValueError: It is no JSON, or holds NaN or infinity.
    """

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    return json.loads(text, parse_float=Decimal, parse_constant=refuse)


def flatten(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of one JSON object.

    Objects become ``outer.inner``. A list stays whole under its name; the objects in it are also there
    under ``name[0].inner``, up to 50 of them.
    """
    fields: dict[str, Any] = {}
    _flatten(item, "", fields, 0)
    return fields


def _flatten(item: Mapping[str, Any], prefix: str, fields: dict[str, Any], depth: int) -> None:
    for name, value in item.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and depth < MAX_DEPTH:
            _flatten(cast("Mapping[str, Any]", value), f"{path}.", fields, depth + 1)
            continue
        fields[path] = value
        if isinstance(value, list) and depth < MAX_DEPTH:
            for index, element in enumerate(cast("list[Any]", value)[:MAX_ELEMENTS]):
                if isinstance(element, Mapping):
                    _flatten(cast("Mapping[str, Any]", element), f"{path}[{index}].", fields, depth + 1)


def items_of(payload: Any, *, at: str | None = None) -> tuple[list[Any], str] | None:
    """Return the records of a payload and the JSON path of their list; None if it is one record.

    Args:
        payload: A list, or an object around one.
        at: Name of the list inside the object, if it is known.
    """
    if isinstance(payload, list):
        return cast("list[Any]", payload), "$"
    if not isinstance(payload, Mapping):
        return None
    fields = cast("Mapping[str, Any]", payload)
    for name in (at,) if at else ENVELOPES:
        if isinstance(fields.get(name or ""), list):
            return fields[name or ""], f"$.{name}"
    return None


def json_version(item: object) -> str:
    """Return a token that changes when the content does, whatever the order of names."""
    text = json.dumps(item, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
