"""Fail-over and budgets under kills: nothing lost, nothing answered twice, nothing over a limit.

Run: python bench/gateway_failover.py [calls] [writers]

First two scripted servers, each a process of its own: again and again one of them is killed with SIGKILL at a
random moment and started anew, while calls go through one gateway. Then processes of writers share two
budgets in one database; they are killed too, and after the leases nothing is reserved.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import sys
import time
from decimal import Decimal
from typing import Any

from pilothouse.kernel import PilothouseError
from pilothouse.models import (
    BudgetRule,
    Budgets,
    Gateway,
    Limits,
    ModelsSettings,
    OpenAIBackend,
    PostgresKeeper,
    Provider,
    Route,
)
from pilothouse.models.testing import Reply, ScriptedServer, asking, scripted_server
from pilothouse.storage.testing import cloned_database, fresh_url, shared_server

SPAWN = multiprocessing.get_context("spawn")
LOT = random.Random(11)
RULES = (
    BudgetRule(scope="project", unit="tokens", most=Decimal(12_000)),
    BudgetRule(scope="caller", unit="tokens", most=Decimal(5_000)),
)


def serve(pipe: Any, port: int, name: str) -> None:
    async def run() -> None:
        server = ScriptedServer(
            model="scripted", script=lambda asked: Reply(text=name, delay=0.002), port=port
        )
        await server.start()
        pipe.send(server.port)
        await asyncio.sleep(3600)

    asyncio.run(run())


class Server:
    """A scripted server in a process that can be killed."""

    def __init__(self, name: str) -> None:
        self.name, self.port, self.process = name, 0, None

    async def start(self) -> None:
        ours, theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(target=serve, args=(theirs, self.port, self.name), daemon=True)
        self.process.start()
        self.port = await asyncio.to_thread(ours.recv)

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


async def failing_over(calls: int) -> bool:
    servers = {"one": Server("one"), "two": Server("two")}
    for server in servers.values():
        await server.start()
    providers = [
        Provider(name=name, model="scripted", url=f"http://127.0.0.1:{server.port}/v1")
        for name, server in servers.items()
    ]
    gateway = Gateway([OpenAIBackend(one) for one in providers], [Route(task="chat", use=("one", "two"))])
    dead, since, down, tried = "", 0.0, 0.0, 0
    answers: dict[str, str] = {}
    lost = 0
    counting = _count_sends(gateway)
    began = time.monotonic()
    for n in range(calls):
        if n % 50 == 25:
            dead = LOT.choice(["one", "two"])
            await asyncio.to_thread(servers[dead].kill)
            since, before = time.monotonic(), counting[dead]
        if n % 50 == 49 and dead:
            down += time.monotonic() - since
            tried += counting[dead] - before
            await servers[dead].start()
            dead = ""
        try:
            answer = await gateway.chat(asking(f"call {n}", limits=Limits(seconds=30)))
            answers[f"call {n}"] = answer.text
        except PilothouseError as error:
            print(f"call {n}: {error}")
            lost += 1
    took = time.monotonic() - began
    await gateway.close()
    for server in servers.values():
        server.kill()
    kills = calls // 50
    per_minute = tried / max(down, 1e-9) * 60
    print(f"{calls} calls in {took:.1f} s, a server killed {kills} times: {lost} lost, "
          f"{len(answers)} answered once each")  # fmt: skip
    print(f"  calls to a dead server: {tried} in {down:.1f} s of its death, {tried / kills:.1f} a death")
    print(f"  (each death is short here, so the breaker's first tries weigh: {per_minute:.0f} a minute)")
    return lost == 0 and len(answers) == calls


def _count_sends(gateway: Gateway) -> dict[str, int]:
    """Count what is really sent to each."""
    counts = {"one": 0, "two": 0}
    for name in counts:
        backend: Any = gateway.backend(name)
        send = backend.send

        def counted(*args: Any, send: Any = send, name: str = name, **more: Any) -> Any:
            counts[name] += 1
            return send(*args, **more)

        backend.send = counted
    return counts


def write(url: str, server: str, number: int, writers: int) -> None:
    async def run() -> None:
        async with cloned_database(url) as database:
            settings = ModelsSettings(lease_grace=0.5)
            keeper = PostgresKeeper(database, budgets=Budgets(database, RULES), settings=settings)
            provider = Provider(name="one", model="scripted", url=server)
            gateway = Gateway([OpenAIBackend(provider)], [Route(task="chat", use=("one",))], keeper=keeper)

            async def one(n: int) -> None:
                limits = Limits(output_tokens=300, seconds=3)
                for m in range(1000):
                    request = asking(f"{number} {n} {m}", caller=f"agent@{n % 5}", limits=limits)
                    with contextlib.suppress(PilothouseError):
                        await gateway.chat(request)
                    await asyncio.sleep(0.01)

            await asyncio.gather(*(one(n) for n in range(writers)))

    asyncio.run(run())


async def budgets(writers: int) -> bool:
    processes = 5
    with shared_server() as cluster, fresh_url(cluster) as url:
        async with (
            scripted_server(lambda _: Reply(text="fine", delay=LOT.uniform(0, 0.2))) as server,
            cloned_database(url) as database,
        ):
            settings = ModelsSettings(lease_grace=0.5)
            limits = Budgets(database, RULES)
            keeper = PostgresKeeper(database, budgets=limits, settings=settings)
            arguments = (url, server.url)
            live = [_writer(*arguments, n, writers // processes) for n in range(processes)]
            over = looks = kills = 0
            until = time.monotonic() + 30
            while time.monotonic() < until:
                await asyncio.sleep(0.05)
                for state in await limits.states():
                    looks += 1
                    over += state.reserved + state.used > state.most
                if LOT.random() < 0.02:
                    victim = LOT.randrange(processes)
                    os.kill(live[victim].pid, signal.SIGKILL)
                    await asyncio.to_thread(live[victim].join)
                    kills += 1
                    live[victim] = _writer(*arguments, 100 + kills, writers // processes)
            for process in live:
                process.kill()
                process.join()
            await asyncio.sleep(4.0)
            await keeper.sweep()
            states = await limits.states()
            open_calls = await database.fetch_value("select count(*) from models_call where outcome = 'open'")
            lost = await database.fetch_value("select count(*) from models_call where outcome = 'lost'")
            leaked = sum(state.reserved for state in states)
            served = len(server.requests)
    print(f"{writers} writers in {processes} processes, {kills + processes} SIGKILLs, {served} calls served:")
    print(f"  {over} of {looks} looks over a limit; after the leases {leaked} reserved")
    print(f"  {open_calls} calls open, {lost} settled as lost")
    for state in states[:3]:
        print(f"  {state.scope} {state.name}: {state.used} of {state.most} used, {state.lost} of it lost")
    return over == 0 and leaked == 0 and open_calls == 0


def _writer(url: str, server: str, number: int, writers: int) -> Any:
    process = SPAWN.Process(target=write, args=(url, server, number, writers), daemon=True)
    process.start()
    return process


async def main(calls: int, writers: int) -> int:
    fine = await failing_over(calls)
    fine = await budgets(writers) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:]]
    raise SystemExit(asyncio.run(main(*(numbers + [1000, 50][len(numbers) :]))))
