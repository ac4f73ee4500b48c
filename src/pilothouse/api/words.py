"""Owns the JSON of answers: times, ids and decimals are text, nouns are objects, nothing is tagged."""

from __future__ import annotations

import json

from starlette.responses import Response

from pilothouse.traces import jsonable

__all__ = ["json_answer"]


def json_answer(value: object, *, status: int = 200) -> Response:
    """Return ``value`` as a JSON answer."""
    body = json.dumps(jsonable(value), ensure_ascii=False, separators=(",", ":"))
    return Response(body, status_code=status, media_type="application/json")
