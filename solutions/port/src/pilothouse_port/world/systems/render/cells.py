"""Owns how one cell is written: for SQL, JSON and text; every renderer of the made world uses it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pilothouse_port.world.views import Cell

__all__ = ["as_json", "as_text", "dump_json", "local"]


def local(value: datetime, zone: str) -> datetime:
    """The wall clock a system of that zone shows: an aware time is shifted, a naive one already is local."""
    return value.astimezone(ZoneInfo(zone)).replace(tzinfo=None) if value.tzinfo else value


def as_json(value: Cell) -> Any:
    """A cell as JSON: dates in ISO form, decimals as numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def as_text(value: Cell, *, zone: str = "UTC") -> str:
    """A cell as plain text; a list as JSON, nothing as the empty string."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return local(value, zone).isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def dump_json(value: Mapping[str, Any]) -> str:
    """JSON text as an owner keeps it: readable, in the given order, ending with a newline."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
