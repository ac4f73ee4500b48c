"""Every Rereader reads again what the approval bound, no more and no less."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pilothouse.app.reread import SourceRereader
from pilothouse.connectors import Query, Sources
from pilothouse.decisions import Evidence
from pilothouse.effects.testing import FakeSources, check_rereader, read
from pilothouse.kernel import SYSTEM


async def test_the_fake_sources() -> None:
    sources = FakeSources(values={"status": "CLEARED"})
    await check_rereader(
        sources,
        Evidence.of("customs.status", read("status", "CLEARED")),
        change=lambda: sources.values.update(status="HELD"),
        remove=sources.values.clear,
    )


async def test_the_sources_of_a_project(tmp_path: Path) -> None:
    link = sqlite3.connect(tmp_path / "customs.sqlite", isolation_level=None)
    link.execute("create table clearance (container text primary key, status text)")
    link.execute("insert into clearance values ('MSCU1234565', 'CLEARED')")
    config = {"sources": {"customs": {"kind": "sql", "url": f"sqlite:///{tmp_path}/customs.sqlite"}}}
    async with Sources.from_config(config, base=tmp_path) as sources:
        (row,) = await sources.read(SYSTEM, "customs", Query("clearance"))
        await check_rereader(
            SourceRereader(sources),
            Evidence.of("customs.status", row.labelled("status")),
            change=lambda: link.execute("update clearance set status = 'HELD'"),
            remove=lambda: link.execute("delete from clearance"),
        )
    link.close()
