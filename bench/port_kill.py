"""kill -9 at random points while releases run: what is lost, what is doubled, and how soon work goes on.

    python bench/port_kill.py [--kills 200] [--releases 200] [--seed 1] [--world 7] [--size day] [--json]

A whole made port with its real systems; ``pilothouse up`` gathers the discharge list and carries out
what a clerk in another process approves. It is killed with SIGKILL at seeded moments and started again
at once: three in ten while it starts, the rest up to 4 s after it says that it is up, every tenth time
together with the embedded PostgreSQL. The clerk is at most four releases ahead. Runs that were in five
deaths without progress are blocked for a person; the bench counts and unblocks them at the end. Effects
are counted in the community system's own record. The policy is the rig's own (see ``port_rig.py``).
Exits 1 if anything is lost, doubled or different from its replay, or if work goes on later than 5 s
after a restart.
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
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import port_rig as rig

EVERY_DATABASE = 10
IN_BOOT = 0.3
IN_FLIGHT = 4
LONGEST_LIFE_S = 4.0
TARGET_S = 5.0
AT_WORK = "select count(*) as n from engine_run where state in ('ready', 'running')"
HELD = "select id from engine_run where state = 'running' and owner like %(owner)s"
STEPS = """
select e.run, e.executor, extract(epoch from e.ended)::float8 as at from engine_entry e
 where e.executor is not null and e.run = any(%(runs)s)
"""
ENDS = """
select id, extract(epoch from ended)::float8 as at from engine_run
 where id = any(%(runs)s) and ended is not null
"""
ASKED = "select id from engine_run where id = any(%(runs)s) and state = 'parked'"


@dataclass(slots=True)
class Life:
    """One life of the worker, from its start to its death.

    Attributes:
        waiting: Runs that an earlier life left in the middle and that had not gone on when this one began.
        left: Runs that this life left in the middle.
        at_work: Runs ready or running when it was killed.
    """

    pid: int
    began: float
    ended: float = 0.0
    ready_s: float | None = None
    database: bool = False
    waiting: set[UUID] = field(default_factory=set)
    left: set[UUID] = field(default_factory=set)
    at_work: int = 0


class Killer:
    """Starts, kills and starts the worker again; remembers what each life left behind."""

    def __init__(self, run: Path, studio: Any, clerk: rig.Clerk, options: argparse.Namespace) -> None:
        self.run = run
        self.studio = studio
        self.clerk = clerk
        self.kills: int = options.kills
        self.releases: int = options.releases
        self.random = random.Random(options.seed)
        self.lives: list[Life] = []

    async def all(self) -> rig.Worker:
        """Kill as often as asked; return the last worker, alive."""
        worker = self._born()
        for number in range(1, self.kills + 1):
            await self._until_the_end(worker, number)
            life = self.lives[-1]
            life.database = number % EVERY_DATABASE == 0
            life.ended = time.time()
            worker.send(signal.SIGKILL)
            if life.database:
                self._kill_database()
            await worker.gone()
            life.ready_s = worker.ready_s
            worker = self._born()
            await self._look_back(life)
            if number % 10 == 0:
                print(f"  {number} kills, {self.clerk.approved} approved", file=sys.stderr, flush=True)
        self.clerk.allow(self.releases)
        return await worker.ready()

    async def unblock(self) -> int:
        """Do what a person does with runs whose process died too often under them; count them."""
        blocked = await self.studio.engine.runs(states=["blocked"], limit=1000)
        poisoned = [run for run in blocked if "poison" in str(run.reason)]
        for run in poisoned:
            await self.studio.engine.unblock(run.id)
        return len(poisoned)

    def _born(self) -> rig.Worker:
        worker = rig.Worker(self.run)
        self.lives.append(Life(pid=worker.pid, began=worker.began))
        return worker

    async def _until_the_end(self, worker: rig.Worker, number: int) -> None:
        """Let it live for a random while; the clerk's next approvals come shortly before its end."""
        done = await rig.finished(self.studio.database)
        share = min(round(number * self.releases / self.kills), done + IN_FLIGHT)
        if self.random.random() < IN_BOOT:
            self.clerk.allow(share)
            await asyncio.sleep(self.random.uniform(0.0, 2.0))
            return
        span, before = self.random.uniform(0.2, LONGEST_LIFE_S), self.random.uniform(0.0, 0.7)
        await worker.ready()
        await asyncio.sleep(max(span - before, 0))
        self.clerk.allow(share)
        await asyncio.sleep(min(before, span))

    def _kill_database(self) -> None:
        with suppress(FileNotFoundError, ProcessLookupError, IndexError, ValueError):
            pid = (self.run / ".pilothouse" / "postgres" / "postmaster.pid").read_text().splitlines()[0]
            os.kill(int(pid), signal.SIGKILL)

    async def _look_back(self, life: Life) -> None:
        """Note what the dead one held, before the new one has come far enough to take it."""
        owner = {"owner": f"%-{life.pid}-%"}
        life.left = {row["id"] for row in await rig.ask(self.studio.database, HELD, owner)}
        life.at_work = (await rig.ask(self.studio.database, AT_WORK))[0]["n"]

    async def resumed(self) -> dict[str, Any]:
        """Return, for each life that had something to go on with, how soon after its start it did."""
        runs = list(set().union(*(life.left for life in self.lives)))
        steps = await self.studio.database.fetch_all(STEPS, {"runs": runs})
        ends = {row["id"]: row["at"] for row in await self.studio.database.fetch_all(ENDS, {"runs": runs})}
        # A run whose next event was its question to the clerk has gone on too, without an entry of its own.
        asked = {row["id"] for row in await self.studio.database.fetch_all(ASKED, {"runs": runs})}
        first: list[float] = []
        each: list[float] = []
        cut = 0
        waiting: set[UUID] = set()
        for life in self.lives:
            life.waiting = waiting
            gone_on = _gone_on(life, steps, ends)
            delays = [at - life.began for at in gone_on.values()]
            first += [min(delays)] if delays else []
            each += delays
            cut += bool(waiting) and not delays
            waiting = (waiting - set(gone_on)) | life.left
        return {
            "first_of_a_life": rig.shares(first),
            "each_interrupted_run": rig.shares(each),
            "over_target": sum(delay > TARGET_S for delay in first),
            "killed_again_before": cut,
            "never": len(waiting - set(ends) - asked),
        }


