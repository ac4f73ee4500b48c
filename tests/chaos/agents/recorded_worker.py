"""A process that runs a reading agent through the recorded gateway, until it is killed.

Run by the chaos tests. The outside is a file: each line is one page.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from pilothouse.agents import AgentBudget, Agents, AgentSpec, ReadTool, Returns
from pilothouse.decisions import Inbox
from pilothouse.effects import Door
from pilothouse.engine import Catalog, EngineSettings, open_engine
from pilothouse.labels import Integrity
from pilothouse.models import Abilities, Gateway, OpenAIBackend, PostgresKeeper, Provider, Route
from pilothouse.storage import StorageSettings, open_database
from pilothouse.workflows import Resources, bind, run_agent, workflow

CATALOG = Catalog()
CALLS = 24
QUICK = EngineSettings(executor="direct", sweep_s=0.2, beat_s=0.2, lease_s=1.5)
ABLE = Abilities(json_schema=True, native_tools=True)
SPEC = AgentSpec(
    name="reader", instructions="Read the manual.", tools=("page",), rights=frozenset({"*"}),
    budget=AgentBudget(calls=CALLS, tool_calls=CALLS),
)  # fmt: skip


@workflow(catalog=CATALOG)
async def study() -> dict[str, Any]:
    """Let the agent read all of it."""
    found = await run_agent("reader", "Read all of it.")
    return {"value": found.value, "calls": found.use.calls}


def words(n: int) -> str:
    """Return what stands on a page."""
    return f"page {n}: " + " ".join(f"berth-{n * 1000 + place}" for place in range(20))


async def main(url: str, model: str, folder: str) -> None:
    """Run until killed."""

    def page(n: int) -> str:
        """Reads a page of the manual."""
        with (Path(folder) / "outside").open("a") as file:
            file.write(f"{n}\n")
            file.flush()
            os.fsync(file.fileno())
        return words(n)

    tool = ReadTool(name="page", read=page, returns=Returns(integrity=Integrity.APPROVED, readers=()))
    provider = Provider(name="one", model="scripted", url=model, abilities=ABLE, timeout=30.0)
    async with open_database(StorageSettings(database_url=url)) as database:
        inbox = Inbox(database)
        door = Door(database, inbox)
        keeper = PostgresKeeper(database)
        gateway = Gateway([OpenAIBackend(provider)], [Route(task="plan", use=("one",))], keeper=keeper)
        agents = Agents(model=gateway, door=door, tools=(tool,), inbox=inbox)
        agents.shelf.add(SPEC)

        def ready(engine: Any) -> None:
            bind(Resources(engine=engine, inbox=inbox, door=door, agents=agents))

        async with open_engine(database, QUICK, catalog=CATALOG, ready=ready):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
