"""Two processes on one database: how they share the work, and what happens when one stops, dies or freezes.

    python bench/port_two_processes.py [--releases 112] [--world 7] [--size day] [--freeze 30] [--json]

Two ``pilothouse up`` on one embedded data directory release what a clerk approves. Then, each time with
releases in the middle of it, one of the two gets SIGTERM (twice), SIGKILL (three times) and SIGSTOP with
SIGCONT after 30 s. Times are from the signal to the first entry that the other process records for a run
the first one held. Effects are counted in the community system's own record. Exits 1 if anything is lost
or doubled, or later than the targets. World and policy are those of ``port_rig.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import port_rig as rig

PLAN = (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP)
AHEAD = 6
TARGET_S = {signal.SIGTERM: 5.0, signal.SIGKILL: 10.0, signal.SIGSTOP: 15.0}
HELD = "select id from engine_run where state = 'running' and owner like %(owner)s"
AFTER = """
select r.id, least(
         (select min(extract(epoch from e.ended)) from engine_entry e
           where e.run = r.id and e.executor not like %(owner)s and extract(epoch from e.ended) > %(since)s),
         case when extract(epoch from r.ended) > %(since)s then extract(epoch from r.ended) end)::float8 as at
  from engine_run r where r.id = any(%(runs)s)
"""
LATE = """
select count(*) from engine_entry
 where executor = any(%(names)s) and extract(epoch from ended) > %(since)s
"""
SHARE = """
select e.executor, count(*) as n from engine_entry e join engine_run r on r.id = e.run
 where r.workflow = 'port.release' and e.name = %(name)s group by 1