def _gone_on(life: Life, steps: list[dict[str, Any]], ends: dict[UUID, float]) -> dict[UUID, float]:
    """Return when each run that waited for this life got its first new entry by it, or ended under it."""
    found: dict[UUID, float] = {}
    for row in steps:
        if row["run"] in life.waiting and f"-{life.pid}-" in row["executor"]:
            found[row["run"]] = min(row["at"], found.get(row["run"], row["at"]))
    for run in life.waiting - set(found):
        at = ends.get(run)
        if at is not None and life.began <= at and (not life.ended or at <= life.ended):
            found[run] = at
    return found


def imports(run: Path, times: int = 3) -> dict[str, float]:
    """Measure what part of a start is importing code: the interpreter's own count, until the worker is up."""
    order = [sys.executable, "-X", "importtime", str(rig.PROGRAM), "up", "--every", "0"]
    spent: list[float] = []
    whole: list[float] = []
    for _ in range(times):
        began, total = time.monotonic(), 0
        process = subprocess.Popen(
            order, cwd=run, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        for line in process.stderr:
            if " is up (" in line:
                break
            head = line.partition("|")[0].removeprefix("import time:").strip()
            total += int(head) if head.isdigit() else 0
        whole.append(time.monotonic() - began)
        spent.append(total / 1e6)
        process.send_signal(signal.SIGTERM)
        process.communicate()
    return {"start_s": round(sorted(whole)[times // 2], 2), "imports_s": round(sorted(spent)[times // 2], 2)}


async def bench(out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run it all and return the figures."""
    from pilothouse.app import open_studio

    load = os.getloadavg()[0]
    with rig.world(out, seed=options.world, size=options.size) as run:
        began = time.monotonic()
        rig.started(run)
        clerk = rig.Clerk(run)
        listening = asyncio.create_task(clerk.listen())
        async with open_studio(run, work=False) as studio:
            killer = Killer(run, studio, clerk, options)
            worker = await killer.all()
            unblocked = await killer.unblock()
            rest = await rig.at_rest(studio.database, clerk, options.releases, within=120)
            wall = time.monotonic() - began
            clerk.end()
            await listening
            books = await rig.books(studio, out)
            resumed = await killer.resumed()
            worker.send(signal.SIGTERM)
            await worker.gone()
        audit = rig.verify_audit(run)
        start = await asyncio.to_thread(imports, run)
    lives = killer.lives[:-1]
    wrong = [*books.wrong, *([] if audit.get("ok") else ["the audit chain does not hold"])]
    wrong += [] if rest else ["not everything came to rest"]
    wrong += [f"{resumed['never']} interrupted runs never went on"] if resumed["never"] else []
    wrong += [f"{resumed['over_target']} restarts took over {TARGET_S} s"] if resumed["over_target"] else []
    return {
        "kills": len(lives),
        "kills_while_starting": sum(life.ready_s is None for life in lives),
        "kills_with_the_database": sum(life.database for life in lives),
        "kills_with_work_waiting_or_running": sum(life.at_work > 0 for life in lives),
        "kills_in_the_middle_of_a_run": sum(bool(life.left) for life in lives),
        "runs_interrupted": sum(len(life.left) for life in lives),
        "runs_unblocked_by_a_person": unblocked,
        **books.figures,
        "audit_ok": audit.get("ok"),
        "audit_entries": audit.get("entries"),
        "resume_s": resumed,
        "start_to_up_s": rig.shares([life.ready_s for life in killer.lives if life.ready_s]),
        "calm_start": start,
        "clerk_saw_the_database_gone": sum("trouble" in line for line in clerk.told),
        "wall_s": round(wall, 1),
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "wrong": wrong,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--releases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--world", type=int, default=7, help="seed of the made world")
    parser.add_argument("--size", choices=["small", "day"], default="day")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="port-kill-") as folder:
        found = asyncio.run(bench(Path(folder) / "port", options))
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        for name, value in found.items():
            print(f"{name:36} {value}")
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
