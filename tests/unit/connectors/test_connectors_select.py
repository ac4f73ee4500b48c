"""Choosing rows in memory: loose about types, strict about names."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from pilothouse.connectors import Query, Row, SourceDataError, as_text, choose, near, same
from pilothouse.connectors.testing import source_context


def rows(tmp_path: Path, records: list[dict[str, Any]]) -> list[Row]:
    context = source_context("fake", {}, base=tmp_path)
    return [context.row("t", key={"line": str(n)}, values=r, version="1") for n, r in enumerate(records, 1)]


@pytest.mark.parametrize(
    ("stored", "wanted", "equal"),
    [
        ("00012", "00012", True),
        ("00012", "12", False),
        (12, "12", True),
        (12, "12.0", True),
        (12, "twelve", False),
        (Decimal("100.00"), "100", True),
        (Decimal("1.5"), 1.5, True),
        (0.1, Decimal("0.1"), True),
        (True, "true", True),
        (True, 1, False),
        (None, None, True),
        (None, "", False),
        (date(2026, 1, 5), "2026-01-05", True),
        (datetime(2026, 1, 5, 6, tzinfo=UTC), "2026-01-05T07:00:00+01:00", True),
        (datetime(2026, 1, 5, 6, tzinfo=UTC), "2026-01-05T06:00:00", False),
        (datetime(2026, 1, 5, 6, tzinfo=UTC), "yesterday", False),
        (b"\x01\xff", "01ff", True),
        (UUID(int=1), str(UUID(int=1)), True),
    ],
)
def test_text_is_compared_with_the_stored_type(tmp_path: Path, stored: Any, wanted: Any, equal: bool) -> None:
    assert same(stored, wanted) is equal
    found = choose("s", Query("t", where={"a": [wanted]}), rows(tmp_path, [{"a": stored}]), ["a"])
    assert bool(found) is equal


def test_text_forms_are_stable() -> None:
    assert [as_text(v) for v in (None, True, Decimal("1E+2"), date(2026, 1, 5), "x", 7)] == [
        "", "true", "100", "2026-01-05", "x", "7",
    ]  # fmt: skip


def test_order_limit_and_fields(tmp_path: Path) -> None:
    table = rows(
        tmp_path, [{"a": 2, "b": "x"}, {"a": None, "b": "y"}, {"a": 1, "b": "x"}, {"a": 2, "b": "a"}]
    )
    query = Query("t", order_by=("-a", "b"), limit=3, fields=("b",))
    found = choose("s", query, table, ["a", "b"])
    assert [(row.values, row.key["line"]) for row in found] == [
        ({"b": "a"}, "4"),
        ({"b": "x"}, "1"),
        ({"b": "x"}, "3"),
    ]
    assert [
        row.key["line"] for row in choose("s", Query("t", where={"line": ["2", "9"]}), table, ["a", "b"])
    ] == ["2"]


def test_a_field_that_is_not_there_is_an_error_even_without_rows() -> None:
    for query in (Query("t", where={"c": 1}), Query("t", fields=("c",)), Query("t", order_by=("-c",))):
        with pytest.raises(SourceDataError, match="'t' has no field 'c'"):
            choose("s", query, [], ["a"])


def test_near_names_help() -> None:
    assert near("Receivables", ["receivables", "x"]) == "did you mean 'receivables'?"
    assert near("zzz", []) == "there is none"
    assert near("zzz", [f"t{n}" for n in range(10)]).endswith("and 2 more")
