"""A process of Pilothouse for tests to kill: opens the data directory, says so, does what it is told.

Usage: storage_victim.py DATA_DIR, then lines on stdin: ``write N`` adds row N and answers ``wrote N``;
``quit`` closes in an orderly way.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pilothouse.kernel import PilothouseError
from pilothouse.storage import Database, StorageSettings, open_database


def say(text: str) -> None:
    print(text, flush=True)


async def obey(database: Database) -> None:
    while (line := await asyncio.to_thread(sys.stdin.readline)) and line.strip() != "quit":
        number = int(line.split()[1])
        try:
            await database.execute(
                "insert into kept values (%(n)s) on conflict do nothing", {"n": number}, repeat=True
            )
            say(f"wrote {number}")
        except PilothouseError as error:
            say(f"failed {error}")


async def main() -> None:
    async with open_database(StorageSettings(data_dir=Path(sys.argv[1]), fsync=False)) as database:
        await database.execute("create table if not exists kept (n int primary key)")
        say("ready")
        await obey(database)
    say("closed")


asyncio.run(main())
