"""10,000 runs that wait for a person: bytes each, memory, idle CPU, restart, answers; beside bare DBOS waits.

    python bench/engine_parked.py [--runs 10000] [--peer 1000] [--idle 10]

The peer holds its waits in memory, so it is measured with fewer of them and printed per 1,000.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def rss() -> float:
    """Resident MB of this process now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def idle(seconds: float) -> float:
    """Percent of a core that this process uses when nothing happens."""
    before = cpu()
    await asyncio.sleep(seconds)
    return (cpu() - before) / seconds * 100


async def ours(url: str, runs: int, seconds: float) -> None:  # noqa: PLR0915 - one story, start to end
    from pilothouse import engine as e
    from pilothouse.kernel import Principal
    from pilothouse.storage import StorageSettings, open_database

    catalog = e.Catalog()

    async def gated(n: int) -> list[object]:
        async def body() -> dict[str, int]:
            return {"n": n}

        first = await e.step("look", body, inputs={"n": n})
        answer = (await e.wait("gate", str(n), name="decide")).value
        second = await e.step("act", body, inputs={"n": n, "answer": answer})
        return [first, answer, second]

    catalog.register(e.Definition(name="gated", version="1", body=gated))
    clerk = Principal(id="clerk")
    async with open_database(StorageSettings(database_url=url)) as database:

        async def size(schema: str) -> int:
            return await database.fetch_value(
                "select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c"
                " join pg_namespace n on n.oid = c.relnamespace where relkind = 'r'"
                " and ((%(schema)s = 'dbos' and nspname = 'dbos')"
                " or (%(schema)s = 'engine' and relname like 'engine_%%'))",
                {"schema": schema},
            )

        async def park(engine: e.Engine, numbers: range) -> None:
            gate = asyncio.Semaphore(64)

            async def one(n: int) -> None:
                async with gate:
                    await engine.start("gated", {"n": n}, key=str(n), principal=clerk)

            await asyncio.gather(*(one(n) for n in numbers))
            while (await engine.counts()).get("parked", 0) < numbers.stop:  # noqa: ASYNC110
                await asyncio.sleep(0.2)

        found: dict[str, float] = {}
        async with e.open_engine(database, catalog=catalog) as engine:
            await asyncio.sleep(3)
            found["idle_empty_percent"] = await idle(seconds)
            found["rss_empty_mb"] = rss()
            before = {schema: await size(schema) for schema in ("engine", "dbos")}
            began = time.perf_counter()
            await park(engine, range(runs // 2))
            found["rss_half_mb"] = rss()
            await park(engine, range(runs // 2, runs))
            found["parked_per_s"] = runs / (time.perf_counter() - began)
            found["bytes_each"] = (await size("engine") - before["engine"]) / runs
            found["executor_bytes_each"] = (await size("dbos") - before["dbos"]) / runs
            await asyncio.sleep(2)
            found["rss_mb"] = rss()
            found["idle_percent"] = await idle(seconds)
        began = time.perf_counter()
        async with e.open_engine(database, catalog=catalog) as engine:
            run = await engine.start("gated", {"n": -1}, key="after", principal=clerk)
            while not await engine.waits(run.id):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            found["restart_s"] = time.perf_counter() - began
            latencies = []
            for waiting in await engine.runs(states=["parked"], limit=200):
                at = time.perf_counter()
                async with database.transaction() as tx:
                    await engine.resume(e.WaitRef(run=waiting.id, key="1"), "yes", tx=tx)
                await engine.result(waiting.id, within=30)
                latencies.append(time.perf_counter() - at)
            found["answer_to_end_p50_ms"] = statistics.median(latencies) * 1000
            found["answer_to_end_p95_ms"] = statistics.quantiles(latencies, n=20)[-1] * 1000
    print(json.dumps(found), flush=True)


async def peer(url: str, runs: int, seconds: float) -> None:
    from dbos import DBOS, SetWorkflowID

    DBOS(
        config={
            "name": "bench", "system_database_url": url.replace("postgresql://", "postgresql+psycopg://", 1),
            "enable_otlp": False, "log_level": "ERROR",
        }
    )  # fmt: skip

    @DBOS.workflow()
    async def waits(n: int) -> object:
        return await DBOS.recv_async("decide", timeout_seconds=86_400)

    DBOS.launch()
    await asyncio.sleep(3)
    found = {"idle_empty_percent": await idle(seconds), "rss_empty_mb": rss()}
    for n in range(runs):
        with SetWorkflowID(f"run-{n}"):
            await DBOS.start_workflow_async(waits, n)
    await asyncio.sleep(3)
    found |= {"rss_mb": rss(), "idle_percent": await idle(seconds)}
    print(json.dumps(found), flush=True)
    os._exit(0)


def child(kind: str, server: str, runs: int, seconds: float) -> dict[str, float]:
    from pilothouse.storage.testing import fresh_url

    with fresh_url(server, migrated=kind == "ours") as url:
        command = [sys.executable, __file__, "--child", kind, "--url", url, "--runs", str(runs)]
        done = subprocess.run(
            [*command, "--idle", str(seconds)], stdout=subprocess.PIPE, check=True, text=True
        )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--peer", type=int, default=1_000)
    parser.add_argument("--idle", type=float, default=10)
    parser.add_argument("--child")
    parser.add_argument("--url", default="")
    options = parser.parse_args()
    if options.child:
        work = ours if options.child == "ours" else peer
        asyncio.run(work(options.url, options.runs, options.idle))
        return 0
    return compare(options)


def compare(options: argparse.Namespace) -> int:
    from pilothouse.storage.embedded import EmbeddedServer

    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder), fsync=True)
        server.open()
        try:
            found = child("ours", server.url, options.runs, options.idle)
            other = child("peer", server.url, options.peer, options.idle)
        finally:
            server.close()
    print(f"ours, {options.runs} parked runs: " + ", ".join(f"{k} {v:.1f}" for k, v in found.items()))
    print(f"bare DBOS, {options.peer} recv waits: " + ", ".join(f"{k} {v:.1f}" for k, v in other.items()))
    # The first half warms caches; what the second half adds is the slope.
    ours_mb = (found["rss_mb"] - found["rss_half_mb"]) / (options.runs / 2) * 1000
    peer_mb = (other["rss_mb"] - other["rss_empty_mb"]) / options.peer * 1000
    ours_cpu = found["idle_percent"] - found["idle_empty_percent"]
    peer_cpu = other["idle_percent"] - other["idle_empty_percent"]
    print(f"per 1,000 waits: memory {ours_mb:.2f} MB against {peer_mb:.2f} MB")
    print(f"idle CPU over empty: {ours_cpu:.2f} % of a core for all of ours, {peer_cpu:.2f} % for the peer's")
    good = found["bytes_each"] <= 2048 and found["restart_s"] < 5
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
