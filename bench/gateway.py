"""What a gateway call costs over the bare HTTP call: same scripted server, same run; CPU and first piece.

Run: python bench/gateway.py [calls]

The server is a process of its own. Bare is one POST of the same body with httpx, kept alive; the SDK alone is
shown beside it. The gateway records, reserves a budget of two scopes and has its breaker on. CPU is that of
this process; what PostgreSQL used is printed beside it. Then one conversation of 200k tokens in 1,000 calls:
what its bodies and its chain store, against its unique bytes.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import psutil

from pilothouse.labels import unknown
from pilothouse.models import (
    BudgetRule,
    Budgets,
    ChatRequest,
    Delta,
    Gateway,
    Limits,
    Message,
    OpenAIBackend,
    Part,
    PostgresKeeper,
    Provider,
    Route,
)
from pilothouse.models.keeping.bodies import unpacked
from pilothouse.models.testing import Reply, asking, scripted_server
from pilothouse.storage import Database
from pilothouse.storage.testing import fresh_database, shared_server

WORDS = "The vessel is expected on Tuesday morning. " * 4


def serve(pipe: Any) -> None:
    async def run() -> None:
        async with scripted_server(lambda asked: Reply(text=WORDS)) as server:
            pipe.send(server.url)
            await asyncio.to_thread(pipe.recv)

    asyncio.run(run())


async def measured(name: str, calls: int, call: Callable[[int], Awaitable[float]]) -> tuple[float, float]:
    """Return CPU ms a call, best of three rounds, and the median of what ``call`` returns, in ms."""
    await call(-1)
    rounds: list[float] = []
    firsts: list[float] = []
    for number in range(3):
        began = time.process_time()
        for n in range(calls):
            firsts.append(await call(number * calls + n))
        rounds.append((time.process_time() - began) / calls * 1000)
    print(f"{name:42} {min(rounds):7.2f} ms CPU   {statistics.median(firsts) * 1000:7.2f} ms")
    return min(rounds), statistics.median(firsts) * 1000


async def whole(url: str, database: Database, calls: int) -> None:
    provider = Provider(name="one", model="scripted", url=url)
    rules = (
        BudgetRule(scope="principal", unit="tokens", most=Decimal(10**9), per="day"),
        BudgetRule(scope="project", unit="money", most=Decimal(10**6)),
    )
    keeper = PostgresKeeper(database, budgets=Budgets(database, rules))
    gateway = Gateway([OpenAIBackend(provider)], [Route(task="chat", use=("one",))], keeper=keeper)
    alone = Gateway([OpenAIBackend(provider)], [Route(task="chat", use=("one",))])
    async with httpx.AsyncClient(trust_env=False) as client:
        bare = lambda n: _bare(client, url, n)  # noqa: E731
        pieces = lambda n: _bare_stream(client, url, n)  # noqa: E731
        print("\nwhole answers (right: the whole call)")
        base = await measured("bare POST", calls, bare)
        await measured("gateway, nothing kept", calls, lambda n: _chat(alone, n))
        ours = await measured("gateway, recorded, 2 budgets, breaker", calls, lambda n: _chat(gateway, n))
        print(f"{'over the bare call':42} {ours[0] - base[0]:7.2f} ms CPU   {ours[1] - base[1]:7.2f} ms")
        print("\nstreams (right: until the first piece)")
        base = await measured("bare stream", calls, pieces)
        await measured("gateway, nothing kept", calls, lambda n: _stream(alone, n))
        ours = await measured("gateway, recorded, 2 budgets, breaker", calls, lambda n: _stream(gateway, n))
        print(f"{'over the bare call':42} {ours[0] - base[0]:7.2f} ms CPU   {ours[1] - base[1]:7.2f} ms")
    await gateway.close()
    await alone.close()


def _body(n: int, *, stream: bool) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Hello {n}"}]
    return {"model": "scripted", "messages": messages, "max_tokens": 256, "temperature": 0, "stream": stream}


async def _bare(client: httpx.AsyncClient, url: str, n: int) -> float:
    since = time.perf_counter()
    answer = await client.post(f"{url}/chat/completions", json=_body(n, stream=False))
    assert answer.json()["choices"][0]["message"]["content"] == WORDS
    return time.perf_counter() - since


async def _bare_stream(client: httpx.AsyncClient, url: str, n: int) -> float:
    since, first, text = time.perf_counter(), 0.0, ""
    async with client.stream("POST", f"{url}/chat/completions", json=_body(n, stream=True)) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                first = first or time.perf_counter() - since
                choices = json.loads(line[6:])["choices"]
                text += choices[0]["delta"].get("content", "") if choices else ""
    assert text == WORDS
    return first


def _request(n: int) -> ChatRequest:
    return asking(f"Hello {n}", run=f"run-{n}", limits=Limits(output_tokens=256))


async def _chat(gateway: Gateway, n: int) -> float:
    since = time.perf_counter()
    assert (await gateway.chat(_request(n))).text == WORDS
    return time.perf_counter() - since


async def _stream(gateway: Gateway, n: int) -> float:
    since, first = time.perf_counter(), 0.0
    async for event in gateway.stream(_request(n)):
        if isinstance(event, Delta):
            first = first or time.perf_counter() - since
    return first


async def conversation(database: Database, calls: int = 1000, tokens: int = 200_000) -> None:
    """One conversation that grows to ``tokens``: each call sends all of it again."""
    label, words = unknown("clerk"), tokens * 4 // calls // 2
    fill = "abcdefgh " * (words // 9 + 1)
    async with scripted_server(
        lambda asked: Reply(text=f"{len(asked['messages']):06}" + fill[: words - 6])
    ) as server:
        provider = Provider(name="one", model="scripted", url=server.url)
        gateway = Gateway(
            [OpenAIBackend(provider)], [Route(task="chat", use=("one",))], keeper=PostgresKeeper(database)
        )
        await database.execute("truncate models_call, models_body, models_thread")
        began = time.process_time()
        messages: tuple[Message, ...] = ()
        base = asking()
        for n in range(calls):
            said = Part(text=f"{n:06}" + fill[: words - 6], label=label)
            messages = (*messages, Message(role="user", parts=(said,)))
            answer = await gateway.chat(replace(base, messages=messages))
            server.requests.clear()
            messages = (*messages, Message(role="assistant", parts=(Part(text=answer.text, label=label),)))
        cpu = time.process_time() - began
        await gateway.close()
    unique = sum(len(part.text.encode()) for one in messages for part in one.parts)
    # As said: words that repeat like these would be next to nothing compressed.
    rows = await database.fetch_all("select body from models_body")
    bodies = sum(len(unpacked(bytes(row["body"]))) for row in rows)
    chain = int(
        await database.fetch_value(
            "select sum(length(hash) + coalesce(length(prev), 0) + length(bodies) + length(labels))"
            " from models_thread"
        )
    )
    sizes = await database.fetch_all(
        "select relname, pg_total_relation_size(oid) as size from pg_class"
        " where relname in ('models_call', 'models_body', 'models_thread') order by relname"
    )
    print(
        f"\n{calls} calls over one conversation of {unique:,} unique bytes: "
        f"{cpu / calls * 1000:.1f} ms CPU a call"
    )
    print("  (the scripted server reads 0.4 MB a call on average in the same process)")
    print(
        f"  bodies {bodies:,} + chain {chain:,} bytes = {(bodies + chain) / unique:.3f} of the unique bytes"
    )
    print(
        "  on disk, with rows, keys and indexes: " + ", ".join(f"{r['relname']} {r['size']:,}" for r in sizes)
    )


async def main(calls: int) -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    url = await asyncio.to_thread(ours.recv)
    print(
        f"load {psutil.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores, {calls} calls, "
        "best of three rounds"
    )
    with shared_server() as server:
        async with fresh_database(server) as database:
            await whole(url, database, calls)
            await conversation(database)
    ours.send("stop")
    process.join(5)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
