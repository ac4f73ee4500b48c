"""Owns the JSON of answers: times, ids and decimals are text, nouns are objects, nothing is tagged."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, cast
from uuid import UUID

from starlette.responses import Response

__all__ = ["json_answer", "plain_json"]


def json_answer(value: object, *, status: int = 200) -> Response:
    """Return ``value`` as a JSON answer."""
    body = json.dumps(plain_json(value), ensure_ascii=False, separators=(",", ":"))
    return Response(body, status_code=status, media_type="application/json")


def plain_json(value: object) -> Any:
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
        return {one.name: plain_json(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(key): plain_json(item) for key, item in items}
    if isinstance(value, Set):
        return sorted((plain_json(item) for item in cast("Set[object]", value)), key=str)
    if isinstance(value, Sequence):
        return [plain_json(item) for item in cast("Sequence[object]", value)]
    return str(value)