"""


class Two:
    """Both workers, the clerk, and what was measured."""

    def __init__(self, run: Path, studio: Any, clerk: rig.Clerk, options: argparse.Namespace) -> None:
        self.run = run
        self.database = studio.database
        self.clerk = clerk
        self.freeze: float = options.freeze
        self.share = options.releases // 3
        self.releases: int = options.releases
        self.workers = [rig.Worker(run), rig.Worker(run)]
        self.found: list[dict[str, Any]] = []
        self.wrong: list[str] = []

    async def all(self) -> None:
        """First both work undisturbed, then the plan."""
        for worker in self.workers:
            await worker.ready()
        await rig.at_rest(self.database, self.clerk, 0, within=180)
        done = 0
        while done < self.share:
            self.clerk.allow(min(self.share, done + AHEAD))
            await asyncio.sleep(0.1)
            done = await rig.finished(self.database)
        names = {"asked": "weigh", "released": "perform release_container"}
        self.shares = {word: await self.shared(name) for word, name in names.items()}
        left = self.releases - self.share
        for number, kind in enumerate(PLAN, start=1):
            await self.burst(kind, self.share + round(left * number / len(PLAN)))
        self.clerk.allow(self.releases)

    async def shared(self, name: str) -> list[float]:
        """Return which part of the entries of that name each process recorded."""
        counts: Counter[int] = Counter()
        for row in await self.database.fetch_all(SHARE, {"name": name}):
            counts[int(row["executor"].rsplit("-", 2)[1])] += row["n"]
        whole = sum(counts.values()) or 1
        return [round(counts[worker.pid] / whole, 2) for worker in self.workers]

    async def burst(self, kind: signal.Signals, allowed: int) -> None:
        """Approve a handful and send ``kind`` to a process as soon as it is in the middle of some."""
        before = self.clerk.approved
        self.clerk.allow(allowed)
        number, held, since = await self._caught(kind, before)
        victim, owner = self.workers[number], f"%-{self.workers[number].pid}-%"
        found: dict[str, Any] = {"signal": kind.name, "held": len(held)}
        self.found.append(found)
        if kind is signal.SIGSTOP:
            await self._thaw(victim, since, found)
        else:
            found["exit"] = await victim.gone()
            found["stopped_after_s"] = round(time.time() - since, 2)
            still = await self.database.fetch_all(HELD, {"owner": owner})
            found["still_held_at_exit"] = len(still)
        await rig.at_rest(self.database, self.clerk, allowed, within=90)
        rows = await self.database.fetch_all(AFTER, {"runs": held, "owner": owner, "since": since})
        delays = [row["at"] - since for row in rows if row["at"] is not None]
        found["gone_on_s"] = rig.shares(delays)
        if len(delays) < len(held):
            self.wrong.append(f"{kind.name}: {len(held) - len(delays)} runs never went on")
        if delays and max(delays) > TARGET_S[kind]:
            self.wrong.append(f"{kind.name}: gone on after {max(delays):.1f} s, target {TARGET_S[kind]} s")
        if kind is not signal.SIGSTOP:
            self.workers[number] = await rig.Worker(self.run).ready()

    async def _caught(self, kind: signal.Signals, before: int) -> tuple[int, list[Any], float]:
        """Send the signal when one process holds runs; return which, what it held, and when."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for number, worker in enumerate(self.workers):
                rows = await self.database.fetch_all(HELD, {"owner": f"%-{worker.pid}-%"})
                if rows and self.clerk.approved > before + 1:
                    since = time.time()
                    worker.send(kind)
                    if kind is not signal.SIGTERM:
                        # What it finished between our look and the signal is not in the middle any more.
                        rows = await self.database.fetch_all(HELD, {"owner": f"%-{worker.pid}-%"})
                    if rows:
                        return number, [row["id"] for row in rows], since
                    return number, [], since
            await asyncio.sleep(0.005)
        raise RuntimeError("no process was ever in the middle of a release")

    async def _thaw(self, victim: rig.Worker, since: float, found: dict[str, Any]) -> None:
        """Let it stand still, go on, and see that it writes nothing under its old name."""
        names = [
            row["executor"]
            for row in await self.database.fetch_all("select executor from engine_lease")
            if f"-{victim.pid}-" in row["executor"]
        ]
        await asyncio.sleep(max(self.freeze - (time.time() - since), 0))
        thawed = time.time()
        victim.send(signal.SIGCONT)
        fresh: list[str] = []
        while not fresh and time.time() < thawed + 30:
            await asyncio.sleep(0.1)
            rows = await self.database.fetch_all("select executor from engine_lease where reaper is null")
            now = {row["executor"] for row in rows if f"-{victim.pid}-" in row["executor"]}
            fresh = sorted(now - set(names))
        found["back_under_a_new_name_s"] = round(time.time() - thawed, 2)
        late = {"names": names, "since": since + 1}
        found["entries_under_the_old_name"] = await self.database.fetch_value(LATE, late)
        if not fresh:
            self.wrong.append("the frozen process did not come back")
        if found["entries_under_the_old_name"]:
            self.wrong.append("the frozen process wrote under its old name")


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
            two = Two(run, studio, clerk, options)
            await two.all()
            rest = await rig.at_rest(studio.database, clerk, options.releases, within=90)
            wall = time.monotonic() - began
            clerk.end()
            await listening
            books = await rig.books(studio, out)
            for worker in two.workers:
                worker.send(signal.SIGTERM)
                await worker.gone()
        audit = rig.verify_audit(run)
    wrong = [*books.wrong, *two.wrong, *([] if audit.get("ok") else ["the audit chain does not hold"])]
    wrong += [] if rest else ["not everything came to rest"]
    return {
        "share_of_each": two.shares,
        "signals": two.found,
        **books.figures,
        "audit_ok": audit.get("ok"),
        "wall_s": round(wall, 1),
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "wrong": wrong,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, default=112)
    parser.add_argument("--world", type=int, default=7, help="seed of the made world")
    parser.add_argument("--size", choices=["small", "day"], default="day")
    parser.add_argument("--freeze", type=float, default=30.0, help="seconds that one stands still")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="port-two-") as folder:
        found = asyncio.run(bench(Path(folder) / "port", options))
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        for name, value in found.items():
            print(f"{name:36} {value}")
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
