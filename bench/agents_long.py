"""1,000 model calls over a conversation of 200,000 tokens, killed in between: bytes stored, unique bytes.

    python bench/agents_long.py [--calls 1000] [--tokens 200000] [--kills 3] [--json]

Every call sees the whole conversation. What a journal of whole requests would have written stands beside it.
"Bodies" are the words of messages and results wherever they lie; "everything" is every byte that the run
added to the tables: rows, labels, hashes, indexes and free space too.
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
import time
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


async def worker(url: str, folder: str, calls: int, letters: int) -> None:
    """Run the agent until it is done; each answered call and each tool leaves a line outside."""
    from pilothouse.agents import AgentBudget, Agents, AgentSpec, ReadTool, Returns
    from pilothouse.agents.testing.scripted import ScriptedModel, says
    from pilothouse.decisions import Inbox
    from pilothouse.effects import Door
    from pilothouse.engine import Catalog, EngineSettings, open_engine
    from pilothouse.kernel import Principal
    from pilothouse.labels import Integrity
    from pilothouse.storage import StorageSettings, open_database
    from pilothouse.workflows import Resources, bind, configured, run_agent, workflow

    catalog = Catalog()
    outside = (Path(folder) / "outside").open("a", buffering=1)

    def page(n: int) -> str:
        """Reads a page of the manual."""
        outside.write(f"page {n}\n")
        return text(f"page {n}", letters * 3 // 4)

    def script(request: Any) -> Any:
        place = sum(1 for message in request.messages if message.role == "tool")
        outside.write(f"call {place}\n")
        if place == calls - 1:
            return text("end", letters // 4)
        return says(("page", {"n": place, "why": text(f"why {place}", letters // 4)}))

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
    async with open_database(StorageSettings(database_url=url)) as database:
        inbox = Inbox(database)
        door = Door(database, inbox)
        agents = Agents(model=ScriptedModel(script), door=door, tools=(tool,), inbox=inbox)
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


async def size(url: str) -> dict[str, float]:
    """Return bytes: of everything in the tables, and of the bodies alone."""
    from pilothouse.storage import StorageSettings, open_database

    async with open_database(StorageSettings(database_url=url)) as database:
        rows = await database.fetch_all(
            "select relname, pg_total_relation_size(c.oid) as bytes from pg_class c"
            " join pg_namespace n on n.oid = relnamespace where relkind = 'r' and nspname = 'public'"
        )
        sizes = {row["relname"]: float(row["bytes"]) for row in rows}
        total = sum(sizes.values())
        bodies = await database.fetch_value(
            "select coalesce(sum(octet_length(output)), 0) from engine_entry where kind in ('model', 'tool')"
        )
        payloads = await database.fetch_value(
            "select coalesce(sum(octet_length(body)), 0) from engine_payload"
        )
        entries = await database.fetch_value("select count(*) from engine_entry")
        labels = await database.fetch_value("select coalesce(sum(octet_length(label)), 0) from engine_entry")
        return {
            "total": float(total), "bodies": float(bodies) + float(payloads), "entries": float(entries),
            "labels": float(labels), **{f"table {name}": one for name, one in sizes.items()},
        }  # fmt: skip


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


def killed(url: str, folder: Path, calls: int, letters: int, kills: int) -> dict[str, Any]:
    """Run the worker, killing it at random places, and return what the last one said."""
    draw = random.Random(7)
    places = sorted(draw.sample(range(calls // 10, calls * 9 // 10), kills))
    order = [sys.executable, __file__, "--worker", url, "--folder", str(folder), "--calls", str(calls)]
    for number in range(kills + 1):
        process = subprocess.Popen([*order, "--letters", str(letters)], stdout=subprocess.PIPE)
        if number < kills:
            while lines(folder, "call") < places[number] + number and process.poll() is None:
                time.sleep(0.05)
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


def main() -> None:
    """Print ours beside the unique bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", default="")
    parser.add_argument("--folder", default="")
    parser.add_argument("--letters", type=int, default=0)
    given = parser.parse_args()
    if given.worker:
        asyncio.run(worker(given.worker, given.folder, given.calls, given.letters))
        return
    from pilothouse.storage.testing import fresh_url, shared_server

    os.environ.setdefault("PILOTHOUSE_ENGINE_EXECUTOR", "direct")
    letters = given.tokens * 4 // given.calls
    with shared_server() as server, fresh_url(server) as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = asyncio.run(size(url))
        done = killed(url, folder, given.calls, letters, given.kills)
        after = asyncio.run(size(url))
        made, pages = lines(folder, "call"), lines(folder, "page")
    once, whole = unique(given.calls, letters)
    bodies, total = after["bodies"] - before["bodies"], after["total"] - before["total"]
    found = {
        "calls": done["calls"], "kills": given.kills, "calls_made": made, "tools_run": pages,
        "unique_bytes": once, "body_bytes": int(bodies), "bodies_ratio": round(bodies / once, 3),
        "label_bytes": int(after["labels"] - before["labels"]), "entries": int(after["entries"]),
        "table_bytes": int(total), "with_bookkeeping_ratio": round(total / once, 3),
        "grown": {
            name: int(after[name] - before[name])
            for name in after
            if name.startswith("table ") and after[name] > before[name]
        },
        "whole_requests_bytes": whole, "whole_requests_ratio": round(whole / once, 1),
        "cpu_s_after_last_kill": round(done["cpu_s"], 2),
    }  # fmt: skip
    if given.json:
        print(json.dumps(found))
        return
    print(f"{found['calls']} calls, {given.kills} kills: {made} calls made, {pages} tools run")
    print(f"unique bytes of the conversation        {once:>12,}")
    print(f"bodies stored                           {int(bodies):>12,}  x {found['bodies_ratio']}")
    print(f"everything in the tables                {int(total):>12,}  x {found['with_bookkeeping_ratio']}")
    print(f"  {found['grown']}, labels {found['label_bytes']:,}, entries {found['entries']:,}")
    print(f"a journal of whole requests would hold  {whole:>12,}  x {found['whole_requests_ratio']}")


if __name__ == "__main__":
    main()
