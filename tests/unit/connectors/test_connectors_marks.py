"""Labels of rows and fields come from the declaration, only tighten, and never from a payload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pilothouse.connectors import Connect, Connector, Query, Row, SourceContext, Sources, SourceUsageError
from pilothouse.connectors.testing import FakeConnector
from pilothouse.kernel import DataError, DeniedError, Principal
from pilothouse.labels import Integrity

ROWS = [
    {"box": "A", "site": "north", "remark": "call me", "readers": "public", "integrity": "operator"},
    {"box": "B", "site": None, "remark": "", "readers": "", "integrity": ""},
]
CLERK = Principal(id="clerk", rights=frozenset({"sources:*", "acl:sites"}))


def opened(**table: Any) -> Sources:
    def connect(context: SourceContext) -> Connector:
        return FakeConnector(context, {"boxes": ROWS}, key="box")

    def load() -> Connect:
        return connect

    return Sources.from_config(
        {"sources": {"yard": {"kind": "fake", **table}}}, base=Path(), kinds={"fake": load}
    )


async def first(sources: Sources) -> Row:
    return (await sources.read(CLERK, "yard", Query("boxes", where={"box": "A"})))[0]


async def test_an_undeclared_source_is_untrusted_and_for_the_caller_only() -> None:
    row = await first(opened())
    assert row.readers == {"user:clerk"}
    assert row.integrity is Integrity.UNTRUSTED


async def test_a_payload_field_named_like_a_label_is_data() -> None:
    row = await first(opened())
    assert row["readers"] == "public"
    assert row.labelled("box").label.readers == {"user:clerk"}
    assert row.labelled("box").label.integrity is Integrity.UNTRUSTED


async def test_public_must_be_said() -> None:
    assert (await first(opened(readers=[]))).readers == frozenset()


async def test_objects_and_fields_only_tighten() -> None:
    declared = {
        "boxes": {
            "readers": ["acl:boxes"],
            "fields": {"remark": {"integrity": "untrusted"}, "site": {"readers": ["acl:sites"]}},
        }
    }
    row = await first(opened(readers=["acl:yard"], integrity="record", labels=declared))
    box, remark, site = (row.labelled(name).label for name in ("box", "remark", "site"))
    assert (box.readers, box.integrity) == ({"acl:yard", "acl:boxes"}, Integrity.RECORD)
    assert (remark.readers, remark.integrity) == (box.readers, Integrity.UNTRUSTED)
    assert (site.readers, site.integrity) == (box.readers | {"acl:sites"}, Integrity.RECORD)


async def test_an_object_cannot_raise_its_source() -> None:
    row = await first(opened(integrity="untrusted", labels={"boxes": {"integrity": "record"}}))
    assert row.integrity is Integrity.UNTRUSTED


async def test_a_row_may_carry_an_acl_of_its_own() -> None:
    sources = opened(readers=[], labels={"boxes": {"row": "acl:site-{site}"}})
    assert (await first(sources)).readers == {"acl:site-north"}
    with pytest.raises(DataError, match="no field 'site'") as refused:
        await sources.read(CLERK, "yard", Query("boxes", where={"box": "B"}))
    assert refused.value.code == "sources.row_label"


async def test_another_object_keeps_the_label_of_its_source() -> None:
    row = await first(opened(readers=["acl:yard"], labels={"other": {"readers": ["acl:other"]}}))
    assert row.readers == {"acl:yard"}


@pytest.mark.parametrize(
    "labels",
    [
        "boxes",
        {"boxes": "acl:x"},
        {"boxes": {"reader": ["acl:x"]}},
        {"boxes": {"integrity": "operator"}},
        {"boxes": {"row": "acl:site"}},
        {"boxes": {"fields": {"remark": {"row": "acl:{site}"}}}},
    ],
)
def test_a_wrong_declaration_names_its_place(labels: object) -> None:
    with pytest.raises(SourceUsageError, match=r"sources\.yard\]: labels") as refused:
        opened(labels=labels)
    assert refused.value.code == "sources.declaration"


async def test_rights_are_those_that_the_authority_grants_today() -> None:
    class Nobody:
        def may(self, principal: Principal, right: str) -> bool:
            return False

        def reads(self, principal: Principal, acl: str) -> bool:
            return False

    def load() -> Connect:
        return lambda context: FakeConnector(context, {"boxes": ROWS}, key="box")

    sources = Sources.from_config(
        {"sources": {"yard": {"kind": "fake"}}}, base=Path(), kinds={"fake": load}, authority=Nobody()
    )
    with pytest.raises(DeniedError, match="sources:yard:read"):
        await sources.read(CLERK, "yard", Query("boxes"))
