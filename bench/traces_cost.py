"""What writing spans costs the engine: CPU of runs of ten steps without a sink, and with every span stored.

Run: python bench/traces_cost.py [--runs 300] [--pairs 5]

Both run in one process on one database server with fsync on, in alternating pairs; CPU is that of this
process and of the database's. *Without* is the emitting face alone: nobody takes the spans. *With* gathers
the eleven spans of a run (one segment, ten steps) and stores them with COPY.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from pilothouse import engine
from pilothouse.kernel import Principal
from pilothouse.storage import Database, StorageSettings, open_database
from pilothouse.telemetry import bind_sink, span
from pilothouse.traces import open_traces

STEPS = 10
WHO = Principal(id="bench", rights=frozenset())


def server(folder: Path) -> psutil.Process:
    """Return the postmaster of the database in ``folder``."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.name() == "postgres" and str(folder) in " ".join(process.cmdline()):
                return process
    raise SystemExit("the database is not there")


def used(database: psutil.Process) -> float:
    """Return CPU seconds of this process and of every process of the database, those that ended too."""
    total = time.process_time()
    for process in (database, *database.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


async def runs(opened: engine.Engine, postgres: psutil.Process, name: str, count: int) -> float:
    """Return CPU milliseconds a run."""

    async def one(number: int) -> None:
        run = await opened.start("ten", {"n": number}, key=f"{name}-{number}", principal=WHO)
        await opened.result(run.id, within=120)

    before = used(postgres)
    for start in range(0, count, 50):
        await asyncio.gather(*(one(number) for number in range(start, min(count, start + 50))))
    return (used(postgres) - before) / count * 1000


async def measure(database: Database, postgres: psutil.Process, count: int, pairs: int) -> None:
    catalog = engine.Catalog()

    async def ten(n: int) -> int:
        for i in range(STEPS):

            async def body(i: int = i) -> int:
                return i

            await engine.step("work", body, inputs={"n": n, "i": i})
        return n

    catalog.register(engine.Definition(name="ten", version="1", body=ten))
    found: dict[str, list[float]] = {"without": [], "with": []}
    async with engine.open_engine(database, engine.EngineSettings(), catalog=catalog) as opened:
        await runs(opened, postgres, "warm", 50)
        for pair in range(pairs):
            for kind in ("without", "with") if pair % 2 else ("with", "without"):
                async with contextlib.AsyncExitStack() as stack:
                    if kind == "with":
                        await stack.enter_async_context(open_traces(database))
                    found[kind].append(await runs(opened, postgres, f"{kind}-{pair}", count))
    without, with_ = (statistics.median(found[kind]) for kind in ("without", "with"))
    # Neighbours in time are compared: the machine is not the same all along.
    ratio = statistics.median(b / a for a, b in zip(found["without"], found["with"], strict=True))
    print(f"run of {STEPS} steps: {without:.2f} CPU-ms without a sink, {with_:.2f} with every span stored")
    print(f"spans cost {(ratio - 1) * 100:+.1f} % (median of {pairs} pairs: {_shown(found)})")


def _shown(found: dict[str, list[float]]) -> str:
    return "; ".join(f"{kind} {', '.join(f'{one:.2f}' for one in all_)}" for kind, all_ in found.items())


class Nobody:
    """A sink that drops what it gets."""

    def emit(self, record: object) -> None:
        """Drop it."""


def emitting() -> None:
    """Print what one span costs the code that writes it."""

    def loop(count: int = 200_000) -> float:
        before = time.process_time()
        for _ in range(count):
            with span("chat", attributes={"gen_ai.request.model": "m"}) as written:
                written.attributes["gen_ai.usage.input_tokens"] = 1
        return (time.process_time() - before) / count * 1e6

    without = min(loop() for _ in range(3))
    with bind_sink(Nobody()):
        print(f"one span: {without:.2f} us without a sink, {min(loop() for _ in range(3)):.2f} us with one")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    emitting()
    folder = Path(tempfile.mkdtemp(prefix="bench-cost-"))
    folder.chmod(0o755)
    try:
        async with open_database(StorageSettings(data_dir=folder / "data")) as database:
            await measure(database, server(folder), given.runs, given.pairs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main())
