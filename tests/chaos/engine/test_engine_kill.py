"""kill -9, a freeze, a reaper that dies: every run ends once, nothing is recorded twice."""

from __future__ import annotations

import asyncio
import random
import signal
import time

import pytest

from pilothouse import engine as e
from pilothouse.engine.testing import TESTER, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]


async def start(client, count: int, *, queue: str = "default", workflow: str = "ten") -> list:
    runs = []
    for n in range(count):
        runs.append(
            await client.start(
                workflow, {"n": n}, key=f"{queue}-{workflow}-{n}", principal=TESTER, queue=queue
            )
        )
    return runs


async def all_done(client, count: int, *, within: float = 90) -> None:
    async def done():
        return (await client.counts()).get("done", 0) >= count

    await eventually(done, within=within)


async def check_books(client, runs: int, *, steps: int = 10) -> int:
    """Every run has its entries once; returns how many bodies ran twice."""
    fetch = client.database.fetch_value
    assert await fetch("select count(*) from engine_run where state <> 'done'") == 0
    assert await fetch("select count(*) from engine_entry where kind = 'step'") == runs * steps
    assert await fetch("select count(*) from chaos_sink") == runs * steps
    assert await fetch("select count(*) from engine_run where owner is not null") == 0
    return int(await fetch("select count(*) - count(distinct key) from chaos_body"))


async def test_a_second_process_takes_over_after_kill_9(client, spawn):
    first, second = await spawn().ready(), await spawn().ready()
    await start(client, 120)
    await start(client, 40, queue="bulk")
    await eventually(lambda: client.database.fetch_value("select count(*) > 60 from chaos_body"), within=30)
    victim = await client.database.fetch_value(
        "select owner from engine_run where owner is not null and state = 'running'"
        " group by 1 order by count(*) desc limit 1"
    )
    dead, alive = (first, second) if first.owner == victim else (second, first)
    held = await client.database.fetch_all(
        "select id from engine_run where owner = %(owner)s and state = 'running'", {"owner": victim}
    )
    dead.send(signal.SIGKILL)
    killed = time.monotonic()
    ids = [row["id"] for row in held]

    async def moved():
        return await client.database.fetch_value(
            "select bool_and(owner is distinct from %(owner)s) from engine_run where id = any(%(ids)s)",
            {"ids": ids, "owner": victim},
        )

    await eventually(moved, within=20)
    print(f"taken over after {time.monotonic() - killed:.2f} s: {len(ids)} runs")
    assert time.monotonic() - killed < 10
    await all_done(client, 160)
    twice = await check_books(client, 160)
    assert twice <= 32 + len(ids)
    leases = await client.database.fetch_all("select executor from engine_lease")
    assert [row["executor"] for row in leases] == [alive.owner]


async def test_a_frozen_process_is_fenced_and_comes_back_under_a_new_name(client, spawn):
    first, second = await spawn("--pause", "0.05").ready(), await spawn("--pause", "0.05").ready()
    await start(client, 60)
    await eventually(
        lambda: client.database.fetch_value("select count(distinct pid) = 2 from chaos_body"), within=30
    )
    frozen = await client.database.fetch_value(
        "select owner from engine_run where state = 'running' group by 1 order by count(*) desc limit 1"
    )
    worker = first if first.owner == frozen else second
    worker.send(signal.SIGSTOP)
    stopped = time.monotonic()

    async def taken():
        return not await client.database.fetch_value(
            "select count(*) from engine_run where owner = %(owner)s", {"owner": frozen}
        )

    await eventually(taken, within=30)
    took = time.monotonic() - stopped
    print(f"taken over from a frozen process after {took:.2f} s")
    assert took < 15
    await asyncio.sleep(1)
    worker.send(signal.SIGCONT)
    await all_done(client, 60)
    await check_books(client, 60)

    async def back():
        rows = await client.database.fetch_all("select executor from engine_lease where reaper is null")
        names = {row["executor"] for row in rows}
        return len(names) == 2 and frozen not in names

    await eventually(back, within=30)


