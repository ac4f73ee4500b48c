"""Runs of ten steps: our engine against bare DBOS steps on one database server, alternating pairs in one run.

    python bench/engine_throughput.py [--runs 150] [--together 50] [--pairs 3]

Each measurement is a process of its own on a database of its own (fsync on). Ours writes full entries
(inputs, hashes, versions, times). "direct" is the queue ``default`` in the starting process, "queued" goes
through a DBOS queue. Prints runs/s, client CPU per run and the ratio; exits 1 if direct is under 3x.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = 10


async def ours(url: str, runs: int, together: int, queue: str) -> None:
    from pilothouse import engine as e
    from pilothouse.storage import StorageSettings, open_database

    catalog = e.Catalog()

    async def ten(n: int) -> int:
        for i in range(STEPS):

            async def body(i: int = i) -> dict[str, int]:
                return {"n": n, "i": i}

            await e.step("work", body, inputs={"n": n, "i": i})
        return n

    catalog.register(e.Definition(name="ten", version="1", body=ten))
    principal = _principal()
    async with open_database(StorageSettings(database_url=url)) as database:  # noqa: SIM117
        async with e.open_engine(database, e.EngineSettings(), catalog=catalog) as engine:

            async def one(key: str, n: int) -> None:
                run = await engine.start("ten", {"n": n}, key=key, principal=principal, queue=queue)
                assert await engine.result(run.id, within=120) == n

            await _measure(one, runs, together)


def _principal():
    from pilothouse.kernel import Principal

    return Principal(id="bench", rights=frozenset())


async def bare(url: str, runs: int, together: int) -> None:
    from dbos import DBOS, SetWorkflowID

    address = url.replace("postgresql://", "postgresql+psycopg://", 1)
    DBOS(
        config={
            "name": "bench", "system_database_url": address, "enable_otlp": False, "log_level": "ERROR",
            "sys_db_pool_size": 10, "db_engine_kwargs": {"pool_pre_ping": False},
        }
    )  # fmt: skip

    @DBOS.step()
    async def work(n: int, i: int) -> dict[str, int]:
        return {"n": n, "i": i}

    @DBOS.workflow()
    async def ten(n: int) -> int:
        for i in range(STEPS):
            await work(n, i)
        return n

    DBOS.launch()

    async def one(key: str, n: int) -> None:
        with SetWorkflowID(key):
            handle = await DBOS.start_workflow_async(ten, n)
        assert await handle.get_result() == n

    await _measure(one, runs, together)
    sys.stdout.flush()
    os._exit(0)


def _server_cpu() -> float:
    """CPU-seconds of all PostgreSQL processes that are alive on this machine."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        if name.endswith("(postgres"):
            total += sum(int(word) for word in rest.split()[11:13])
    return total / os.sysconf("SC_CLK_TCK")


async def _measure(one, runs: int, together: int) -> None:
    gate = asyncio.Semaphore(together)

    async def limited(key: str, n: int) -> None:
        async with gate:
            await one(key, n)

    await asyncio.gather(*(limited(f"warm-{n}", n) for n in range(together)))
    wall, cpu, server = time.perf_counter(), time.process_time(), _server_cpu()
    await asyncio.gather(*(limited(f"run-{n}", n) for n in range(runs)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    server = _server_cpu() - server
    print(
        json.dumps({"per_s": runs / wall, "cpu_ms": cpu / runs * 1000, "server_ms": server / runs * 1000}),
        flush=True,
    )


def child(kind: str, server: str, runs: int, together: int) -> dict[str, float]:
    from pilothouse.storage.testing import fresh_url

    with fresh_url(server, migrated=kind != "bare") as url:
        command = [sys.executable, __file__, "--child", kind, "--url", url, "--runs", str(runs)]
        done = subprocess.run(
            [*command, "--together", str(together)], stdout=subprocess.PIPE, check=True, text=True
        )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=150)
    parser.add_argument("--together", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--child")
    parser.add_argument("--url", default="")
    options = parser.parse_args()
    if options.child == "bare":
        asyncio.run(bare(options.url, options.runs, options.together))
        return 0
    if options.child:
        queue = "default" if options.child == "direct" else "bulk"
        asyncio.run(ours(options.url, options.runs, options.together, queue))
        return 0
    return compare(options.runs, options.together, options.pairs)


def compare(runs: int, together: int, pairs: int) -> int:
    from pilothouse.storage.embedded import EmbeddedServer

    found: dict[str, list[dict[str, float]]] = {"direct": [], "queued": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder), fsync=True)
        server.open()
        try:
            for _ in range(pairs):
                for kind, results in found.items():
                    results.append(child(kind, server.url, runs, together))
                    last = results[-1]
                    print(
                        f"{kind:7} {last['per_s']:7.1f} runs/s  {last['cpu_ms']:6.2f} ms client CPU"
                        f"  {last['server_ms']:6.2f} ms server CPU a run"
                    )
        finally:
            server.close()
    middle = {k: {f: statistics.median(x[f] for x in v) for f in v[0]} for k, v in found.items()}
    for kind in ("direct", "queued"):
        speed = middle[kind]["per_s"] / middle["bare"]["per_s"]
        saved = middle["bare"]["cpu_ms"] / middle[kind]["cpu_ms"]
        worst = min(a["per_s"] / b["per_s"] for a, b in zip(found[kind], found["bare"], strict=True))
        print(
            f"ratio {kind}: {speed:.2f}x throughput (worst pair {worst:.2f}x), {saved:.2f}x less client CPU"
        )
    return 0 if middle["direct"]["per_s"] >= 3 * middle["bare"]["per_s"] else 1


if __name__ == "__main__":
    sys.exit(main())
