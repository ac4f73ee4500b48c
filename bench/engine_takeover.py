"""How soon runs go on: another process after kill -9 and a freeze, the same program after a restart; sharing.

    python bench/engine_takeover.py [--rounds 3]

Real processes on one embedded server (fsync on). The peer is bare DBOS: its free core takes nothing over, so
its line says what became of the runs of the killed process after 15 seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

WORKER = Path(__file__).parents[1] / "tests" / "chaos" / "engine" / "chaos_worker.py"
TABLES = (
    "create table chaos_body (key text not null, pid int not null)",
    "create table chaos_sink (key text primary key)",
    "create table chaos_park (run text not null)",
)


class Worker:
    def __init__(self, url: str, *more: str, script: Path = WORKER) -> None:
        command = [sys.executable, str(script), url, *more]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.owner = json.loads(self.process.stdout.readline())["owner"]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


async def until(check: Callable[[], Awaitable[bool]], limit: float = 60) -> float:
    began = time.perf_counter()
    while not await check():
        if time.perf_counter() - began > limit:
            raise TimeoutError
        await asyncio.sleep(0.02)
    return time.perf_counter() - began


async def story(url: str, kind: str) -> dict[str, float]:
    from pilothouse.engine import open_engine
    from pilothouse.kernel import Principal
    from pilothouse.storage import StorageSettings, open_database

    sys.path.insert(0, str(WORKER.parent))
    from chaos_worker import catalog

    me = Principal(id="bench")
    async with open_database(StorageSettings(database_url=url, migrate=False)) as database:
        for table in TABLES:
            await database.execute(table)
        async with open_engine(database, catalog=catalog(), work=False) as client:

            async def start(count: int) -> None:
                for n in range(count):
                    await client.start("ten", {"n": n}, key=str(n), principal=me)

            async def bodies(least: int) -> bool:
                return await database.fetch_value("select count(*) from chaos_body") >= least

            async def done(count: int) -> bool:
                return (await client.counts()).get("done", 0) >= count

            if kind in ("one", "two"):
                workers = [
                    Worker(url, "--pause", "0", "--spin", "3") for _ in range(2 if kind == "two" else 1)
                ]
                await start(150)
                took = await until(lambda: done(150))
                [worker.kill() for worker in workers]
                return {"runs_per_s": 150 / took}
            first = Worker(url, "--pause", "0.05")
            second = None if kind == "restart" else Worker(url, "--pause", "0.05")
            await start(60)
            await until(lambda: bodies(60))
            owner = await database.fetch_value(
                "select owner from engine_run where state = 'running'"
                " group by 1 order by count(*) desc limit 1"
            )
            victim = second if second is not None and second.owner == owner else first
            victim.process.send_signal(signal.SIGSTOP if kind == "freeze" else signal.SIGKILL)
            began = time.perf_counter()
            if kind == "restart":
                victim.process.wait()
                seen = await database.fetch_value("select count(*) from engine_entry")
                second = Worker(url, "--pause", "0.05")

                async def moved() -> bool:
                    return await database.fetch_value("select count(*) from engine_entry") > seen

            else:

                async def moved() -> bool:
                    left = "select count(*) from engine_run where owner = %(owner)s"
                    return await database.fetch_value(left, {"owner": owner}) == 0

            await until(moved)
            took = time.perf_counter() - began
            await until(lambda: done(60))
            twice = "select count(*) - count(distinct key) from chaos_body"
            found = {"seconds": took, "bodies_twice": float(await database.fetch_value(twice))}
            entries = await database.fetch_value("select count(*) from engine_entry where kind = 'step'")
            assert entries == 600, entries
            for worker in (first, second):
                if worker is not None:
                    worker.kill()
            return found


def peer(server: str) -> None:
    """Kill a process of bare DBOS and look at its runs from another one 15 seconds later."""
    from pilothouse.storage.testing import fresh_url

    code = """
import asyncio, json, os, sys, time
from dbos import DBOS, SetWorkflowID
url = sys.argv[1].replace("postgresql://", "postgresql+psycopg://", 1)
DBOS(config={"name": "bench", "system_database_url": url,
     "enable_otlp": False, "log_level": "ERROR", "executor_id": sys.argv[2], "application_version": "1"})
@DBOS.step()
async def work(i): await asyncio.sleep(0.05)
@DBOS.workflow()
async def ten(n):
    for i in range(10): await work(i)
async def main():
    DBOS.launch()
    if sys.argv[2] == "a":
        for n in range(60):
            with SetWorkflowID(str(n)): await DBOS.start_workflow_async(ten, n)
    print(json.dumps({"owner": sys.argv[2]}), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with fresh_url(server, migrated=False) as url, tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "peer.py"
        script.write_text(code)
        second = Worker(url, "b", script=script)
        first = Worker(url, "a", script=script)
        first.kill()
        time.sleep(15)
        import psycopg

        with psycopg.connect(url) as link:
            rows = link.execute("select status, count(*) from dbos.workflow_status group by 1").fetchall()
        second.kill()
    print(f"bare DBOS, 15 s after kill -9 beside a living process: {dict(rows)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    from pilothouse.storage.embedded import EmbeddedServer
    from pilothouse.storage.testing import fresh_url

    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder), fsync=True)
        server.open()
        try:
            for _ in range(options.rounds):
                for kind in ("kill", "freeze", "restart", "one", "two"):
                    with fresh_url(server.url) as url:
                        found.setdefault(kind, []).append(asyncio.run(story(url, kind)))
            peer(server.url)
        finally:
            server.close()
    for kind in ("kill", "freeze", "restart"):
        times = [item["seconds"] for item in found[kind]]
        twice = [item["bodies_twice"] for item in found[kind]]
        middle = statistics.median(times)
        print(f"{kind}: runs go on after {middle:.2f} s (worst {max(times):.2f}), bodies twice {twice}")
    one, two = (statistics.median(item["runs_per_s"] for item in found[kind]) for kind in ("one", "two"))
    print(f"CPU-bound steps on {os.cpu_count()} cores: one process {one:.1f} runs/s, two {two:.1f} runs/s")
    print(f"ratio two processes against one: {two / one:.2f}")
    late = (
        max(item["seconds"] for item in found["kill"]) > 10 or max(i["seconds"] for i in found["freeze"]) > 15
    )
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
