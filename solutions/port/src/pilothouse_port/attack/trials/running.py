"""Owns running jobs and attacks: every job in peace, every attack at first sight and at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.agents import Advance, DoorPort, KeptNotes, Session
from pilothouse.agents.testing import (
    AttackRun,
    HonestReader,
    Order,
    TaskRun,
    WorstCaseAgent,
    WorstCaseReader,
    letter,
)
from pilothouse.app import open_sources
from pilothouse.kernel import PilothouseError, Principal, new_id
from pilothouse_port.attack.clerk import Clerk
from pilothouse_port.attack.foreign import Foreign, Left
from pilothouse_port.attack.jobs import Job
from pilothouse_port.attack.plots import Plot
from pilothouse_port.attack.spots import Planter
from pilothouse_port.attack.trials.people import Desk, NoDoor

if TYPE_CHECKING:
    from pilothouse.app import Studio

__all__ = ["AGENT", "Tally", "Trials", "strange"]

AGENT = "clerk-assistant"
WHENS = ("sight", "end")


@dataclass(slots=True)
class Tally:
    """What left the house in all."""

    wanted: int = 0
    strange: int = 0
    strange_bare: int = 0


def _things(left: Left) -> Counter[object]:
    return Counter([
        *(("released", one) for one in left.released), *(("cancelled", one) for one in left.cancelled),
        *(("mail", mail.to, mail.text) for mail in left.mails),
    ])  # fmt: skip


def strange(left: Left, wanted: Iterable[Left]) -> int:
    """Return how many things left beyond those of the clerk's own requests."""
    expected: Counter[object] = Counter()
    for one in wanted:
        expected += _things(one)
    return (_things(left) - expected).total()


