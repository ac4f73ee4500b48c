"""What the door costs: the sink rule, the whole verdict, and one effect from call to stored outcome.

Run: python bench/door.py

CPU time. *Bare* is what a program without a door would do at the same place: a dict of set look-ups for the
rule, and for an effect one transaction that stores a row before and one that stores the result after, as
anybody does who wants to know what was sent. Exit code 1 if a target is missed.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pilothouse.decisions import Inbox, Rung
from pilothouse.effects import Door, EffectCall, EffectRequest, EffectSpec, Recipient, weigh
from pilothouse.kernel import Principal, canonical, new_id
from pilothouse.labels import Integrity, Label, join, signed, typed
from pilothouse.policy import judge
from pilothouse.storage import Database, StorageSettings, open_database

ROUNDS, TIMES, EFFECTS = 7, 20_000, 200
FLOW = Principal(id="flow", kind="service", rights=frozenset({"effects:*"}))
SEND = EffectSpec(
    tool="send", effect="egress", tier=2, steering=("to", "cc"), accepts=Integrity.RECORD,
    audience=Recipient(arg="to"),
)  # fmt: skip
TAG = EffectSpec(tool="tag", effect="write", tier=1, steering=("on",), accepts=Integrity.RECORD)
missed: list[str] = []


def fields(count: int) -> dict[str, Label]:
    return {name: typed("clerk", f"r{n}") for n, name in enumerate(("to", "cc", "subject", "text")[:count])}


def cost(work: Callable[[], object]) -> float:
    """Return CPU seconds of one call, the median of the rounds."""
    found: list[float] = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(TIMES):
            work()
        found.append((time.process_time() - before) / TIMES)
    return statistics.median(found)


def line(name: str, ours: float, bare: float, *, target: float | None = None, unit: str = "µs") -> None:
    scale = {"µs": 1e6, "ms": 1e3}[unit]
    goal = f"  target {target:g} {unit}" if target is not None else ""
    if target is not None and ours * scale > target:
        missed.append(name)
        goal += "  MISSED"
    print(
        f"{name:42} {ours * scale:8.2f} {unit}   bare {bare * scale:8.2f} {unit}   {ours / bare:5.1f}x{goal}"
    )


def rule() -> None:
    """Measure the pure part: for an allowed call and one that asks."""
    labels, pc = fields(4), signed("flow", "1")
    readers = frozenset(f"acl:{n}" for n in range(20))
    secret = {
        name: Label(readers=readers, integrity=label.integrity, origin=label.origin)
        for name, label in labels.items()
    }
    low = {
        **labels,
        "to": join(labels["to"], Label(readers=frozenset(), integrity=Integrity.UNTRUSTED, origin=pc.origin)),
    }
    known = {name: label.integrity for name, label in labels.items()}
    sink, reached = SEND.sink, set(readers)
    bare = cost(lambda: all(known[name] >= Integrity.RECORD for name in known))
    call = EffectRequest(
        tool="send",
        args=dict.fromkeys(labels, "x"),
        effect_id="e",
        principal=FLOW,
        labels=labels,
        pc=pc,
        may_ask=True,
    )
    line(
        "sink rule, 4 arguments, allowed",
        cost(lambda: judge(sink, labels, pc, reached=reached, may_ask=True)),
        bare,
        target=1.0,
    )
    line(
        "sink rule, 4 arguments, 20 ACL ids each",
        cost(lambda: judge(sink, secret, pc, reached=reached, may_ask=True)),
        bare,
    )
    line(
        "sink rule, 4 arguments, asks",
        cost(lambda: judge(sink, low, pc, reached=reached, may_ask=True)),
        bare,
    )
    line(
        "verdict: certificate, rule, rung",
        cost(lambda: weigh(SEND, call, reached=reached, rung=Rung.APPROVE)),
        bare,
    )


async def each(work: Callable[[int], Awaitable[object]]) -> float:
    """Return CPU seconds of one effect, the median of the rounds."""
    found: list[float] = []
    for start in range(0, ROUNDS * EFFECTS, EFFECTS):
        before = time.process_time()
        for n in range(start, start + EFFECTS):
            await work(n)
        found.append((time.process_time() - before) / EFFECTS)
    return statistics.median(found)


async def effects(database: Database) -> None:
    """Measure one effect through the door against two plain transactions."""

    async def sent(call: EffectCall) -> str:
        return "ok"

    door = Door(database, Inbox(database))
    door.register(TAG, sent)
    label = signed("flow", "1")

    async def through(n: int) -> None:
        await door.perform(
            EffectRequest(
                tool="tag", args={"on": f"B{n}"}, effect_id=f"bench:{n}", principal=FLOW,
                labels={"on": label}, pc=label, may_ask=True,
            )
        )  # fmt: skip

    async def again(n: int) -> None:
        await through(0)

    await database.execute("create table bench_sent (id uuid primary key, body json, result text)")

    async def plain(n: int) -> None:
        id = new_id()
        async with database.transaction() as tx:
            await tx.execute(
                "insert into bench_sent (id, body) values (%(id)s, %(body)s::json)",
                {"id": id, "body": canonical({"on": f"B{n}"}).decode()},
            )
        async with database.transaction() as tx:
            await tx.execute("update bench_sent set result = 'ok' where id = %(id)s", {"id": id})

    bare = await each(plain)
    line("one effect, call to stored outcome", await each(through), bare, unit="ms")
    line("the same effect id again", await each(again), bare, unit="ms")


async def main() -> None:
    rule()
    settings = StorageSettings(data_dir=Path(tempfile.mkdtemp(prefix="pilothouse-bench-")) / "data")
    async with open_database(settings) as database:
        await effects(database)
    if missed:
        print(f"missed: {', '.join(missed)}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    asyncio.run(main())
