"""Owns the JSON of what is read: times, ids and decimals are text, nouns are objects, nothing is tagged."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, cast
from uuid import UUID

__all__ = ["jsonable"]


def jsonable(value: object) -> Any:
    """Return what JSON can hold of ``value``; properties of nouns are left out."""
    if value is None or isinstance(value, str | bool | int | float):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if dataclasses.is_dataclass(value):
        return {one.name: jsonable(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(key): jsonable(item) for key, item in items}
    if isinstance(value, Set):
        return sorted((jsonable(item) for item in cast("Set[object]", value)), key=str)
    if isinstance(value, Sequence):
        return [jsonable(item) for item in cast("Sequence[object]", value)]
    return str(value)
