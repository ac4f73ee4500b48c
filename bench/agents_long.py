"""1,000 model calls over a conversation of 200,000 tokens, killed in between: bytes stored, unique bytes.

    python bench/agents_long.py [--calls 1000] [--tokens 200000] [--kills 3] [--json]

The agent asks a scripted server over HTTP through the gateway, which keeps every call; its worker is
killed (kill -9) while it runs. Every call sees the whole conversation. "Words" are the bytes of what was
said wherever a copy of it lies: in journal entries and payloads, and in the gateway's bodies as they are
stored. "Everything" is every byte that the run added to the tables: rows, labels, hashes, indexes, dead
rows and free space too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WORDS = (
    "box",
    "gate",
    "yard",
    "berth",
    "crane",
    "seal",
    "weight",
    "customs",
    "reefer",
    "manifest",
    "tide",
    "clerk",
    "haulier",
    "slot",
    "vessel",
    "hold",
)


def text(place: str, letters: int) -> str:
    """Words that are not the same twice."""
    draw = random.Random(place)
    found: list[str] = []
    while sum(len(word) + 1 for word in found) < letters:
        found.append(f"{draw.choice(WORDS)}-{draw.randrange(10**6)}")
    return " ".join(found)[:letters]


@contextmanager
def served(folder: Path, calls: int, letters: int) -> Iterator[str]:
    """Run the model's server in a thread of its own; each request leaves a line outside."""
    from pilothouse.models.testing import Reply, scripted_server

    outside = (folder / "outside").open("a", buffering=1)
    here: list[str] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        def script(body: dict[str, Any]) -> Reply:
            # Whole conversations are not kept.
            server.requests.clear()
            server.headers.clear()
            place = sum(1 for message in body["messages"] if message["role"] == "tool")
            outside.write(f"call {place}\n")
            if place == calls - 1:
                return Reply(text=text("end", letters // 4))
            return Reply(tools=[("page", {"n": place, "why": text(f"why {place}", letters // 4)})])

        async with scripted_server(script) as server:
            here.append(server.url)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    ready.wait()
    try:
        yield here[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
        outside.close()


async def worker(url: str, model: str, folder: str, calls: int, letters: int) -> None:
    """Run the agent until it is done; each tool leaves a line outside."""
    from pilothouse.agents import AgentBudget, Agents, AgentSpec, ReadTool, Returns
    from pilothouse.decisions import Inbox
    from pilothouse.effects import Door
    from pilothouse.engine import Catalog, EngineSettings, open_engine
    from pilothouse.kernel import Principal
    from pilothouse.labels import Integrity
    from pilothouse.models import Abilities, Gateway, OpenAIBackend, PostgresKeeper, Provider, Route
    from pilothouse.storage import StorageSettings, open_database
    from pilothouse.workflows import Resources, bind, configured, run_agent, workflow

    catalog = Catalog()
    outside = (Path(folder) / "outside").open("a", buffering=1)

    def page(n: int) -> str:
        """Reads a page of the manual."""
        outside.write(f"page {n}\n")
        return text(f"page {n}", letters * 3 // 4)

    tool = ReadTool(
        name="page", read=lambda n, why: page(n), needs=("n", "why"),
        returns=Returns(integrity=Integrity.APPROVED, readers=()),
        parameters={"type": "object", "properties": {"n": {"type": "integer"}, "why": {"type": "string"}}},
    )  # fmt: skip
    spec = AgentSpec(
        name="reader", instructions="Read the manual.", tools=("page",), rights=frozenset({"*"}),
        context=10**7,
        budget=AgentBudget(calls=calls, tool_calls=calls, tokens=10**9, seconds=10**6),
    )  # fmt: skip

    @workflow(catalog=catalog)
    async def study() -> str:
        found = await run_agent("reader", "Read all of it.")
        return str(found.use.calls)

    settings = EngineSettings(executor="direct", sweep_s=0.2, beat_s=0.2, lease_s=1.5)
    able = Abilities(json_schema=True, native_tools=True)
    provider = Provider(name="one", model="scripted", url=model, abilities=able, timeout=120.0)
    async with open_database(StorageSettings(database_url=url)) as database:
        inbox = Inbox(database)
        door = Door(database, inbox)
        gateway = Gateway(
            [OpenAIBackend(provider)], [Route(task="plan", use=("one",))], keeper=PostgresKeeper(database)
        )
        agents = Agents(model=gateway, door=door, tools=(tool,), inbox=inbox)
        agents.shelf.add(spec)

        def ready(engine: Any) -> None:
            bind(Resources(engine=engine, inbox=inbox, door=door, agents=agents))

        async with open_engine(database, settings, catalog=catalog, ready=ready) as engine:
            started = await engine.start(
                "study", {}, key="1", principal=Principal(id="ann", rights=frozenset({"*"})),
                label=configured("bench", "1"),
            )  # fmt: skip
            began = time.process_time()
            found = await engine.result(started.id)
            print(json.dumps({"calls": int(found), "cpu_s": time.process_time() - began}), flush=True)
        await gateway.close()


TABLES = """
select c.relname as name, pg_table_size(c.oid) as rows, pg_indexes_size(c.oid) as indexes,
       pg_total_relation_size(c.oid) as total
  from pg_class c join pg_namespace n on n.oid = relnamespace
 where relkind = 'r' and nspname = 'public'
"""
PARTS = """
select (select coalesce(sum(coalesce(pg_column_size(output), pg_column_size(packed))), 0)
          from engine_entry where kind in ('model', 'tool'))
         as outputs,
       (select coalesce(sum(pg_column_size(body)), 0) from engine_payload) as payloads,
       (select coalesce(sum(pg_column_size(label)), 0) from engine_entry) as entry_labels,
       (select count(distinct label) from engine_entry) as entry_labels_distinct,
       (select coalesce(sum(octet_length(input)), 0) from engine_entry) as entry_inputs,
       (select count(*) from engine_entry) as entries,
       (select coalesce(sum(pg_column_size(body)), 0) from models_body where hash not in (LABELS)) as said,
       (select coalesce(sum(pg_column_size(body)), 0) from models_body where hash in (LABELS)) as call_labels,
       (select count(*) from models_body where hash in (LABELS)) as call_labels_distinct,
       (select count(*) from models_call) as calls
""".replace("LABELS", "select hash from models_body where length(hash) = 16")


async def size(url: str) -> dict[str, dict[str, int]]:
    """Return bytes of every table, and of what stands in them."""
    from pilothouse.storage import StorageSettings, open_database

    async with open_database(StorageSettings(database_url=url)) as database:
        tables = await database.fetch_all(TABLES)
        parts = await database.fetch_one(PARTS)
    assert parts is not None
    found = {row["name"]: {part: int(row[part]) for part in ("rows", "indexes", "total")} for row in tables}
    return found | {"parts": {name: int(one) for name, one in parts.items()}}


def unique(calls: int, letters: int) -> tuple[int, int]:
    """Return the bytes of the conversation, each message once, and of a journal that keeps whole requests."""
    messages: list[int] = []
    whole = 0
    for place in range(calls):
        # A request holds all that was said before.
        whole += sum(messages)
        if place == calls - 1:
            messages.append(len(json.dumps({"role": "assistant", "content": text("end", letters // 4)})))
            break
        args = {"n": place, "why": text(f"why {place}", letters // 4)}
        call = {"id": f"c{2 + 2 * place}-0", "function": {"name": "page", "arguments": args}}
        messages.append(len(json.dumps({"role": "assistant", "tool_calls": [call]})))
        said = {
            "role": "tool",
            "tool_call_id": call["id"],
            "content": text(f"page {place}", letters * 3 // 4),
        }
        messages.append(len(json.dumps(said)))
    return sum(messages), whole


def killed(url: str, model: str, folder: Path, calls: int, letters: int, kills: int) -> dict[str, Any]:
    """Run the worker, killing it at random places, and return what the last one said."""
    draw = random.Random(7)
    places = sorted(draw.sample(range(calls // 10, calls * 9 // 10), kills))
    order = [sys.executable, __file__, "--worker", url, "--model", model, "--folder", str(folder)]
    order += ["--calls", str(calls), "--letters", str(letters)]
    for number in range(kills + 1):
        process = subprocess.Popen(order, stdout=subprocess.PIPE)
        if number < kills:
            while lines(folder, "call") < places[number] + number and process.poll() is None:
                time.sleep(0.05)
            if process.poll() is not None:
                raise SystemExit("the worker ended before it was killed")
            process.send_signal(signal.SIGKILL)
            process.wait()
            continue
        out, _ = process.communicate()
        return json.loads(out)
    raise SystemExit("no run")


def lines(folder: Path, word: str) -> int:
    """Count what happened outside."""
    path = folder / "outside"
    return sum(line.startswith(word) for line in path.read_text().splitlines()) if path.exists() else 0


def grown(before: dict[str, dict[str, int]], after: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Return what the run added, of each table that has more than before."""
    return {
        name: {part: one - before[name][part] for part, one in parts.items()}
        for name, parts in sorted(after.items())
        if name != "parts" and parts["total"] > before[name]["total"]
    }


def main() -> None:
    """Print ours beside the unique bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", default="")
    parser.add_argument("--model", default="")
    parser.add_argument("--folder", default="")
    parser.add_argument("--letters", type=int, default=0)
    given = parser.parse_args()
    if given.worker:
        asyncio.run(worker(given.worker, given.model, given.folder, given.calls, given.letters))
        return
    from pilothouse.storage.testing import fresh_url, shared_server

    os.environ.setdefault("PILOTHOUSE_ENGINE_EXECUTOR", "direct")
    letters = given.tokens * 4 // given.calls
    with shared_server() as database, fresh_url(database) as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with served(folder, given.calls, letters) as model:
            before = asyncio.run(size(url))
            done = killed(url, model, folder, given.calls, letters, given.kills)
            after = asyncio.run(size(url))
        made, pages = lines(folder, "call"), lines(folder, "page")
    once, whole = unique(given.calls, letters)
    parts, tables = after["parts"], grown(before, after)
    words = parts["outputs"] + parts["payloads"] + parts["said"]
    total = sum(table["total"] for table in tables.values())
    found = {
        "calls": done["calls"], "kills": given.kills, "calls_made": made, "tools_run": pages,
        "unique_bytes": once, "words_bytes": words, "words_ratio": round(words / once, 3),
        "table_bytes": total, "everything_ratio": round(total / once, 3), "parts": parts, "tables": tables,
        "whole_requests_bytes": whole, "whole_requests_ratio": round(whole / once, 1),
        "cpu_s_after_last_kill": round(done["cpu_s"], 2),
    }  # fmt: skip
    print(json.dumps(found) if given.json else told(found))


def told(found: dict[str, Any]) -> str:
    """Return the figures for people."""
    parts = found["parts"]
    rows = [
        f"{found['calls']} calls, {found['kills']} kills: {found['calls_made']} asked of the server, "
        f"{found['tools_run']} tools run",
        f"unique bytes of the conversation      {found['unique_bytes']:>12,}",
        f"words stored                          {found['words_bytes']:>12,}  x {found['words_ratio']}",
        f"  in the journal                      {parts['outputs'] + parts['payloads']:>12,}",
        f"  in the gateway's bodies             {parts['said']:>12,}",
        f"labels of {parts['entries']} entries"
        f" ({parts['entry_labels_distinct']} distinct){parts['entry_labels']:>15,}",
        f"labels of {parts['calls']} calls ({parts['call_labels_distinct']} distinct)"
        f"{parts['call_labels']:>15,}",
    ]
    for name, table in found["tables"].items():
        rows.append(f"  {name:<24} rows {table['rows']:>12,}  indexes {table['indexes']:>10,}")
    rows.append(
        f"everything in the tables              {found['table_bytes']:>12,}  x {found['everything_ratio']}"
    )
    rows.append(
        f"a journal of whole requests would hold {found['whole_requests_bytes']:>11,}"
        f"  x {found['whole_requests_ratio']}"
    )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
