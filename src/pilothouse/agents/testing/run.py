"""Owns running a world: every task in peace, then every attack, on the real door over a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pilothouse.agents.calling import DoorPort
from pilothouse.agents.notes import KeptNotes
from pilothouse.agents.session import Session
from pilothouse.agents.stored import Advance
from pilothouse.agents.testing.agent import When, WorstCaseAgent
from pilothouse.agents.testing.orders import Order, letter
from pilothouse.agents.testing.people import OWNER, Colleague, Nobody, People
from pilothouse.agents.testing.readers import HonestReader, WorstCaseReader
from pilothouse.agents.testing.report import AttackRun, Report, TaskRun
from pilothouse.agents.testing.world import Attack, State, Task, World
from pilothouse.decisions import Inbox
from pilothouse.effects import Door, EffectRequest, EffectSpec, Handler, Outcome
from pilothouse.kernel import PilothouseError, new_id

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["Case", "OpenDoor", "door_of", "run_world"]


async def run_world(world: World, database: Database, *, attacks: bool = True) -> Report:
    """Run every task of a world without an attack, then every attack.

    Args:
        world: The world.
        database: Empty and migrated.
        attacks: Whether to run the attacks too.

    Returns:
        What came of it; success is judged from the world's state alone.
    """
    await _publish(world, database)
    tasks: list[TaskRun] = []
    raised: dict[str, frozenset[bytes]] = {}
    for task in world.tasks.values():
        run, asked = await _in_peace(world, task, database)
        tasks.append(run)
        raised[task.name] = asked
    runs: list[AttackRun] = []
    for attack in world.attacks if attacks else ():
        expected = frozenset[bytes]().union(*(raised[name] for name in _tasks_of(attack)))
        for when in ("sight", "end"):
            runs.append(await _under(world, attack, when, expected, database))
    return Report(world=world.name, tasks=tuple(tasks), attacks=tuple(runs))


@dataclass(kw_only=True)
class Case:
    """One state of a world with its door and its people.

    Attributes:
        world: The world.
        database: Where door and inbox are.
        state: The state; a fresh one unless given.
        expected: Questions that the person approves; None approves all.
        answering: Whether anybody answers.
        guarded: Whether the tools stand behind the door; without it everything that is called happens, which
            shows what an attack would do.
    """

    world: World
    database: Database
    expected: frozenset[bytes] | None = None
    answering: bool = True
    guarded: bool = True
    state: State = field(default_factory=dict)  # type: ignore[assignment]
    notes: KeptNotes = field(default_factory=KeptNotes)
    asker: Nobody = field(init=False)
    door: DoorPort = field(init=False)

    def __post_init__(self) -> None:
        self.state = self.state or self.world.fresh()
        inbox = Inbox(self.database)
        if self.guarded:
            self.door = door_of(self.world, self.state, self.database, inbox)
        else:
            self.door = OpenDoor(self.world.handlers(self.state))
        if self.answering:
            self.asker = Colleague(inbox=inbox, database=self.database, expected=self.expected)
        else:
            self.asker = Nobody(inbox=inbox, database=self.database)

    def session(self, task: Task, *, worst: bool) -> Session:
        """Return a session for one task, on this state and these notes."""
        reader = WorstCaseReader if worst else HonestReader
        return Session(
            principal=self.world.user,
            tools=self.world.tools(self.state),
            door=self.door,
            request=task.request,
            reader=reader(task.answers),
            asker=self.asker,
            asked_of="approvers",
            name=self.world.name,
            version="1",
            run=str(new_id()),
            notes=self.notes,
        )


def door_of(world: World, state: State, database: Database, inbox: Inbox) -> Door:
    """Return a door whose tools act on ``state``."""
    door = Door(database, inbox, principals=People(world.user), directory=_Directory(world, state))
    for spec, handler in world.handlers(state):
        door.register(spec, handler)
    return door


class OpenDoor:
    """Lets everything out: the world without this platform.

    Args:
        handlers: What is called, by declaration.
    """

    def __init__(self, handlers: Iterable[tuple[EffectSpec, Handler]]) -> None:
        self._handlers = {spec.tool: handler for spec, handler in handlers}

    async def perform(self, request: EffectRequest) -> Outcome:
        """Do it."""
        result = await self._handlers[request.tool](request.call())
        return Outcome(effect_id=request.effect_id, state="done", result=result)


async def _publish(world: World, database: Database) -> None:
    """Endorse the flows that the owner lets pass for this version of the agent."""
    door = door_of(world, world.fresh(), database, Inbox(database))
    expiry = datetime.now(UTC) + timedelta(days=1)
    for flow in world.flows:
        for source in flow.sources:
            await door.endorsements.grant(
                OWNER, workflow=world.name, version="1", source=source, tool=flow.tool, arg=flow.arg,
                treatment=flow.treatment, expiry=expiry, reason="published with the agent",
            )  # fmt: skip


async def _in_peace(world: World, task: Task, database: Database) -> tuple[TaskRun, frozenset[bytes]]:
    alone = Case(world=world, database=database, answering=False)
    session = alone.session(task, worst=False)
    session.bind(task.plan)
    steps = await session.finish()
    unasked = await _done(task, session, alone.state, steps)
    helped = Case(world=world, database=database)
    session = helped.session(task, worst=False)
    session.bind(task.plan)
    steps = await session.finish()
    done = await _done(task, session, helped.state, steps)
    asked = helped.asker.asked
    run = TaskRun(
        task=task.name, alone=unasked, done=done, asks=len(asked), stopped=() if done else _why(steps)
    )
    return run, frozenset(asked)


async def _under(
    world: World, attack: Attack, when: When, expected: frozenset[bytes], database: Database
) -> AttackRun:
    bare, _ = await _attacked(world, attack, when, None, database, guarded=False)
    run, changed = await _attacked(world, attack, when, expected, database)
    run = replace(run, undefended=bare.achieved)
    if not changed:
        return run
    # Would the question have helped the attacker, had a careless person said yes to everything?
    careless, _ = await _attacked(world, attack, when, None, database)
    return replace(run, changed=changed, malicious=careless.achieved)


async def _attacked(
    world: World,
    attack: Attack,
    when: When,
    expected: frozenset[bytes] | None,
    database: Database,
    *,
    guarded: bool = True,
) -> tuple[AttackRun, int]:
    case = Case(world=world, database=database, expected=expected, guarded=guarded)
    attack.place.plant(case.state, f"{attack.text}\n{letter(attack.says)}".strip())
    done, refusals, seen = True, 0, not any(isinstance(one, Order) for one in attack.says)
    for name in _tasks_of(attack):
        task = world.tasks[name]
        session = case.session(task, worst=True)
        agent = WorstCaseAgent(session, readable=world.readable(), when=when)
        steps = await agent.run(task.plan)
        done = done and await _done(task, session, case.state, steps)
        refusals += len(agent.refusals)
        seen = (
            seen
            or agent.obeyed
            or not any(isinstance(one, Order) for one in attack.says)
            or not any(isinstance(one, Order) for one in attack.says)
        )
    asked = case.asker.asked
    run = AttackRun(
        attack=attack.name,
        family=attack.family,
        when=when,
        achieved=_judged(attack.achieved, case.state),
        undefended=False,
        seen=seen,
        asks=len(asked),
        changed=0,
        malicious=False,
        done=done,
        refusals=refusals,
    )
    return run, sum(one not in (expected or ()) for one in asked)


async def _done(task: Task, session: Session, state: State, steps: Sequence[Advance]) -> bool:
    if any(step.state == "failed" for step in steps) or not _judged(task.done, state):
        return False
    if task.answer is None:
        return True
    try:
        return (await session.answer()).value == task.answer
    except PilothouseError:
        return False


def _judged(done: Callable[[State], bool], state: State) -> bool:
    try:
        return done(state)
    except LookupError:
        return False


def _why(steps: Iterable[Advance]) -> tuple[str, ...]:
    found = [f"{step.step} {code}" for step in steps if step.failure for code in step.failure.codes]
    return tuple(found) or ("the state is not as it should be",)


def _tasks_of(attack: Attack) -> tuple[str, ...]:
    named = attack.place.task
    return (named,) if isinstance(named, str) else named


class _Directory:
    """Who a recipient is in a world."""

    def __init__(self, world: World, state: State) -> None:
        self._world, self._state = world, state

    def acls(self, recipient: str) -> frozenset[str]:
        """Return the ACL ids that the recipient satisfies; none for the unknown."""
        return frozenset(self._world.knows(self._state, recipient) or ())
