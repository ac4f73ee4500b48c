"""The rig of the port's kill benches: a made world, worker processes, a clerk who answers, and the books.

    python bench/port_rig.py start RUN     starts the discharge run of the project, nothing more
    python bench/port_rig.py clerk RUN     approves releases; stdin says how many in all

Not a bench by itself: ``port_kill.py`` and ``port_two_processes.py`` use it. The policy is the rig's
own, so that most boxes are advised RELEASE in every made world: six rows over bills, stops, seals,
orders and mandates. Texts and the world's own policy are left out, because here what counts is that
releases are made once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

# The clerks of the rig answer by the advice, so none of it is hidden from them.
os.environ.setdefault("PILOTHOUSE_DECISIONS_BLIND_SHARE", "0")
CLERKS = ("clerk.amira", "clerk.bruno")
PROGRAM = Path(sys.executable).with_name("pilothouse")
POLICY = """# Release policy of the rig

1. An original or electronic bill of lading that is not surrendered holds the box: HOLD, reason R1.
2. A surrender that was withdrawn is for the shift leader: ESCALATE, reason R2.
3. A stop on the box that is not lifted is for the shift leader: ESCALATE, reason R3.
4. A seal at the terminal that is not the one of the bill holds the box: HOLD, reason R4.
5. A release order that the port system has rejected holds the box: HOLD, reason R5.
6. A mandate that was revoked is for the shift leader: ESCALATE, reason R6.
"""
ROWS = (
    ("title", "not_surrendered", "HOLD", "R1"),
    ("title", "surrender_withdrawn", "ESCALATE", "R2"),
    ("stop", "listed", "ESCALATE", "R3"),
    ("seal", "mismatch", "HOLD", "R4"),
    ("order", "rejected", "HOLD", "R5"),
    ("mandate", "revoked", "ESCALATE", "R6"),
)
HEAD = """[project]
name = "port of seed {seed}"
solutions = ["port"]
operator = "dispatcher"

[port]
bindings = "{folder}/port.yaml"
policy = "{folder}/POLICY.md"
as_of = "{as_of}"

[principals.dispatcher]
kind = "service"
rights = ["sources:*", "effects:*", "decisions:*"]
[principals."clerk.amira"]
groups = ["desk"]
rights = ["decisions:*", "acl:*"]
[principals."clerk.bruno"]
groups = ["desk"]
rights = ["decisions:*", "acl:*"]

