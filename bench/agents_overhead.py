"""CPU of a model + tool turn: an agent of ours, recorded and not, beside bare pydantic-ai on the same script.

    python bench/agents_overhead.py [--turns 20] [--runs 30] [--json]

Three rounds, alternating; the same answers, the same tool. Ours labels every part, counts the budget, writes
spans and, recorded, one entry in PostgreSQL for every call and every tool.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from typing import Any


async def peer(turns: int, runs: int) -> float:
    """Milliseconds of CPU a turn, bare."""
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel
    from pydantic_ai.usage import UsageLimits

    def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        place = len(messages) // 2
        if place == turns - 1:
            return ModelResponse(parts=[TextPart("done")])
        return ModelResponse(parts=[ToolCallPart("page", {"n": place}, tool_call_id=f"c{place}")])

    agent = Agent(FunctionModel(script), instructions="Read the manual.")

    @agent.tool_plain
    def page(n: int) -> str:
        """Reads a page."""
        return f"page {n}"

    await agent.run("Read all.", usage_limits=UsageLimits(request_limit=None))
    began = time.process_time()
    for _ in range(runs):
        await agent.run("Read all.", usage_limits=UsageLimits(request_limit=None))
    return (time.process_time() - began) / runs / turns * 1000


async def ours(url: str, turns: int, runs: int) -> tuple[float, float]:
    """Milliseconds of CPU a turn: not recorded, and recorded."""
    from pilothouse.agents import AgentBudget, Agents, AgentSpec, ReadTool, Returns
    from pilothouse.agents.testing.scripted import ScriptedModel, says
    from pilothouse.decisions import Inbox
    from pilothouse.effects import Door
    from pilothouse.engine import Catalog, EngineSettings, open_engine
    from pilothouse.kernel import Principal
    from pilothouse.labels import Integrity
    from pilothouse.storage import StorageSettings, open_database
    from pilothouse.workflows import Resources, bind, configured, run_agent, workflow

    def page(n: int) -> str:
        """Reads a page."""
        return f"page {n}"

    def script(request: Any) -> Any:
        place = sum(1 for message in request.messages if message.role == "tool")
        return "done" if place == turns - 1 else says(("page", {"n": place}))

    ann = Principal(id="ann", rights=frozenset({"*"}))
    tool = ReadTool(name="page", read=page, returns=Returns(integrity=Integrity.APPROVED, readers=()))
    spec = AgentSpec(
        name="reader", instructions="Read the manual.", tools=("page",), rights=frozenset({"*"}),
        budget=AgentBudget(calls=turns, tool_calls=turns, tokens=10**9),
    )  # fmt: skip
    catalog = Catalog()

    @workflow(catalog=catalog)
    async def study(n: int) -> str:
        return str((await run_agent("reader", "Read all.")).value)

    async with open_database(StorageSettings(database_url=url)) as database:
        inbox = Inbox(database)
        door = Door(database, inbox)
        agents = Agents(model=ScriptedModel(script), door=door, tools=(tool,), inbox=inbox)
        agents.shelf.add(spec)
        await agents.run(spec, "Read all.", principal=ann)
        began = time.process_time()
        for _ in range(runs):
            await agents.run(spec, "Read all.", principal=ann)
        plain = (time.process_time() - began) / runs / turns * 1000
        async with open_engine(database, EngineSettings(executor="direct"), catalog=catalog) as engine:
            bind(Resources(engine=engine, inbox=inbox, door=door, agents=agents))
            label = configured("bench", "1")

            async def one(n: int) -> None:
                key = f"{time.monotonic_ns()}-{n}"
                run = await engine.start("study", {"n": n}, key=key, principal=ann, label=label)
                assert await engine.result(run.id) == "done"

            await one(0)
            began = time.process_time()
            for n in range(runs):
                await one(n)
            return plain, (time.process_time() - began) / runs / turns * 1000


def main() -> None:
    """Print ours, the peer's and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    from pilothouse.storage.testing import fresh_url, shared_server

    bare: list[float] = []
    plain: list[float] = []
    recorded: list[float] = []
    with shared_server() as server, fresh_url(server) as url:
        for _ in range(3):
            bare.append(asyncio.run(peer(given.turns, given.runs)))
            mine, kept = asyncio.run(ours(url, given.turns, given.runs))
            plain.append(mine)
            recorded.append(kept)
    low = statistics.median(bare)
    found = {
        "peer_ms": round(low, 3), "ours_ms": round(statistics.median(plain), 3),
        "recorded_ms": round(statistics.median(recorded), 3),
        "ratio": round(statistics.median(plain) / low, 2),
        "recorded_ratio": round(statistics.median(recorded) / low, 2),
    }  # fmt: skip
    if given.json:
        print(json.dumps(found))
        return
    print(f"bare pydantic-ai     {found['peer_ms']:.2f} ms CPU a turn (model call + tool)")
    print(f"ours, not recorded   {found['ours_ms']:.2f} ms  x {found['ratio']}")
    print(f"ours, durable        {found['recorded_ms']:.2f} ms  x {found['recorded_ratio']} (client side)")


if __name__ == "__main__":
    main()
