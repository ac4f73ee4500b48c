"""The database dies in the middle of everything; a run that kills its process is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import TABLES

from pilothouse import engine as e
from pilothouse.engine.testing import TESTER, eventually
from pilothouse.storage import StorageSettings, open_database

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]


def server_process(folder: Path, word: str) -> int:
    """The process of the cluster below ``folder`` whose title contains ``word``."""
    (pid_file,) = folder.rglob("postmaster.pid")
    parent = pid_file.read_text().split()[0]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            child = stat.read_text().rpartition(")")[2].split()[1] == parent
            if child and word in stat.with_name("cmdline").read_text():
                return int(stat.parent.name)
    raise AssertionError(f"no {word} below {parent}")


@pytest.mark.parametrize("executor", ["direct", "dbos"])
async def test_4_the_database_is_killed_in_mid_run_and_every_run_ends_once(tmp_path: Path, executor: str):
    """The embedded server is killed with -9 twice while 60 runs record; the processes stay."""
    settings = StorageSettings(data_dir=tmp_path / "data", pool_size=10)
    engine_settings = e.EngineSettings(executor=executor, sweep_s=0.3)
    async with open_database(settings) as database:
        for statement in TABLES.strip().split(";\n"):
            await database.execute(statement.rstrip(";"))
        found = e.Catalog()

        async def ten(n: int) -> int:
            total = 0
            for i in range(10):

                async def body(i: int = i) -> int:
                    await asyncio.sleep(0.02)
                    return n + i

                total += await e.step("work", body, inputs={"n": n, "i": i})
            return total

        found.register(e.Definition(name="ten", version="1", body=ten))
        async with e.open_engine(database, engine_settings, catalog=found) as engine:
            runs = [
                await engine.start(
                    "ten", {"n": n}, key=str(n), principal=TESTER, queue="bulk" if n % 2 else "default"
                )
                for n in range(60)
            ]
            for _ in range(2):
                await asyncio.sleep(0.15)
                # Killing one of its own processes makes the server crash and recover from its log.
                os.kill(server_process(tmp_path, "checkpointer"), signal.SIGKILL)
                await asyncio.sleep(1.0)
            assert [await engine.result(run.id, within=90) for run in runs] == [
                10 * n + 45 for n in range(60)
            ]
            entries = await database.fetch_one(
                "select count(*) as n, count(distinct (run, key)) as d from engine_entry where kind = 'step'"
            )
            assert entries == {"n": 600, "d": 600}


async def test_17_a_run_that_kills_its_process_is_blocked_and_the_others_go_on(client, spawn):
    run = await client.start("deadly", {"n": 1}, key="1", principal=TESTER)
    for _ in range(5):
        worker = spawn()
        assert await worker.gone() == -signal.SIGKILL
    await spawn().ready()
    other = await client.start("ten", {"n": 1}, key="2", principal=TESTER)
    assert await client.result(other.id, within=30) == 55
    blocked = await client.get(run.id)
    assert blocked.state == "blocked"
    assert "poison: 5 attempts" in str(blocked.reason)


async def test_2_two_processes_share_a_thousand_runs_and_one_is_killed(client, spawn):
    first, _ = await spawn("--pause", "0").ready(), await spawn("--pause", "0").ready()
    for n in range(1000):
        queue = "bulk" if n % 4 == 0 else "default"
        await client.start("short", {"n": n}, key=str(n), principal=TESTER, queue=queue)
        if n == 600:
            first.send(signal.SIGKILL)

    async def done():
        return (await client.counts()).get("done", 0) == 1000

    await eventually(done, within=90)
    fetch = client.database.fetch_value
    assert await fetch("select count(*) from engine_entry where kind = 'step'") == 2000
    assert await fetch("select count(*) from chaos_sink") == 2000
    assert await fetch("select count(distinct pid) from chaos_body") == 2