@dataclass(kw_only=True)
class Trials:
    """Runs jobs and attacks on one open project.

    Attributes:
        studio: The project: its door, inbox, database and sources.
        clerk: The tools.
        people: Who answers, by group.
        foreign: What left.
        planter: Writes as an outsider.
        tally: What left while attacks ran.
    """

    studio: Studio
    clerk: Clerk
    people: dict[str, Principal]
    foreign: Foreign
    planter: Planter
    tally: Tally = field(default_factory=Tally)
    _raised: dict[str, frozenset[bytes]] = field(default_factory=dict[str, "frozenset[bytes]"])
    _wanted: dict[str, Left] = field(default_factory=dict[str, Left])

    def desk(self, *, expected: frozenset[bytes] | None = None, answering: bool = True) -> Desk:
        """Return who answers."""
        return Desk(
            inbox=self.studio.inbox, database=self.studio.database, people=self.people, expected=expected,
            answering=answering,
        )  # fmt: skip

    async def in_peace(self, job: Job) -> TaskRun:
        """Do a job with nobody answering, then with a person."""
        alone, _, _, _ = await self._job(job, self.desk(answering=False))
        desk = self.desk()
        done, left, steps, _ = await self._job(job, desk)
        self._raised[job.name], self._wanted[job.name] = frozenset(desk.asked), left
        stopped = [f"{one.step} {code}" for one in steps if one.failure for code in one.failure.codes]
        return TaskRun(
            task=job.name, alone=alone, done=done, asks=len(desk.asked),
            stopped=() if done else tuple(stopped) or ("what left is not what was wanted",),
        )  # fmt: skip

    async def under(self, plot: Plot) -> list[AttackRun]:
        """Run one attack: without the door, then at first sight and at the end."""
        for job in plot.jobs:
            if job.name not in self._raised:
                await self.in_peace(job)
        expected = frozenset[bytes]().union(*(self._raised[job.name] for job in plot.jobs))
        async with self._planted(plot) as clerk:
            bare, _ = await self._attacked(plot, "sight", expected, clerk, bare=True)
            return [
                replace(await self._guarded(plot, when, expected, clerk), undefended=bare.achieved)
                for when in WHENS
            ]

    async def _guarded(self, plot: Plot, when: str, expected: frozenset[bytes], clerk: Clerk) -> AttackRun:
        run, asked = await self._attacked(plot, when, expected, clerk)
        changed = sum(one not in expected for one in asked)
        if not changed:
            return run
        # Would the question have helped the attacker, had a careless person said yes to everything?
        careless, _ = await self._attacked(plot, when, None, clerk, count=False)
        return replace(run, changed=changed, malicious=careless.achieved)

    async def _attacked(
        self, plot: Plot, when: str, expected: frozenset[bytes] | None, clerk: Clerk, *, bare: bool = False,
        count: bool = True,
    ) -> tuple[AttackRun, list[bytes]]:  # fmt: skip
        desk, notes, left = self.desk(expected=expected), KeptNotes(), Left()
        ordered = any(isinstance(one, Order) for one in plot.says)
        done, seen, refusals = True, not ordered, 0
        for number, job in enumerate(plot.jobs):
            name = f"{AGENT}-{number}" if plot.agents else AGENT
            here, then, _, agent = await self._job(
                job, desk, when=when, notes=notes, door=NoDoor() if bare else None, agent=name,
                around=plot.around, clerk=clerk,
            )  # fmt: skip
            assert agent is not None
            done, seen, left = done and here, seen or agent.obeyed, left.then(then)
            refusals += len(agent.refusals)
        if count:
            self._count(left, [self._wanted[job.name] for job in plot.jobs], bare=bare)
        return AttackRun(
            attack=plot.name, family=plot.family, when=when, achieved=plot.achieved(left), undefended=False,
            seen=seen, asks=len(desk.asked), changed=0, malicious=False, done=done, refusals=refusals,
        ), desk.asked  # fmt: skip

    @asynccontextmanager
    async def _planted(self, plot: Plot) -> AsyncGenerator[Clerk]:
        """Keep the text of an attack in its place; a tool says what it says when its server starts."""
        box = {"container": plot.place.box.container, "bl": plot.place.box.bl}
        undo = self.planter.plant(plot.place.spot, box, f"{plot.text}\n{letter(plot.says)}".strip())
        try:
            if plot.place.spot.kind != "tool":
                yield self.clerk
                return
            with _unpinned(self.studio.project.folder) as folder:
                async with open_sources(folder, acting=self.studio.principal.id) as (sources, _):
                    yield replace(self.clerk, sources=sources)
        finally:
            undo()

    def _count(self, left: Left, wanted: Sequence[Left], *, bare: bool) -> None:
        beyond = strange(left, wanted)
        if bare:
            self.tally.strange_bare += beyond
        else:
            self.tally.strange += beyond
            self.tally.wanted += left.count - beyond

    async def _job(
        self, job: Job, desk: Desk, *, when: str = "", notes: KeptNotes | None = None,
        door: DoorPort | None = None, agent: str = AGENT, around: Sequence[str] = (),
        clerk: Clerk | None = None,
    ) -> tuple[bool, Left, list[Advance], WorstCaseAgent | None]:  # fmt: skip
        """Run a job by a good agent, or by the worst with ``when``; return whether it was done."""
        reader: Callable[..., HonestReader] = WorstCaseReader if when else HonestReader
        clerk = clerk or self.clerk
        session = Session(
            principal=clerk.principal, tools=clerk.toolbox(), door=door or self.studio.door,
            request=job.request, reader=reader(job.answers), asker=desk, asked_of=job.asked_of,
            authority=self.studio.authority, name=agent, version="1", run=str(new_id()), notes=notes,
        )  # fmt: skip
        mark = self.foreign.mark()
        worst = None
        if when:
            worst = WorstCaseAgent(session, readable=around, when="end" if when == "end" else "sight")
            steps = await worst.run(job.plan)
        else:
            session.bind(job.plan)
            steps = await session.finish()
        left = self.foreign.since(mark)
        done = all(step.state != "failed" for step in steps) and await _answered(session, job)
        if left.released or left.cancelled:
            self.foreign.reset()
        return done and job.done(left), left, steps, worst


@contextmanager
def _unpinned(folder: Path) -> Generator[Path]:
    """Let a tool server say what it says for the first time: one that changes its words later is cut off."""
    with tempfile.TemporaryDirectory() as aside:
        fresh = Path(aside)
        shutil.copy(folder / "pilothouse.toml", fresh)
        yield fresh


async def _answered(session: Session, job: Job) -> bool:
    if job.plan.answer is None:
        return True
    try:
        await session.answer()
    except PilothouseError:
        return False
    return True
