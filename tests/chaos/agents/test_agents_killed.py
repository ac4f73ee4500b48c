"""kill -9 in the middle of a model call, inside a tool, at an effect and while a person is awaited."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from agents_worker import CATALOG, SPEC

from pilothouse.decisions import Inbox
from pilothouse.engine import open_engine
from pilothouse.engine.testing import eventually
from pilothouse.kernel import Principal
from pilothouse.models.testing import Reply, scripted_server
from pilothouse.workflows import EngineResumer, configured

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(170)]
SCRIPT = Path(__file__).with_name("agents_worker.py")
ANN = Principal(id="ann", rights=frozenset({"*"}))
CLERK = Principal(id="clerk.amira", rights=frozenset({"*"}), groups=frozenset({"desk"}))
PLAN = {
    "steps": [
        {"name": "it", "tool": "letter", "args": {"id": "7"}},
        {
            "name": "kept",
            "tool": "note",
            "args": {"title": {"$find": {"of": {"$from": "it"}, "kind": "date"}}},
        },
    ]
}


class Script:
    """Plans, then looks once more, then is done; hangs for ever where it is told to."""

    def __init__(self, hang: int = -1) -> None:
        self.hang = hang
        self.asked: list[int] = []

    def __call__(self, body: dict[str, Any]) -> Reply:
        answers = sum(1 for one in body["messages"] if one["role"] == "tool")
        self.asked.append(answers)
        if answers == self.hang:
            self.hang = -1
            return Reply(fault="hang")
        if answers == 0:
            return Reply(tools=[("plan", {"steps": json.dumps(PLAN["steps"])})])
        if answers == 1:
            return Reply(tools=[("letter", {"id": "8"})])
        return Reply(text="kept")


class Worker:
    """One process; killed for sure at the end of the test."""

    def __init__(self, url: str, model: str, folder: Path, die: str = "") -> None:
        known = {k: v for k, v in os.environ.items() if not k.startswith("PILOTHOUSE_")}
        order = [sys.executable, str(SCRIPT), url, model, str(folder), die]
        self.process = subprocess.Popen(order, stdout=subprocess.PIPE, env=known)

    async def ready(self) -> Worker:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), 60)
        json.loads(line)
        return self

    async def gone(self) -> int:
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), 60)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def spawn(database_url, tmp_path):
    workers: list[Worker] = []

    def spawned(model: str, die: str = "") -> Worker:
        workers.append(Worker(database_url, model, tmp_path, die))
        return workers[-1]

    yield spawned
    for worker in workers:
        worker.close()


async def question(inbox: Inbox):
    async def look():
        page = await inbox.list(CLERK)
        return page.items or None

    return (await eventually(look, within=60))[0]


def outside(folder: Path) -> list[str]:
    path = folder / "outside"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize(
    ("point", "hang", "die"),
    [("first model call", 0, ""), ("later model call", 2, ""), ("while waiting", -1, ""),
     ("inside a tool", -1, "letter"), ("inside an effect", -1, "note")],
)  # fmt: skip
async def test_a_killed_agent_goes_on_and_pays_for_no_answer_twice(
    database, spawn, tmp_path, point: str, hang: int, die: str
) -> None:
    script = Script(hang)
    inbox = Inbox(database)
    async with (
        scripted_server(script) as server,
        open_engine(database, work=False, catalog=CATALOG) as client,
    ):
        label = configured("the test", "1")
        inbox.bind(resumer=EngineResumer(client))
        worker = await spawn(server.url, die).ready()
        run = await client.start(
            "keep", {"words": "Note the day of letter 7."}, key="1", principal=ANN, label=label
        )
        if hang == 0:
            await eventually(lambda: _said(script, 1), within=60)
            worker.kill()
        elif die == "letter":
            assert await worker.gone() == -signal.SIGKILL
        if hang == 0 or die == "letter":
            worker = await spawn(server.url).ready()
        item = await question(inbox)
        if point == "while waiting":
            worker.kill()
        await inbox.approve(item.id, CLERK)
        if point == "while waiting":
            worker = await spawn(server.url).ready()
        if die == "note":
            assert await worker.gone() == -signal.SIGKILL
            await spawn(server.url).ready()
        if hang == 2:
            await eventually(lambda: _said(script, 3), within=60)
            worker.kill()
            await spawn(server.url).ready()
        found = await client.result(run.id, within=90)
        entries = [entry async for entry in client.history(run.id)]
    assert found == {"value": "kept", "calls": 3}
    again = 1 if hang >= 0 else 0
    assert len(script.asked) == 3 + again, "a call that was answered is never made again"
    happened = outside(tmp_path)
    notes = [line for line in happened if line.startswith("note")]
    assert {line.split(" ")[1] for line in notes} == {"2025-12-05"}
    # The receiver gets the same effect id again, which is how it knows that this is the same effect.
    assert len({line.split(" ")[2] for line in notes}) == 1 and len(notes) <= (2 if die == "note" else 1)
    assert sum(line == "letter 7" for line in happened) == (2 if die == "letter" else 1)
    assert len({entry.key for entry in entries}) == len(entries)
    assert [entry.name for entry in entries if entry.kind == "scope"] == [f"agent {SPEC.name}"]


async def _said(script: Script, count: int) -> bool:
    return len(script.asked) >= count


BOOKING = [
    {"name": "jobs", "tool": "haulier_list_jobs", "args": {"container": "ABCU1"}},
    {"name": "booked", "tool": "haulier_book_truck", "args": {"container": {"$from": "jobs.0.container"}}},
]


async def test_an_agent_with_an_mcp_server_is_killed_inside_a_tool_and_while_it_waits(
    database, spawn, tmp_path
) -> None:
    """The engine's case of an agent: MCP, an approval, a kill inside a tool and while waiting."""

    def script(body: dict[str, Any]) -> Reply:
        heard = any(one["role"] == "tool" for one in body["messages"])
        return Reply(text="booked") if heard else Reply(tools=[("plan", {"steps": json.dumps(BOOKING)})])

    inbox = Inbox(database)
    async with (
        scripted_server(script) as server,
        open_engine(database, work=False, catalog=CATALOG) as client,
    ):
        inbox.bind(resumer=EngineResumer(client))
        worker = await spawn(server.url, "mcp").ready()
        run = await client.start(
            "dispatch", {"words": "Book a truck."}, key="1", principal=ANN, label=configured("the test", "1")
        )
        assert await worker.gone() == -signal.SIGKILL
        worker = await spawn(server.url).ready()
        item = await question(inbox)
        worker.kill()
        assert not (tmp_path / "booked").exists()
        # Two clicks are one answer.
        await inbox.approve(item.id, CLERK)
        await inbox.approve(item.id, CLERK)
        await spawn(server.url).ready()
        found = await client.result(run.id, within=90)
    assert "booked: done" in server.requests[-1]["messages"][-1]["content"]
    assert found == {"value": "booked", "calls": 2}
    assert len(server.requests) == 2
    assert len((tmp_path / "booked").read_text().split()) == 1
    assert outside(tmp_path) == ["mcp read", "mcp read"]
