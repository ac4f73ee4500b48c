"""Long outputs stand compressed in the journal; replays, forks and overrides read what was recorded."""

from __future__ import annotations

import psycopg
import sqlalchemy
from alembic import command

from pilothouse import engine as e
from pilothouse.engine.testing import TESTER, eventually
from pilothouse.storage import StorageSettings, migrate, open_database

LONG = "a berth, a crane and a tide; " * 40 + "ö \U0001f6a2 \\u0000"
OTHER = "another berth, another crane " * 40


async def test_a_compressed_output_is_read_as_it_was_recorded(database, catalog, register, quick) -> None:
    calls: list[str] = []

    async def flow():
        async def look() -> str:
            calls.append("look")
            return LONG

        first = await e.step("look", look)
        answer = (await e.wait("gate", "p")).value
        return [first, answer]

    register("flow", flow)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("flow", {}, key="1", principal=TESTER)
        await eventually(lambda: engine.waits(run.id))
        row = await database.fetch_one("select output, packed from engine_entry where key = '0'")
        assert row is not None and row["output"] is None
        assert len(row["packed"]) < len(LONG) / 2
        async with database.transaction() as tx:
            await engine.resume(e.WaitRef(run=run.id, key="1"), "yes", tx=tx)
        assert await engine.result(run.id, within=5) == [LONG, "yes"]
        assert calls == ["look"], "the second segment replays what the journal has"
        [first, _] = [entry async for entry in engine.history(run.id)]
        assert await engine.output(first) == LONG
        copied = await engine.fork(run.id, principal=TESTER)
        assert await engine.result(copied.id, within=5) == [LONG, "yes"]
        for other in (OTHER, "short"):
            fork = await engine.fork(
                run.id, principal=TESTER, from_key="1", sealed=False, overrides={"0": other}
            )
            found = [entry async for entry in engine.history(fork.id)]
            assert await engine.output(found[0]) == other


async def test_a_short_output_stays_as_it_is(database, catalog, register, quick) -> None:
    async def flow():
        async def look() -> str:
            return "short"

        return await e.step("look", look)

    register("flow", flow)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("flow", {}, key="1", principal=TESTER)
        assert await engine.result(run.id, within=5) == "short"
        row = await database.fetch_one("select output, packed from engine_entry where key = '0'")
        assert row == {"output": '"short"', "packed": None}


async def test_a_downgrade_makes_text_of_what_was_compressed(
    empty_database_url, catalog, register, quick
) -> None:
    async def flow():
        async def look() -> str:
            return LONG

        return await e.step("look", look)

    register("flow", flow)
    async with (
        open_database(StorageSettings(database_url=empty_database_url)) as database,
        e.open_engine(database, quick, catalog=catalog) as engine,
    ):
        run = await engine.start("flow", {}, key="1", principal=TESTER)
        assert await engine.result(run.id, within=5) == LONG
        [entry] = [one async for one in engine.history(run.id)]
    address = sqlalchemy.make_url(empty_database_url).set(drivername="postgresql+psycopg")
    link = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
    with link.connect() as opened, opened.begin():
        command.downgrade(migrate._config(opened), "0016")  # pyright: ignore[reportPrivateUsage]
    link.dispose()
    with psycopg.connect(empty_database_url) as plain:
        assert plain.execute(b"select output from engine_entry").fetchone() == (entry.output,)
