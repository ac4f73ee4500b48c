"""A process that runs the workflows of the chaos stories until it is killed.

    python chaos_worker.py URL [--point NAME[:N]] [--executor dbos|direct]

Prints one JSON line when it works. ``--point`` kills the process with SIGKILL the N-th time it comes to
the named place: before_body, after_body, after_record, in_park, before_submit, reaping.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import time
from typing import Any

from pilothouse import engine as e
from pilothouse.engine.journal import PostgresJournal
from pilothouse.engine.keeping.submit import Submitter
from pilothouse.engine.keeping.takeover import Reaper
from pilothouse.storage import StorageSettings, open_database

POINT, COUNT = "", 1
STATE: dict[str, Any] = {"database": None}


def at(point: str) -> None:
    global COUNT  # noqa: PLW0603
    if point != POINT:
        return
    COUNT -= 1
    if COUNT <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


async def note(kind: str) -> None:
    """Note that a body ran, and cause its effect on an idempotent sink."""
    key = e.effect_key()
    at("before_body")
    database = STATE["database"]
    await database.execute(
        "insert into chaos_body (key, pid) values (%(key)s, %(pid)s)", {"key": key, "pid": os.getpid()}
    )
    await database.execute(
        "insert into chaos_sink (key) values (%(key)s) on conflict do nothing", {"key": key}
    )
    until = time.process_time() + STATE["spin"]
    while time.process_time() < until:
        pass
    await asyncio.sleep(STATE["pause"])
    at("after_body")


def catalog() -> e.Catalog:
    found = e.Catalog()
    found.declare(queues=[e.QueueSpec(name="narrow", concurrency=2)])

    async def ten(n: int) -> int:
        total = 0
        for i in range(10):

            async def body(i: int = i) -> int:
                await note("step")
                return n + i

            total += await e.step("work", body, inputs={"n": n, "i": i})
            at("after_record")
        return total

    async def gated(n: int) -> list[Any]:
        async def body() -> int:
            await note("step")
            return n

        first = await e.step("first", body, inputs=n)

        async def on_park(tx: Any) -> None:
            await tx.execute(
                "insert into chaos_park (run) values (%(run)s)", {"run": str(e.current_run().id)}
            )
            at("in_park")

        answer = (await e.wait("gate", "p", on_park=on_park)).value
        second = await e.step("second", body, inputs=[n, answer])
        return [first, answer, second]

    async def short(n: int) -> int:
        async def body() -> int:
            await note("step")
            return n

        return await e.step("one", body, inputs=n) + await e.step("two", body, inputs=n)

    async def deadly(n: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    async def family(n: int) -> int:
        return sum(await e.gather(*(e.child("ten", {"n": i}) for i in range(n))))

    for name, body in (
        ("ten", ten),
        ("gated", gated),
        ("family", family),
        ("short", short),
        ("deadly", deadly),
    ):
        found.register(e.Definition(name=name, version="1", body=body))
    return found


def arm() -> None:
    """Put the crash points around the real code."""
    submit, drop = Submitter.submit_rest, Reaper.move

    async def submit_rest(self: Submitter, *, older: float) -> int:
        at("before_submit")
        return await submit(self, older=older)

    async def move(self: Reaper, segments: Any, *, owner: str) -> int:
        moved = await drop(self, segments, owner=owner)
        if segments:
            at("reaping")
        return moved

    Submitter.submit_rest, Reaper.move = submit_rest, move  # type: ignore[method-assign]
    record = PostgresJournal.record

    async def recorded(self: PostgresJournal, claim: Any, entry: Any) -> Any:
        found = await record(self, claim, entry)
        at("in_record")
        return found

    PostgresJournal.record = recorded  # type: ignore[method-assign]


async def main() -> None:
    global POINT, COUNT  # noqa: PLW0603
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--point", default="")
    parser.add_argument("--executor", default="dbos")
    parser.add_argument("--pause", type=float, default=0.01)
    parser.add_argument("--spin", type=float, default=0.0, help="milliseconds of CPU in each body")
    parser.add_argument("--direct", type=int, default=16)
    options = parser.parse_args()
    POINT, _, count = options.point.partition(":")
    COUNT = int(count or 1)
    STATE["pause"] = options.pause
    STATE["spin"] = options.spin / 1000
    arm()
    settings = e.EngineSettings(executor=options.executor, direct=options.direct)
    async with open_database(StorageSettings(database_url=options.url, migrate=False)) as database:
        STATE["database"] = database
        async with e.open_engine(database, settings, catalog=catalog()) as engine:
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            print(json.dumps({"owner": engine.owner, "pid": os.getpid()}), flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