@pytest.mark.parametrize(
    "point",
    ["before_body:25", "after_body:25", "after_record:25", "in_record:25", "in_park:5", "before_submit:2"],
)
async def test_a_crash_at_any_point_loses_nothing(client, spawn, point):
    worker = spawn("--point", point)
    await worker.ready()
    gated = point.startswith("in_park")
    if gated:
        runs = await start(client, 10, workflow="gated")
    else:
        await start(client, 10, queue="bulk" if point.startswith("before_submit") else "default")
    assert await worker.gone() == -signal.SIGKILL
    died = time.monotonic()
    await spawn().ready()
    if gated:
        await answer_all(client, runs)
    await all_done(client, 10)
    print(f"{point}: done {time.monotonic() - died:.1f} s after the crash")
    if gated:
        assert await client.database.fetch_value(
            "select count(*) = 10 and count(distinct run) = 10 from chaos_park"
        )
    await check_books(client, 10, steps=2 if gated else 10)


async def answer_all(client, runs) -> None:
    for run in runs:
        await eventually(lambda run=run: client.waits(run.id), within=30)
        async with client.database.transaction() as tx:
            await client.resume(e.WaitRef(run=run.id, key="1"), "yes", tx=tx)


async def test_a_crash_after_the_decision_was_committed_resumes_the_run(client, spawn):
    worker = await spawn().ready()
    runs = await start(client, 10, workflow="gated")
    await eventually(lambda: client.database.fetch_value("select count(*) = 10 from chaos_park"), within=30)
    worker.send(signal.SIGKILL)
    await worker.gone()
    await answer_all(client, runs)
    assert await client.counts() == {"ready": 10}
    await spawn().ready()
    await all_done(client, 10)
    await check_books(client, 10, steps=2)


async def test_a_reaper_that_dies_on_the_way_is_replaced(client, spawn):
    first = await spawn("--pause", "0.2").ready()
    await start(client, 12)
    await start(client, 6, queue="narrow")
    await eventually(lambda: client.database.fetch_value("select count(*) > 20 from chaos_body"), within=30)
    first.send(signal.SIGKILL)
    second = spawn("--point", "reaping")
    assert await second.gone() == -signal.SIGKILL
    await spawn().ready()
    await all_done(client, 18)
    await check_books(client, 18)


async def test_kills_at_random_moments_until_all_is_done(client, spawn):
    rng = random.Random(20_260)
    await start(client, 60)
    await start(client, 20, queue="narrow")
    await start(client, 3, workflow="family")
    total = 60 + 20 + 3 + sum(range(3))
    for _ in range(5):
        worker = await spawn("--pause", "0.02").ready()
        await asyncio.sleep(rng.uniform(0.1, 1.2))
        worker.send(signal.SIGKILL)
        await worker.gone()
    await spawn("--pause", "0").ready()
    await all_done(client, total, within=100)
    assert await client.database.fetch_value(
        "select count(*) from engine_entry where kind = 'step'"
    ) == 10 * (80 + 3)
    assert await client.database.fetch_value("select count(*) from chaos_sink") == 10 * (80 + 3)


async def test_stopping_a_process_hands_its_runs_over_at_once(client, spawn):
    first, second = await spawn("--pause", "0.1").ready(), await spawn("--pause", "0.1").ready()
    await start(client, 40)
    await eventually(
        lambda: client.database.fetch_value("select count(distinct pid) = 2 from chaos_body"), within=30
    )
    first.send(signal.SIGTERM)
    assert await first.gone() == 0
    assert not await client.database.fetch_value(
        "select count(*) from engine_run where owner = %(owner)s", {"owner": first.owner}
    )
    await all_done(client, 40)
    await check_books(client, 40)
    second.send(signal.SIGTERM)
    await second.gone()
    assert await client.database.fetch_value("select count(*) from engine_lease") == 0


async def test_four_processes_open_at_once_on_a_database_that_dbos_has_never_seen(client, spawn):
    workers = [spawn() for _ in range(4)]
    for worker in workers:
        await worker.ready()
    await start(client, 40, queue="bulk")
    await all_done(client, 40)
    await check_books(client, 40)
