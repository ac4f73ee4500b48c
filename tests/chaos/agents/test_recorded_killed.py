"""kill -9 during a conversation that the gateway records: nothing is asked twice that was answered."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recorded_worker import CALLS, CATALOG, words

from pilothouse.engine import open_engine
from pilothouse.engine.testing import eventually
from pilothouse.kernel import Principal
from pilothouse.models import Records
from pilothouse.models.testing import Reply, scripted_server
from pilothouse.workflows import configured

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(170)]
SCRIPT = Path(__file__).with_name("recorded_worker.py")
ANN = Principal(id="ann", rights=frozenset({"*"}))
KILLS = (3, 11, 19)


def spawned(url: str, model: str, folder: Path) -> subprocess.Popen[bytes]:
    known = {k: v for k, v in os.environ.items() if not k.startswith("PILOTHOUSE_")}
    return subprocess.Popen([sys.executable, str(SCRIPT), url, model, str(folder)], env=known)


async def test_a_recorded_conversation_survives_three_kills_and_is_stored_once(
    database, database_url: str, tmp_path: Path
) -> None:
    asked: list[int] = []

    def script(body: dict[str, Any]) -> Reply:
        place = sum(1 for one in body["messages"] if one["role"] == "tool")
        asked.append(place)
        # Slow enough to be killed in the middle of it.
        if place == CALLS - 1:
            return Reply(text="read", delay=0.05)
        return Reply(tools=[("page", {"n": place})], delay=0.05)

    async with (
        scripted_server(script) as server,
        open_engine(database, work=False, catalog=CATALOG) as client,
    ):
        run = await client.start("study", {}, key="1", principal=ANN, label=configured("the test", "1"))
        for place in KILLS:
            worker = spawned(database_url, server.url, tmp_path)
            try:

                async def reached(place: int = place) -> bool:
                    return place in asked

                await eventually(reached, within=60)
            finally:
                worker.send_signal(signal.SIGKILL)
                worker.wait()
        worker = spawned(database_url, server.url, tmp_path)
        try:
            found = await client.result(run.id, within=90)
        finally:
            worker.kill()
            worker.wait()
        entries = [entry async for entry in client.history(run.id)]
        conversation = server.requests[-1]["messages"]
    assert found == {"value": "read", "calls": CALLS}
    models = [entry for entry in entries if entry.kind == "model"]
    assert len(models) == CALLS and len({entry.key for entry in entries}) == len(entries)
    assert sorted(set(asked)) == list(range(CALLS))
    assert len(asked) <= CALLS + len(KILLS), "only what a kill cut is asked again"
    pages = (tmp_path / "outside").read_text().split()
    assert sorted(set(map(int, pages))) == list(range(CALLS - 1))
    assert len(pages) <= CALLS - 1 + len(KILLS)
    assert all(entry.label for entry in models)
    await _kept(database, conversation, entries)


async def _kept(database: Any, conversation: list[dict[str, Any]], entries: list[Any]) -> None:
    """The record holds the conversation as it was sent, each message once."""
    last = await database.fetch_value(
        "select id from models_call where outcome = 'ok' order by at desc limit 1"
    )
    kept = await Records(database).conversation(last, ANN)
    assert len(kept) == len(conversation) + 1
    said = ["\n\n".join(part.text for part in one.parts) for one in kept[:-1] if one.role == "tool"]
    assert said == [one["content"] for one in conversation if one["role"] == "tool"]
    assert all(words(place) in text for place, text in enumerate(said))
    bodies = await database.fetch_value("select count(*) from models_body where length(hash) = 32")
    assert bodies == len(kept), "each message is stored once, however often it was sent"
    # A label says where all came from: stored with one leaf in the place of many, it does not grow.
    labels = await database.fetch_value("select max(length(body)) from models_body where length(hash) = 16")
    assert labels < 600
    newest = [entry.label for entry in entries if entry.kind == "model"][-1]
    assert newest is not None and len(newest) < 600
