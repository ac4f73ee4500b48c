"""Owns how a kernel error becomes an HTTP answer: one table of statuses, one problem document (RFC 9457)."""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.responses import Response

from pilothouse.kernel import (
    ConflictError,
    DataError,
    DeniedError,
    LimitError,
    PilothouseError,
    UnavailableError,
    UsageError,
)

__all__ = ["headers_of", "problem", "status_of"]

STATUSES: dict[type[PilothouseError], int] = {
    UsageError: 400,
    DeniedError: 403,
    DataError: 422,
    ConflictError: 409,
    UnavailableError: 503,
    LimitError: 429,
}
# What stands behind the dot of a code says more than its class.
WORDS = {
    "not_found": 404,
    "unknown_run": 404,
    "no_route": 404,
    "too_large": 413,
    "media_type": 415,
    "method": 405,
    "refused": 401,
    "sign_in": 401,
    "late": 504,
}
SIGNED = {"registry.refused", "api.sign_in"}
TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "The version moved",
    413: "Too large",
    415: "Media type not taken",
    422: "Wrong data",
    429: "Limit reached",
    500: "Error",
    503: "Not available now",
    504: "Took too long",
}


def status_of(error: PilothouseError) -> int:
    """Return the HTTP status of a kernel error."""
    word = WORDS.get(error.code.rpartition(".")[2])
    if word is not None and (word != 401 or error.code in SIGNED):
        return word
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 500)


def headers_of(error: PilothouseError, status: int) -> dict[str, str]:
    """Return the headers that belong to a refusal: how to sign in, when to come again."""
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="pilothouse"'
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return headers


def problem(error: PilothouseError, status: int, *, instance: str = "", request_id: str = "") -> Response:
    """Return the problem document of an error.

    Args:
        error: What is wrong; its message names the value and the next step.
        status: Of the answer.
        instance: Path of the request.
        request_id: For whoever keeps the server.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": error.message,
        "code": error.code,
    }
    if instance:
        body["instance"] = instance
    if request_id:
        body["request_id"] = request_id
    if isinstance(error, DeniedError) and error.reasons:
        body["reasons"] = list(error.reasons)
    return Response(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        headers=headers_of(error, status),
        media_type="application/problem+json",
    )
