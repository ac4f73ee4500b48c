"""What died with its process is told from what killed it: progress counts, and suspects run few at a time."""

from __future__ import annotations

import asyncio
import hashlib

from pilothouse import engine as e
from pilothouse.engine.journal import Q
from pilothouse.engine.ports import NewEntry
from pilothouse.engine.testing import TESTER as CLERK
from pilothouse.engine.testing import eventually


async def test_a_run_that_goes_on_is_not_poison_however_often_its_process_dies(
    database, catalog, register, quick
):
    async def work():
        return 1

    register("work", work)
    async with e.open_engine(database, quick, catalog=catalog, work=False) as engine:
        run = await engine.start("work", {}, key="1", principal=CLERK)
        for n in range(8):
            claim = await engine.journal.claim(run.id, n, owner="dies", attempts=5)
            assert claim is not None, (await engine.get(run.id)).reason
            digest = hashlib.sha256(b"").digest()
            await engine.journal.record(
                claim, NewEntry(key=str(n), seq=n, kind="step", name="s", input_hash=digest, output="1")
            )
            await database.fetch_all(Q.bump_segments, {"ids": [run.id], "segments": [n], "owner": "dies"})


async def test_runs_that_died_twice_with_their_process_run_few_at_a_time(database, catalog, register, quick):
    """Sixty at once would get nothing done before the next death, and all be blocked for one that kills."""
    seen: set[str] = set()
    most = 0
    goes_on = asyncio.Event()

    async def work(n: str):
        async def body() -> None:
            nonlocal most
            seen.add(n)
            most = max(most, len(seen))
            await goes_on.wait()
            seen.discard(n)

        await e.step("look", body, inputs=n)

    register("work", work)
    async with e.open_engine(database, quick, catalog=catalog, work=False) as client:
        old = [
            await client.start("work", {"n": f"old{n}"}, key=f"old{n}", principal=CLERK) for n in range(20)
        ]
        await database.execute("update engine_run set attempts = 2, epoch = 3")
        new = [await client.start("work", {"n": f"new{n}"}, key=f"new{n}", principal=CLERK) for n in range(3)]
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        await eventually(lambda: len(seen) == 3 + 4)
        await asyncio.sleep(3 * quick.sweep_s)
        assert most == 3 + 4
        goes_on.set()
        for run in [*old, *new]:
            await engine.result(run.id, within=20)
