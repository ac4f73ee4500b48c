"""Owns the small forms that the table holds: ids as numbers, attributes as JSON, text that it takes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Final, cast

__all__ = ["BIGGEST", "clean", "signed", "text_of", "unsigned"]

BIGGEST: Final = (1 << 63) - 1
"""The largest number of a column; Unix nanoseconds reach it in the year 2262."""
_HALF, _WHOLE = 1 << 63, 1 << 64


def signed(id: str) -> int:
    """Return 8 bytes of hex as the signed number that the table holds."""
    number = int(id, 16)
    return number - _WHOLE if number >= _HALF else number


def unsigned(number: int) -> str:
    """Return the hex of a stored id."""
    return f"{number % _WHOLE:016x}"


def clean(text: str) -> str:
    """Return text that PostgreSQL takes and a terminal may show: control and direction signs are replaced."""
    if not text.isprintable():
        text = "".join(one if one.isprintable() or one == " " else "\ufffd" for one in text)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def text_of(value: Mapping[str, object]) -> str:
    """Return the JSON of attributes, such that PostgreSQL takes it."""
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_storable(value), separators=(",", ":"), allow_nan=False)
    # Only here may a text that breaks jsonb hide; mostly there is none.
    if "\\u0000" in text or "\\ud" in text:
        return json.dumps(_storable(value), separators=(",", ":"), allow_nan=False)
    return text


def _storable(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {clean(key): _storable(item) for key, item in items}
    if isinstance(value, list):
        return [_storable(item) for item in cast("list[object]", value)]
    return value
