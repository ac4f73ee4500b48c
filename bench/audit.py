"""What the audit log costs: storing in groups, places in the tree, the second device, checks and proofs.

Run: python bench/audit.py [entries] [a group]

Entries are stored in groups by ``append_many`` (as whoever groups work does), placed by the sequencer, copied
to a file with fsync, checked in the database and offline, and proved. Two clocks: the wall's, and the CPU
time of this process (the server's own is not in it). The bare tree (hash only) runs in the same process.
Exit 1 if a target is missed: 10,000 entries/s stored in groups, a proof under 5 ms.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pilothouse.audit import (
    AuditEntry,
    append_many,
    chain,
    export,
    open_audit,
    prove,
    prove_growth,
    verify,
    verify_lines,
)
from pilothouse.audit.devices.mirror import mirror
from pilothouse.audit.offline import Frontier, leaf_hash
from pilothouse.storage import Database, StorageSettings, open_database

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
GROUP = int(sys.argv[2]) if len(sys.argv) > 2 else 500
PROOFS = 100
BODY = {"topic": "release_container", "reason": "x" * 120}


class Clock:
    """Seconds by the wall and of this process."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def rates(self, count: int) -> tuple[float, float]:
        """Return things per second by both clocks."""
        return (
            count / (time.perf_counter() - self.wall),
            count / max(time.process_time() - self.cpu, 1e-9),
        )


def say(what: str, rates: tuple[float, float]) -> float:
    """Print a line and return the rate by the wall's clock."""
    print(f"  {what:44} {rates[0]:10,.0f}/s   {rates[1]:10,.0f} per CPU-second")
    return rates[0]


def bare() -> tuple[float, float]:
    """Return what the tree alone costs."""
    clock, tree = Clock(), Frontier()
    for n in range(COUNT):
        tree.push(leaf_hash(b"%d" % n))
    return clock.rates(COUNT)


async def stored(database: Database) -> tuple[float, float]:
    """Store all entries in groups, a transaction each."""
    made = [AuditEntry(kind="bench", actor="clerk.amira", run="run-1", body=BODY) for _ in range(COUNT)]
    clock = Clock()
    for first in range(0, COUNT, GROUP):
        async with database.transaction() as tx:
            await append_many(tx, made[first : first + GROUP])
    return clock.rates(COUNT)


async def timed(work: Callable[[], Awaitable[object]], count: int) -> tuple[float, float]:
    """Return the rate at which ``work`` does ``count`` things."""
    clock = Clock()
    await work()
    return clock.rates(count)


async def all_placed(database: Database) -> None:
    while await chain(database, wait=True):
        pass


async def proofs(database: Database) -> list[float]:
    """Return the milliseconds of proofs of entries drawn at random, inclusion and growth in turn."""
    dice, took = random.Random(7), []
    rows = await database.fetch_all("select entry from audit_leaf order by position")
    await prove(database, rows[0]["entry"])
    for n in range(PROOFS):
        began = time.perf_counter()
        if n % 2:
            await prove_growth(database, dice.randrange(1, COUNT), COUNT)
        else:
            await prove(database, dice.choice(rows)["entry"])
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)


async def measured(database: Database, folder: Path) -> bool:
    async with open_audit(database, data_dir=folder / "data", work=False) as state:
        print(f"{COUNT} entries, {GROUP} a transaction")
        say("the tree alone, hashes only", bare())
        grouped = say("stored in groups, committed with fsync", await stored(database))
        say("placed by the sequencer", await timed(lambda: all_placed(database), COUNT))
        say("copied to the file, fsynced", await timed(lambda: mirror(database, state), COUNT))
        say("checked against tree, heads and file", await timed(lambda: verify(database), COUNT))
        lines: list[str] = []
        clock = Clock()
        async for line in export(database):
            lines.append(line)
        say("exported and sealed", clock.rates(COUNT))
        clock = Clock()
        assert verify_lines(lines).ok
        say("checked offline", clock.rates(COUNT))
        took = await proofs(database)
    middle, worst = took[len(took) // 2], took[int(len(took) * 0.99)]
    print(f"  a proof: median {middle:.2f} ms, 99 % within {worst:.2f} ms")
    if grouped < 10_000 or middle > 5:
        print("missed: 10,000 entries/s stored in groups, a proof under 5 ms")
        return False
    return True


async def main() -> int:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        async with open_database(StorageSettings(data_dir=folder / "pg")) as database:
            return 0 if await measured(database, folder) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
