"""What DBOS gets to see: strings and integers, no pickle, no vendor features; its rows are forgotten."""

from __future__ import annotations

import importlib.util

import pytest

from pilothouse import engine as e
from pilothouse.engine.adapters.dbos import DbosExecutor
from pilothouse.engine.testing import TESTER, eventually
from pilothouse.kernel import UsageError


async def everything(database) -> str:
    """All rows of all tables of DBOS, as text."""
    tables = await database.fetch_all("select tablename from pg_tables where schemaname = 'dbos'")
    rows = [await database.fetch_all(f"select * from dbos.{row['tablename']}") for row in tables]
    return str(rows)


async def test_dbos_stores_ids_only_and_forgets_them(database, catalog, register):
    async def secret(word: str):
        async def body() -> str:
            return f"{word} seen"

        return await e.step("look", body, inputs=word)

    register("secret", secret)
    settings = e.EngineSettings(sweep_s=0.2, poll_s=0.1, forget_after_s=0.5)
    async with e.open_engine(database, settings, catalog=catalog) as engine:
        run = await engine.start("secret", {"word": "swordfish"}, key="1", principal=TESTER, queue="bulk")
        assert await engine.result(run.id, within=20) == "swordfish seen"
        rows = await database.fetch_all("select * from dbos.workflow_status")
        assert len(rows) == 1
        assert rows[0]["workflow_uuid"] == f"{run.id}#0"
        assert rows[0]["application_version"] == "seg-1"
        assert rows[0]["serialization"] == "pilothouse_json"
        seen = await everything(database)
        assert str(run.id) in seen
        assert "swordfish" not in seen
        assert "gASV" not in seen  # how a pickle begins in base64
        steps = "select count(*) from dbos.operation_outputs"
        assert await database.fetch_value(steps) == 0

        async def forgotten():
            return await database.fetch_value("select count(*) = 0 from dbos.workflow_status")

        await eventually(forgotten)


async def test_a_process_runs_one_engine_on_dbos(database, catalog):
    async with e.open_engine(database, e.EngineSettings(), catalog=catalog):
        with pytest.raises(UsageError, match="already runs an engine"):
            async with e.open_engine(database, e.EngineSettings(), catalog=catalog):
                raise AssertionError("opened twice")
    async with e.open_engine(database, e.EngineSettings(), catalog=catalog) as engine:
        assert engine.owner


def test_the_vendors_closed_part_is_not_installed():
    assert importlib.util.find_spec("dbos_enterprise") is None
    assert DbosExecutor.__module__ == "pilothouse.engine.adapters.dbos"
