"""One table says which status a kernel error has; a problem document says what to do and nothing more."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from pilothouse.api.problems import problem, status_of
from pilothouse.kernel import (
    ConflictError,
    DataError,
    DeniedError,
    LimitError,
    PilothouseError,
    UnavailableError,
    UsageError,
)
from pilothouse.traces import SpanFilter, Usage, jsonable


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("x"), 400),
        (UsageError("x", code="engine.unknown_run"), 404),
        (UsageError("x", code="decisions.not_found"), 404),
        (UsageError("x", code="api.no_route"), 404),
        (UsageError("x", code="api.media_type"), 415),
        (DeniedError("x", code="policy.denied"), 403),
        (DeniedError("x", code="registry.refused"), 401),
        (DeniedError("x", code="api.sign_in"), 401),
        # A refusal of something else is no matter of signing in.
        (DeniedError("x", code="effects.refused"), 403),
        (DataError("x"), 422),
        (DataError("x", code="storage.refused"), 422),
        (ConflictError("x"), 409),
        (UnavailableError("x"), 503),
        (UnavailableError("x", code="api.late"), 504),
        (LimitError("x"), 429),
        (LimitError("x", code="audit.too_large"), 413),
        (PilothouseError("x"), 500),
    ],
)
def test_each_kind_has_its_status(error: PilothouseError, status: int) -> None:
    assert status_of(error) == status


def test_a_problem_says_what_is_wrong_and_what_is_missing() -> None:
    error = DeniedError("ask 'olga'", code="policy.denied", reasons=("missing:x",))
    answer = problem(error, 403, instance="/v1/x")
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(bytes(answer.body)) == {
        "type": "about:blank", "title": "Not allowed", "status": 403, "detail": "ask 'olga'",
        "code": "policy.denied", "instance": "/v1/x", "reasons": ["missing:x"],
    }  # fmt: skip


def test_who_is_told_to_come_again_is_told_when() -> None:
    assert problem(UnavailableError("x", retry_after=0.2), 503).headers["retry-after"] == "1"
    assert problem(UnavailableError("x", retry_after=7.2), 503).headers["retry-after"] == "8"
    assert problem(DeniedError("x"), 401).headers["www-authenticate"].startswith("Bearer")


def test_nouns_become_objects_without_tags() -> None:
    used = Usage(of="m", calls=1, errors=0, tokens_in=1, tokens_out=2, cost=Decimal("0.10"), seconds=0.5)
    assert jsonable(used)["cost"] == "0.10"
    wanted = SpanFilter(run=UUID(int=1), after=datetime(2026, 1, 1, tzinfo=UTC))
    assert jsonable(wanted)["run"] == "00000000-0000-0000-0000-000000000001"
    assert jsonable(wanted)["after"] == "2026-01-01T00:00:00+00:00"
    assert jsonable({"a": frozenset({"b", "a"}), "d": timedelta(seconds=2), "n": None}) == {
        "a": ["a", "b"], "d": 2.0, "n": None,
    }  # fmt: skip
