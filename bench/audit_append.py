"""What an audit entry costs a business transaction: ours against chaining under a lock, and against no log.

Run: python bench/audit_append.py [transactions] [writers]

Each business transaction writes a row, its audit entry, and goes on for 2 ms (another statement, a call).
*Lock* is the plain design: the entry takes the end of the chain with FOR UPDATE and writes its link itself,
so the next writer waits for this one's commit. *Ours* stores the entry; a sequencer running beside gives it
its place.
Rounds alternate on one embedded PostgreSQL with fsync on; the best of each is compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys
import tempfile
import time
from pathlib import Path

from pilothouse.audit import AuditEntry, append, chain, keep_chained, verify
from pilothouse.audit.leaves import jcs, plain
from pilothouse.storage import Database, StorageSettings, Tx, open_database

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
WRITERS = int(sys.argv[2]) if len(sys.argv) > 2 else 16
ROUNDS = 3
REST = 0.002
BODY = {"topic": "release_container", "reason": "x" * 120}


def link_hash(prev: str, entry: object) -> str:
    """Return the hash of the plain design: a chain."""
    return hashlib.sha256(bytes.fromhex(prev) + jcs(entry)).hexdigest()


async def nothing(tx: Tx) -> None:
    return None


async def ours(tx: Tx) -> None:
    await append(tx, AuditEntry(kind="bench", actor="clerk.amira", run="run-1", body=BODY))


async def locked(tx: Tx) -> None:
    head = await tx.fetch_one("select position, hash from bench_head for update")
    assert head is not None
    row = await tx.fetch_one(
        "insert into bench_entry (id, kind, actor, run, body) values (gen_random_uuid(), 'bench', "
        "'clerk.amira', 'run-1', jsonb_build_object('topic', 'r', 'reason', repeat('x', 126))) returning *"
    )
    assert row is not None
    digest = link_hash(head["hash"], plain(row))
    await tx.execute("update bench_head set position = position + 1, hash = %(hash)s", {"hash": digest})


async def writers(database: Database, entry: object, count: int) -> float:
    """Return transactions per second of all writers together."""

    async def write(times: int) -> None:
        for _ in range(times):
            async with database.transaction() as tx:
                await tx.execute("insert into bench_business (note) values ('released')")
                await entry(tx)  # type: ignore[operator]
                await asyncio.sleep(REST)

    began = time.perf_counter()
    await asyncio.gather(*(write(count // WRITERS) for _ in range(WRITERS)))
    return count // WRITERS * WRITERS / (time.perf_counter() - began)


async def with_sequencer(database: Database, count: int) -> float:
    """Return transactions per second while the sequencer chains beside."""
    sequencer = asyncio.create_task(keep_chained(database, every=0.5))
    try:
        return await writers(database, ours, count)
    finally:
        sequencer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sequencer


async def lag(database: Database) -> float:
    """Return the seconds from a commit to its place in the tree, the worst of 20, beside a sequencer."""
    sequencer = asyncio.create_task(keep_chained(database, every=0.5))
    worst = 0.0
    for _ in range(20):
        async with database.transaction() as tx:
            await ours(tx)
        began = time.perf_counter()
        while await database.fetch_value("select count(*) from audit_pending"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        worst = max(worst, time.perf_counter() - began)
    sequencer.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sequencer
    return worst


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = StorageSettings(data_dir=Path(folder) / "data", pool_size=WRITERS + 2)
        async with open_database(settings) as database:
            await database.execute("create table bench_business (note text)")
            await database.execute("create table bench_entry (like audit_entry including defaults)")
            await database.execute(
                "create table bench_head as select 0::bigint as position, repeat('0', 64) as hash"
            )
            best = {"none": 0.0, "lock": 0.0, "ours": 0.0}
            for _ in range(ROUNDS):
                best["none"] = max(best["none"], await writers(database, nothing, COUNT))
                best["lock"] = max(best["lock"], await writers(database, locked, COUNT))
                best["ours"] = max(best["ours"], await with_sequencer(database, COUNT))
            while await chain(database):
                pass
            for _ in range(5):
                await writers(database, ours, COUNT)
            began, chained = time.perf_counter(), 0
            while done := await chain(database):
                chained += done
            chaining = chained / (time.perf_counter() - began)
            began = time.perf_counter()
            checked = await verify(database)
            verifying = checked.entries / (time.perf_counter() - began)
            assert checked.ok, checked
            worst = await lag(database)
    print(f"{WRITERS} writers, {COUNT} transactions a round, best of {ROUNDS}")
    for name, rate in best.items():
        print(f"  {name:5} {rate:8.0f} transactions/s")
    print(f"  ours / lock {best['ours'] / best['lock']:.2f}x, ours / none {best['ours'] / best['none']:.2f}")
    print(f"  chaining {chaining:.0f} entries/s, verifying {verifying:.0f} entries/s of {checked.entries}")
    print(f"  worst of 20 from commit to its place in the tree {worst:.2f} s")


if __name__ == "__main__":
    asyncio.run(main())
