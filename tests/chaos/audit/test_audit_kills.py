"""Processes that write, place, copy and sign are killed at any moment; what committed is there, once."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import pytest

from pilothouse.audit import FileDevice, chain, export, open_audit, verify, verify_lines
from pilothouse.audit.devices.mirror import mirror
from pilothouse.audit.offline import ENTRY
from pilothouse.storage import Database

pytestmark = pytest.mark.chaos

WRITER = """
import asyncio, sys
from pathlib import Path
from pilothouse.audit import AuditEntry, append, keep_chained, open_audit
from pilothouse.audit.settings import AuditSettings
from pilothouse.storage import StorageSettings, open_database

async def main():
    url, name, data = sys.argv[1:]
    settings = AuditSettings(head_entries=20)
    async with (
        open_database(StorageSettings(database_url=url, migrate=False)) as database,
        open_audit(database, data_dir=Path(data), settings=settings),
    ):
        chaining = asyncio.create_task(keep_chained(database, every=0.01))
        n = 0
        while True:
            async with database.transaction() as tx:
                id = await append(tx, AuditEntry(kind="chaos", actor=name, body={"n": n}))
            print(id, flush=True)
            n += 1

asyncio.run(main())
"""


async def _killed(url: str, name: str, data: Path, after: float) -> list[str]:
    """Run a writer, kill it after some seconds of writing, and return the ids it was told are committed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, url, name, str(data), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    first = await process.stdout.readline()
    await asyncio.sleep(after)
    process.kill()
    rest, _ = await process.communicate()
    # The last line may have been cut by the kill.
    return [line for line in (first + rest).decode().splitlines() if len(line) == 36]


async def test_kill_9_of_writers_sequencers_and_signers_loses_and_doubles_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    dice = random.Random(7)
    data, before = tmp_path / "data", ""
    for round in range(2):
        told = await asyncio.gather(
            *(_killed(database_url, f"writer-{round}-{n}", data, dice.uniform(0.05, 0.6)) for n in range(3))
        )
        async with open_audit(database, data_dir=data) as audit:
            while await chain(database, wait=True):
                pass
            await mirror(database, audit)
            checked = await verify(database)
            assert checked.ok, checked
            assert checked.pending == 0
            assert checked.device == checked.entries
            lines = [line async for line in export(database)]
        found = verify_lines(lines, keys=audit.keys)
        assert (found.ok, found.sealed, found.entries) == (True, True, checked.entries)
        text = "\n".join(line for line in lines if ENTRY.fullmatch(line.encode()))
        for ids in told:
            assert ids
            for id in ids:
                assert text.count(f'"id":"{id}"') == 1
        assert text.startswith(before), "what was exported before stays as it was"
        before = text
        assert isinstance(audit.device, FileDevice)
        copied = verify_lines(audit.device.lines(), open_ended=True, keys=audit.keys)
        assert (copied.ok, copied.entries) == (True, checked.entries)
        places = [m[3] for m in map(ENTRY.fullmatch, audit.device.lines()) if m]
        assert len(places) == len(set(places)) == checked.entries
