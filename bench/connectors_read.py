"""Rows per second through the SQL connector against the bare driver, on the same rows in one run.

Run: python bench/connectors_read.py [rows]

Both read the same table of a PostgreSQL of our own and of an SQLite file. The bare driver fetches tuples;
ours makes labelled rows with key and version. Rounds alternate; the best of each side is compared.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg

from pilothouse.connectors import Query, Sources
from pilothouse.kernel import SYSTEM
from pilothouse.storage.testing import fresh_url, shared_server

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
KEYS = [f"BL{n:06d}" for n in range(0, 500)]
ROUNDS = 5
COLUMNS = "bl, container, consignee, weight, arrived, remark"
CREATE = (
    "CREATE TABLE boxes (bl varchar(12) PRIMARY KEY, container text, consignee text, weight {number}, "
    "arrived {date}, remark text)"
)


def records() -> list[tuple[object, ...]]:
    return [
        (f"BL{n:06d}", f"MSKU{n:07d}", f"Consignee {n % 97}", n * 1.5, "2026-01-05", "no remark")
        for n in range(ROWS)
    ]


def fill_postgres(url: str) -> None:
    with psycopg.connect(url) as link, link.cursor() as cursor:
        cursor.execute(CREATE.format(number="numeric(12,2)", date="date").encode())
        with cursor.copy(f"COPY boxes ({COLUMNS}) FROM STDIN".encode()) as copy:
            for record in records():
                copy.write_row(record)


def fill_sqlite(path: Path) -> None:
    link = sqlite3.connect(path)
    link.execute(CREATE.format(number="numeric", date="text"))
    link.executemany("INSERT INTO boxes VALUES (?, ?, ?, ?, ?, ?)", records())
    link.commit()
    link.close()


async def fastest(first: Callable[[], Awaitable[int]], second: Callable[[], Awaitable[int]]) -> list[float]:
    """Alternate the two and return the best seconds of each."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for index, side in enumerate((first, second)):
            start = time.perf_counter()
            assert await side() > 0
            best[index] = min(best[index], time.perf_counter() - start)
    return best


async def compare(
    name: str, sources: Sources, bare: Callable[[str, tuple[object, ...]], int], mark: str
) -> None:
    every = f"SELECT {COLUMNS} FROM boxes"
    some = f"{every} WHERE bl IN ({', '.join([mark] * len(KEYS))})"
    cases = {
        "all rows": (Query("boxes"), every, (), ROWS),
        "500 keys": (Query("boxes", where={"bl": KEYS}), some, tuple(KEYS), len(KEYS)),
    }
    for case, (query, text, values, count) in cases.items():

        async def ours(query: Query = query) -> int:
            return len(await sources.read(SYSTEM, name, query))

        async def theirs(text: str = text, values: tuple[object, ...] = values) -> int:
            return await asyncio.to_thread(bare, text, values)

        mine, peer = await fastest(ours, theirs)
        print(
            f"{name:9} {case:9} ours {count / mine:>9,.0f} rows/s   bare {count / peer:>9,.0f} rows/s"
            f"   ratio {peer / mine:.2f}   ours {mine * 1000:.1f} ms, bare {peer * 1000:.1f} ms"
        )


async def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        shared_server() as server,
        fresh_url(server, migrated=False) as url,
    ):
        path = Path(folder) / "boxes.sqlite"
        fill_postgres(url)
        fill_sqlite(path)
        declared = {"postgres": url, "sqlite": f"sqlite:///{path}"}
        tables = {
            name: {"kind": "sql", "url": address, "timeout": "60s", "max_rows": 10_000_000}
            for name, address in declared.items()
        }
        with (
            psycopg.connect(url, autocommit=True) as link,
            sqlite3.connect(path, check_same_thread=False) as lite,
        ):
            async with Sources.from_config({"sources": tables}, base=Path(folder)) as sources:
                await compare(
                    "postgres", sources, lambda q, v: len(link.execute(q.encode(), v).fetchall()), "%s"
                )
                await compare("sqlite", sources, lambda q, v: len(lite.execute(q, v).fetchall()), "?")


if __name__ == "__main__":
    asyncio.run(main())
