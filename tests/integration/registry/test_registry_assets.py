"""What people make is kept by version: the same body once, a tag says which one runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pilothouse.kernel import SYSTEM, DeniedError, Principal, UsageError
from pilothouse.labels import typed
from pilothouse.registry import APPROVED, Assets
from pilothouse.storage import Database, Tx


class Recorded:
    """Keeps what would stand in the log."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    async def record(self, tx: Tx, kind: str, actor: str, body: Mapping[str, Any]) -> None:
        self.kinds.append(kind)


async def test_a_body_is_one_version_and_a_tag_says_which_runs(database: Database) -> None:
    log = Recorded()
    assets = Assets(database, recorder=log)
    label = typed("amira", "run")
    first = await assets.put("head", "stop", {"w": 1}, SYSTEM, card={"n": 40}, label=label)
    second = await assets.put("head", "stop", {"w": 2}, SYSTEM)
    assert (first.id, second.id) == ("stop@1", "stop@2")
    assert (first.label, first.card) == (label, {"n": 40})
    assert (await assets.put("head", "stop", {"w": 1}, SYSTEM)).version == 1
    assert (await assets.get("head", "stop")).version == 2
    await assets.tag("head", "stop", 1, APPROVED, SYSTEM)
    assert (await assets.get("head", "stop")).version == 1
    await assets.tag("head", "stop", 2, APPROVED, SYSTEM)
    assert (await assets.get("head", "stop", tag=APPROVED)).version == 2
    assert [asset.tags for asset in await assets.list("head")] == [("approved",), ()]
    assert log.kinds == ["registry.asset_added"] * 2 + ["registry.asset_tagged"] * 2


async def test_nobody_publishes_without_the_right_and_what_is_not_there_is_named(database: Database) -> None:
    assets = Assets(database, recorder=Recorded())
    amira = Principal(id="amira", kind="person", rights=frozenset({"registry:publish:head"}))
    await assets.put("head", "stop", {"w": 1}, amira)
    with pytest.raises(DeniedError):
        await assets.put("agent", "reader", {"w": 1}, amira)
    with pytest.raises(UsageError, match="no head 'stop' with version 9") as told:
        await assets.tag("head", "stop", 9, APPROVED, amira)
    assert told.value.code == "registry.no_asset"
    with pytest.raises(UsageError, match="no head 'gone' with any version"):
        await assets.get("head", "gone")
