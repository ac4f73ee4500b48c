"""A process that performs an approved call, as approved or with one bound part changed; may be told to die.

Run by the chaos tests. The foreign system is a file: each line is one thing that happened outside.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from pilothouse.decisions import Evidence, Inbox, Quorum, find_approval
from pilothouse.effects import Door, EffectCall, EffectRequest, EffectSpec, EffectsSettings
from pilothouse.effects.testing import (
    AMIRA,
    RUNNER,
    FakePeople,
    FakeSources,
    marked,
    read,
    release_spec,
    request_for,
)
from pilothouse.kernel import PilothouseError
from pilothouse.labels import Integrity
from pilothouse.storage import Database, StorageSettings, open_database

SETTINGS = EffectsSettings(lease=0.5, resend_lease=0.5, patience=3, sweep_grace=0)


@dataclass
class World:
    """Everything that an approval rests on, as it was when it was given."""

    request: EffectRequest
    spec: EffectSpec = field(default_factory=lambda: release_spec(idempotent_by_effect_id=True))
    sources: FakeSources = field(default_factory=lambda: FakeSources(values={"status": "CLEARED"}))
    people: FakePeople = field(default_factory=lambda: FakePeople(people={AMIRA.id: AMIRA}))

    def call(self, **changes: Any) -> None:
        self.request = replace(self.request, **changes)

    def args(self, **changes: Any) -> None:
        args = {**self.request.args, **changes}
        self.call(args=args, labels=dict.fromkeys(args, self.request.pc))

    def declare(self, **changes: Any) -> None:
        self.spec = replace(self.spec, **changes)

    def approver(self, **changes: Any) -> None:
        self.people.people[AMIRA.id] = replace(AMIRA, **changes)

    def cite(self, *evidence: Evidence) -> None:
        self.call(evidence=evidence)


STATUS = Evidence.of("customs.status", read("status", "CLEARED"))

# One change of each part that an approval binds.
MUTATIONS: dict[str, Callable[[World], object]] = {
    "argument": lambda world: world.args(container="TGHU7654321"),
    "steering argument": lambda world: world.args(party="EVIL"),
    "type of an argument": lambda world: world.args(party=["ACME"]),
    "further argument": lambda world: world.args(note="quickly"),
    "tool version": lambda world: world.declare(version="2"),
    "evidence value": lambda world: world.sources.values.update(status="HELD"),
    "evidence that appears": lambda world: world.sources.values.update(hold="STOP"),
    "evidence that is gone": lambda world: world.sources.values.clear(),
    "evidence left out": lambda world: world.cite(STATUS),
    "data version": lambda world: world.call(data_versions={"tariff": "t-2"}),
    "data version left out": lambda world: world.call(data_versions={}),
    "policy version": lambda world: world.call(policy_version="policy-2"),
    "policy in force": lambda world: setattr(world.sources, "versions", {"policy_version": "policy-2"}),
    "workflow version": lambda world: world.call(workflow_version="8"),
    "on behalf of": lambda world: world.call(principal=replace(RUNNER, id="other-flow")),
    "approver gone": lambda world: world.people.people.clear(),
    "approver no person": lambda world: world.approver(kind="service"),
    "approver without the right": lambda world: world.approver(rights=frozenset(), groups=frozenset()),
    "approver may not read it": lambda world: world.call(pc=marked(Integrity.RECORD, "acl:vault")),
    "quorum": lambda world: world.declare(quorum=Quorum(count=2)),
    "group of the quorum": lambda world: world.declare(quorum=Quorum(groups=("customs-desk",))),
    "people kept apart": lambda world: world.declare(quorum=Quorum(distinct_from=("desk",))),
    "separate duty": lambda world: world.declare(apart=("cancel_release",)),
    "caller without the right": lambda world: world.call(principal=replace(RUNNER, rights=frozenset())),
    "agent without the right": lambda world: world.call(
        principal=replace(RUNNER, agent=replace(RUNNER, id="agent@1", rights=frozenset()))
    ),
}


def line(path: Path, text: str) -> None:
    """Let something happen outside."""
    with path.open("a") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


class Work:
    """What one process does."""

    def __init__(self, database: Database, outside: Path, die: str) -> None:
        self.database, self.outside, self.die = database, outside, die

    async def world(self, approval: UUID) -> World:
        """Return the call that the approval is good for."""
        granted = await find_approval(self.database, approval)
        assert granted is not None
        request = request_for(granted.proposal, None, approval=approval)
        return World(request=replace(request, effect_id="run-1:3"))

    async def perform(self, world: World) -> str:
        """Perform through a door of its own; return the state, or the error's code."""
        if self.die == "while it looks":
            world.sources.reread = self.dies  # type: ignore[method-assign, assignment]
        door = Door(
            self.database,
            Inbox(self.database),
            rereader=world.sources,
            versions=world.sources,
            principals=world.people,
            settings=SETTINGS,
        )
        door.register(world.spec, self.send)
        try:
            return (await door.perform(world.request)).state
        except PilothouseError as error:
            return error.code

    async def send(self, call: EffectCall) -> str:
        if self.die == "before it sends":
            await self.dies(call)
        done = self.outside.read_text().splitlines() if self.outside.exists() else []
        if call.effect_id not in done:
            line(self.outside, call.effect_id)
        if self.die == "after it sent":
            await self.dies(call)
        return "released"

    async def dies(self, _: object) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, outside: str, approval: str, what: str, die: str) -> None:
    async with open_database(StorageSettings(database_url=url, migrate=False)) as database:
        work = Work(database, Path(outside), die)
        said: dict[str, str] = {}
        for name in MUTATIONS if what == "changed" else ():
            world = await work.world(UUID(approval))
            MUTATIONS[name](world)
            said[name] = await work.perform(world)
            fresh = replace(world, request=replace(world.request, effect_id=f"run-1:{name}"))
            said[f"{name}, new id"] = await work.perform(fresh)
        if what == "as approved":
            said[what] = await work.perform(await work.world(UUID(approval)))
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
