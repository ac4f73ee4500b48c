"""Processes that write and chain the log are killed at any moment; what committed is in the chain, once."""

from __future__ import annotations

import asyncio
import random
import sys

import pytest

from pilothouse.audit import chain, export, verify
from pilothouse.storage import Database

pytestmark = pytest.mark.chaos

WRITER = """
import asyncio, sys
from pilothouse.audit import AuditEntry, append, keep_chained
from pilothouse.storage import StorageSettings, open_database

async def main():
    async with open_database(StorageSettings(database_url=sys.argv[1], migrate=False)) as database:
        chaining = asyncio.create_task(keep_chained(database, every=0.01))
        n = 0
        while True:
            async with database.transaction() as tx:
                id = await append(tx, AuditEntry(kind="chaos", actor=sys.argv[2], body={"n": n}))
            print(id, flush=True)
            n += 1

asyncio.run(main())
"""


async def _killed(url: str, name: str, after: float) -> list[str]:
    """Run a writer, kill it after some seconds of writing, and return the ids it was told are committed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, url, name, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    first = await process.stdout.readline()
    await asyncio.sleep(after)
    process.kill()
    rest, _ = await process.communicate()
    # The last line may have been cut by the kill.
    return [line for line in (first + rest).decode().splitlines() if len(line) == 36]


async def test_kill_9_of_writers_and_sequencers_loses_and_doubles_nothing(
    database: Database, database_url: str
) -> None:
    dice = random.Random(7)
    for round in range(2):
        told = await asyncio.gather(
            *(_killed(database_url, f"writer-{round}-{n}", dice.uniform(0.05, 0.4)) for n in range(3))
        )
        while await chain(database, wait=True):
            pass
        checked = await verify(database)
        assert checked.ok, checked
        assert checked.pending == 0
        lines = [line async for line in export(database)]
        assert len(lines) == checked.entries
        for ids in told:
            assert ids
            for id in ids:
                assert sum(id in line for line in lines) == 1