"""


@contextmanager
def world(out: Path, *, seed: int, size: str) -> Iterator[Path]:
    """Make a world, start its servers, map it, and yield the project folder; all is stopped at the end."""
    from pilothouse_port.world import serve
    from pilothouse_port.world.render_world import make_world

    made = make_world(out, seed=seed, size=size, profile="dense")  # type: ignore[arg-type]
    try:
        run = serve.up(made.world, owner=os.getpid()).run
        _map(made.world, run)
        as_of = tomllib.loads((made.world / "world.toml").read_text())["as_of"]
        project = run / "pilothouse.toml"
        project.write_text(HEAD.format(seed=seed, folder=run, as_of=as_of) + project.read_text())
        yield run
    finally:
        serve.down(made.world, forget=True)


def _map(world: Path, run: Path) -> None:
    """Let ``port new`` draft the mapping, and put the rig's own policy in place of the world's."""
    import yaml

    order = [str(PROGRAM), "port", "new", str(world), "--sources", "pilothouse.toml", "-o", "port.yaml"]
    subprocess.run(order, cwd=run, check=True, stdout=subprocess.DEVNULL)
    (run / "POLICY.md").write_text(POLICY)
    port = yaml.safe_load((run / "port.yaml").read_text())
    sentences = [line.partition(". ")[2] for line in POLICY.splitlines() if line[:1].isdigit()]
    from pilothouse_port.policy import document_hash

    names = ("check", "outcome", "verdict", "reason", "quote")
    rows = [dict(zip(names, (*row, q), strict=True)) for row, q in zip(ROWS, sentences, strict=True)]
    port["policy"] = {"document": "POLICY.md", "hash": document_hash(POLICY.encode()), "rows": rows}
    port["texts"] = {}
    (run / "port.yaml").write_text(yaml.safe_dump(port, allow_unicode=True, sort_keys=False))


def place(run: Path) -> tuple[Any, Any]:
    """Return the port as the workflow names it, and its bindings."""
    from datetime import datetime

    from pilothouse_port.bindings import load_bindings
    from pilothouse_port.flow import PortRef

    as_of = tomllib.loads((run / "pilothouse.toml").read_text())["port"]["as_of"]
    port = PortRef(
        bindings=str(run / "port.yaml"), policy=str(run / "POLICY.md"), as_of=datetime.fromisoformat(as_of)
    )
    return port, load_bindings(run / "port.yaml", policy_document=run / "POLICY.md")


async def start(run: Path) -> None:
    """Start the discharge run and leave; whoever works takes it."""
    from pilothouse.app import open_studio
    from pilothouse.workflows import said
    from pilothouse_port.flow import discharge

    async with open_studio(run, work=False) as studio:
        port, _ = place(run)
        me = studio.principal
        begun = await discharge.start(
            port, key="bench", options={"principal": me, "label": said(me, "bench")}
        )
        print(json.dumps({"run": str(begun.id)}), flush=True)


async def clerk(run: Path) -> None:
    """Approve RELEASE proposals, oldest first, as many in all as the last line on stdin says."""
    from pilothouse.app import open_studio

    allowed = _Allowed()
    asyncio.create_task(allowed.listen())  # noqa: RUF006 - lives as long as the process
    done: set[UUID] = set()
    while not allowed.over:
        try:
            async with open_studio(run, work=False) as studio:
                while not allowed.over:
                    if not await _answer(studio, allowed, done):
                        await asyncio.sleep(0.05)
        except Exception as error:
            # The database was killed under the clerk: come back and look again.
            print(json.dumps({"trouble": f"{type(error).__name__}: {str(error)[:200]}"}), flush=True)
            await asyncio.sleep(0.2)


class _Allowed:
    def __init__(self) -> None:
        self.count = 0
        self.over = False

    async def listen(self) -> None:
        while line := await asyncio.to_thread(sys.stdin.readline):
            self.count = int(line)
        self.over = True


async def _answer(studio: Any, allowed: _Allowed, runs: set[UUID]) -> bool:
    """Approve one proposal; a run that asks again (its evidence moved) is answered again, and told."""
    from pilothouse.decisions import InboxFilter

    wanted = InboxFilter(topic="release_container", verdict="RELEASE", sort="oldest", limit=200)
    page = await studio.inbox.list(studio.project.principal(CLERKS[0]), wanted)
    for item in page.items:
        if item.tier != 4 or (item.run not in runs and len(runs) >= allowed.count):
            continue
        by = studio.project.principal(CLERKS[len(runs) % 2])
        at = time.time()
        # Tier 4 wants the box in writing: the title begins with it.
        await studio.inbox.approve(item.id, by, typed=item.title.split()[0])
        told = {"approved": str(item.id), "run": item.run, "at": at, "again": item.run in runs}
        runs.add(item.run)
        print(json.dumps(told), flush=True)
        return True
    return False


class Clerk:
    """The clerk's process, seen from the harness."""

    def __init__(self, run: Path) -> None:
        order = [sys.executable, __file__, "clerk", str(run)]
        self.told: list[dict[str, Any]] = []
        self._process = subprocess.Popen(order, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    async def listen(self) -> None:
        """Collect what it tells until it ends."""
        assert self._process.stdout is not None
        while line := await asyncio.to_thread(self._process.stdout.readline):
            self.told.append(json.loads(line))

    def allow(self, count: int) -> None:
        """Let it have approved so many in all."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()

    @property
    def approved(self) -> int:
        """How many runs it has approved."""
        return len({line["run"] for line in self.told if "approved" in line})

    def end(self) -> None:
        """Send it home."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Worker:
    """One ``pilothouse up`` of the project."""

    def __init__(self, run: Path) -> None:
        self.began = time.time()
        self._ready = asyncio.Event()
        self.ready_s: float | None = None
        self.said: list[str] = []
        self._log = (run / "workers.log").open("a")
        order = [str(PROGRAM), "up", "--every", "0", "--project", str(run)]
        self.process = subprocess.Popen(
            order, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self._reader = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        """Its process id; the name of its executor holds it."""
        return self.process.pid

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while line := await asyncio.to_thread(self.process.stderr.readline):
            self._log.write(f"{self.pid} {time.time():.3f} {line}")
            self.said = [*self.said[-20:], line.rstrip()]
            if " is up (" in line:
                self.ready_s = time.time() - self.began
                self._ready.set()

    async def ready(self, within: float = 60) -> Worker:
        """Return when it says that it works."""
        waiting = asyncio.create_task(self._ready.wait())
        done, _ = await asyncio.wait({waiting, self._reader}, timeout=within, return_when="FIRST_COMPLETED")
        if waiting not in done:
            waiting.cancel()
            raise RuntimeError(f"worker {self.pid} did not come up within {within} s: {self.said}")
        return self

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process only."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def gone(self, within: float = 30) -> int:
        """Return its exit code when it has ended."""
        code = await asyncio.to_thread(self.process.wait, within)
        await self._reader
        self._log.close()
        return code


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What is true at the end, from the foreign system's own record and from ours."""

    figures: dict[str, Any]
    wrong: list[str]


async def ask(database: Any, query: str, params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows, however often the database is killed under the question."""
    from pilothouse.kernel import UnavailableError

    until = time.monotonic() + 60
    while True:
        try:
            return await database.fetch_all(query, params)
        except UnavailableError:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(0.05)


async def finished(database: Any) -> int:
    """How many releases are over."""
    return (await ask(database, FINISHED))[0]["n"]


FINISHED = "select count(*) as n from engine_run where workflow = 'port.release' and state = 'done'"


async def at_rest(database: Any, clerk: Clerk, releases: int, *, within: float) -> bool:
    """Wait until so many runs were approved and none of all runs is at work."""
    until = time.monotonic() + within
    query = "select count(*) from engine_run where state in ('ready', 'running', 'cancelling')"
    while time.monotonic() < until:
        if clerk.approved >= releases and not await database.fetch_value(query):
            return True
        await asyncio.sleep(0.2)
    return False


APPROVED = """
select r.id, r.state, r.reason, r.result, r.attempts,
       (select count(*) from decisions_item i where i.run = r.id::text and i.state = 'approved') as approved
  from engine_run r where r.workflow = 'port.release'
   and exists (select 1 from decisions_item i where i.run = r.id::text and i.state = 'approved')
"""
DOUBLES = """
select (select count(*) from (select run, key from engine_entry group by 1, 2 having count(*) > 1) d)
     + (select count(*) from (select run, seq from engine_entry group by 1, 2 having count(*) > 1) d)
"""
BLOCKED = "select count(*) from engine_run where state in ('blocked', 'failed')"
ZERO = (
    "runs_lost",
    "effects_doubled",
    "effects_lost",
    "effects_stray",
    "effects_not_done_here",
    "posts_refused",
    "keys_not_ours",
    "approvals_unused",
    "journal_doubles",
    "journals_not_as_written",
    "replays_that_differ",
    "runs_blocked",
)


async def books(studio: Any, out: Path) -> Books:
    """Compare what was approved with what the foreign system was told, and every journal with its replay."""
    from pilothouse_port.world.serve import releases_posted

    database = studio.database
    runs = await database.fetch_all(APPROVED)
    lost = [row for row in runs if row["state"] != "done"]
    effects = await database.fetch_all("select * from effects_effect")
    wanted = {(row["args"]["container"], row["args"]["bl"]): row["effect_id"] for row in effects}
    posts = releases_posted(out)
    done = [post for post in posts if post.done]
    pairs = [(post.container, post.bl) for post in done]
    checked = await studio.engine.check(states=("parked", "blocked", "done"))
    shapes = await _journals(database)
    figures = {
        "runs_approved": len(runs),
        "runs_lost": len(lost),
        "effects_wanted": len(wanted),
        "effects_done_there": len(done),
        "effects_doubled": len(pairs) - len(set(pairs)),
        "effects_lost": len(set(wanted) - set(pairs)),
        "effects_stray": len(set(pairs) - set(wanted)),
        "effects_not_done_here": sum(row["state"] != "done" for row in effects),
        "posts_received": len(posts),
        "posts_answered_from_memory": sum(post.replayed for post in posts),
        "posts_refused": sum(not post.replayed and post.status >= 300 for post in posts),
        "keys_not_ours": len({post.idempotency_key for post in posts} - set(wanted.values())),
        "approvals_unused": await database.fetch_value(
            "select count(*) from decisions_approval where verdict = 'approve' and used_at is null"
        ),
        "runs_asked_again": sum(row["approved"] > 1 for row in runs),
        "journal_doubles": await database.fetch_value(DOUBLES),
        "journals_not_as_written": shapes,
        "replayed": len(checked),
        "replays_that_differ": sum(one.verdict != "same" for one in checked),
        "runs_blocked": await database.fetch_value(BLOCKED),
    }
    wrong = [f"{name} is {figures[name]}" for name in ZERO if figures[name]]
    wrong += [] if len(wanted) == len(runs) else ["not every approved run has its one effect"]
    wrong += [f"run {row['id']} is {row['state']}: {row['reason']}" for row in lost[:5]]
    return Books(figures=figures, wrong=wrong)


async def _journals(database: Any) -> int:
    """How many finished release runs do not hold exactly the entries of one straight run."""
    rows = await database.fetch_all(
        "select e.run, array_agg(e.kind || ' ' || e.name order by e.seq) as names from engine_entry e"
        " join engine_run r on r.id = e.run where r.workflow = 'port.release' and r.state = 'done' group by 1"
    )
    shapes: dict[tuple[str, ...], int] = {}
    for row in rows:
        shapes[tuple(row["names"])] = shapes.get(tuple(row["names"]), 0) + 1
    if len(shapes) > 1:
        print(f"journals: {shapes}", file=sys.stderr)
    return len(rows) - max(shapes.values(), default=0)


def verify_audit(run: Path) -> dict[str, Any]:
    """Ask ``pilothouse audit verify`` of the installed program."""
    order = [str(PROGRAM), "audit", "verify", "--json", "--project", str(run)]
    done = subprocess.run(order, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.stdout.strip() else {"ok": False, "error": done.stderr[-500:]}


def shares(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile and worst of some seconds."""
    if not values:
        return {}
    ordered = sorted(values)
    at = min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))
    return {
        "n": len(ordered),
        "p50": round(ordered[len(ordered) // 2], 2),
        "p95": round(ordered[at], 2),
        "max": round(ordered[-1], 2),
    }


def started(run: Path) -> str:
    """Start the discharge run from a process of its own; return its id."""
    order = [sys.executable, __file__, "start", str(run)]
    done = subprocess.run(order, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])["run"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["start", "clerk"])
    parser.add_argument("run", type=Path)
    options = parser.parse_args()
    asyncio.run(start(options.run) if options.part == "start" else clerk(options.run))


if __name__ == "__main__":
    main()
