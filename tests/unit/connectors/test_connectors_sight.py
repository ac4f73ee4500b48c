"""Reading with one principal's eyes, whatever the kind of source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from pilothouse.connectors import Connect, Connector, Query, Row, SourceContext, Sources, result_label
from pilothouse.connectors.testing import FakeConnector
from pilothouse.kernel import Authority, Principal, UsageError
from pilothouse.labels import Integrity
from pilothouse.policy import Authorizer, Kind

OWNER = UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")
ROWS: list[dict[str, Any]] = [
    {"box": f"B{number:03}", "place": "hh" if number % 50 == 49 else "ny", "bank": f"DE{number}", "open": 1}
    for number in range(200)
]
ODD: list[dict[str, Any]] = [
    {"box": "list", "place": ["hh"], "bank": "x", "open": 1},
    {"box": "yes", "place": "hh", "bank": "x", "open": 1},
    {"box": "closed", "place": "hh", "bank": "x", "open": 0},
    {"box": "two", "place": "hh", "bank": "x", "open": 2},
    {"box": "none", "place": None, "bank": "x", "open": 1},
    {"box": "owned", "place": OWNER, "bank": "x", "open": True},
]
POLICY = """
permit(principal, action == Action::"read", resource is Box)
when { ["hh", "6f9619ff-8b86-d011-b42d-00c04fc964ff"].contains(resource.site) && resource.free };
"""
LABELS = {
    "boxes": {
        "kind": "Box",
        "attributes": {"site": "place", "free": "open"},
        "fields": {"bank": {"readers": ["acl:finance"]}},
    }
}
CLERK = Principal(id="clerk", rights=frozenset({"sources:*"}))
BANKER = Principal(id="banker", rights=frozenset({"sources:*", "acl:finance"}))


class Damaged(FakeConnector):
    """Every row is damaged, and its fault quotes a value."""

    async def read(self, query: Query) -> list[Row]:
        rows = await super().read(query)
        return [replace(row, faults=(f"{row['bank']!r} is odd",), version="xmin:7") for row in rows]


def opened(
    rows: list[dict[str, Any]], *, key: str = "box", made: type[FakeConnector] = FakeConnector
) -> Sources:
    def connect(context: SourceContext) -> Connector:
        return made(context, {"boxes": rows}, key=key)

    def load() -> Connect:
        return connect

    authority: Authority = Authorizer.load(
        {"box.cedar": POLICY}, kinds=[Kind(name="Box", attributes={"site": "String", "free": "Bool"})]
    )
    declared: dict[str, Any] = {"kind": "fake", "readers": [], "integrity": "record", "labels": LABELS}
    return Sources.from_config(
        {"sources": {"yard": declared}}, base=Path(), kinds={"fake": load}, authority=authority
    )


async def test_a_limit_counts_the_rows_that_are_seen() -> None:
    sources = opened(ROWS)
    found = await sources.read(CLERK, "yard", Query("boxes", fields=("box",), limit=3))
    assert [row.values for row in found] == [{"box": "B049"}, {"box": "B099"}, {"box": "B149"}]
    assert len(await sources.read(CLERK, "yard", Query("boxes", limit=100))) == 4
    assert await sources.read(CLERK, "yard", Query("boxes", limit=0)) == []
    assert [row["box"] for row in await sources.sample(CLERK, "yard", "boxes", n=2)] == ["B049", "B099"]


async def test_a_row_that_does_not_fit_its_kind_is_nobodys() -> None:
    found = await opened(ODD).read(CLERK, "yard", Query("boxes"))
    assert [row["box"] for row in found] == ["yes", "owned"]


async def test_a_masked_field_is_none_wherever_it_stands() -> None:
    found = await opened(ROWS, key="bank").read(CLERK, "yard", Query("boxes", limit=1))
    row = found[0]
    assert (row["bank"], row.key) == (None, {})
    assert "DE49" not in repr(row)
    assert row.labelled("bank").label.origin.version == "masked"
    label = result_label(found)
    assert label is not None
    assert label.integrity is Integrity.UNTRUSTED
    seen = await opened(ROWS, key="bank").read(BANKER, "yard", Query("boxes", limit=1))
    assert (seen[0]["bank"], seen[0].key) == ("DE49", {"bank": "DE49"})


async def test_the_version_of_a_masked_row_does_not_hash_what_is_masked() -> None:
    other = [{**row, "bank": "other"} for row in ROWS]
    one = await opened(ROWS).read(CLERK, "yard", Query("boxes", limit=1))
    two = await opened(other).read(CLERK, "yard", Query("boxes", limit=1))
    assert one[0].version == two[0].version
    assert one[0].version.startswith("seen:")


async def test_a_fault_does_not_quote_what_is_masked() -> None:
    row = (await opened(ROWS, made=Damaged).read(CLERK, "yard", Query("boxes", limit=1)))[0]
    assert len(row.faults) == 1
    assert "DE49" not in row.faults[0]
    assert row.version == "xmin:7"


async def test_a_kind_of_source_without_sql_says_so() -> None:
    with pytest.raises(UsageError, match=r"'fake' understands no SQL.*sources\.no_sql"):
        await opened(ROWS).select(CLERK, "yard", "select 1")
