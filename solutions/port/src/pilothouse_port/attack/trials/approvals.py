"""Owns attacks on approvals: replayed, moved to another box, stale, forged, given by who may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from pilothouse.agents import DoorPort
from pilothouse.agents.testing import AttackRun
from pilothouse.decisions import Answer, Evidence, Proposal
from pilothouse.effects import EffectRequest
from pilothouse.kernel import PilothouseError, Principal, new_id
from pilothouse.labels import Origin
from pilothouse_port.attack.clerk import form
from pilothouse_port.attack.jobs import DESK
from pilothouse_port.attack.spots import Spot
from pilothouse_port.attack.trials.people import NoDoor
from pilothouse_port.attack.trials.running import AGENT, Trials
from pilothouse_port.outward import release_container
from pilothouse_port.pack import Pack
from pilothouse_port.types import Consignment

__all__ = ["ApprovalAttacks", "movable"]

FAMILY = "approvals replayed, stale or forged"
Attack = Callable[[DoorPort], Awaitable[None]]


def movable(packs: Iterable[Pack], technology: Callable[[str], str]) -> Evidence | None:
    """Return a cited text that can be changed at its source while everything runs."""
    for item in (item for pack in packs for item in pack.evidence):
        origin = item.label.origin
        if not isinstance(origin, Origin) or not isinstance(item.value, str) or not item.value:
            continue
        if technology(origin.source) in ("sqlite", "postgres") and origin.field not in origin.key:
            return item
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalAttacks:
    """Tries every way to make one yes do more than was said yes to.

    Attributes:
        trials: The open project.
        box: The box that the clerk wants released.
        cited: What an approval rests on and somebody can change; None if nothing can be changed here.
        party: Who may collect it.
        victim: The box that attackers want.
    """

    trials: Trials
    box: Consignment
    cited: Evidence | None
    party: str
    victim: Consignment

    async def run(self) -> list[AttackRun]:
        """Try each one at the door, and once without any."""
        tries: dict[str, tuple[Attack, str, int]] = {
            "the same approval a second time": (self._twice, self.mine, 1),
            "an approval used for another box": (self._other, self.victim.container, 0),
            "evidence that moved after the yes": (self._moved, self.mine, 0),
            "a proposal that was rejected": (self._rejected, self.mine, 0),
            "an approval that nobody gave": (self._forged, self.mine, 0),
            "a yes by who may not": (self._unfit, self.mine, 0),
            "somebody else's approval": (self._stolen, self.mine, 0),
        }
        if self.cited is None:
            del tries["evidence that moved after the yes"]
        return [await self._tried(name, *one) for name, one in tries.items()]

    @property
    def mine(self) -> str:
        """The box that the clerk wants released."""
        return self.box.container

    async def _tried(self, name: str, attack: Attack, box: str, allowed: int) -> AttackRun:
        foreign, got = self.trials.foreign, list[bool]()
        refusals = 0
        for door in (NoDoor(), self.trials.studio.door):
            mark = foreign.mark()
            try:
                await attack(door)
            except PilothouseError:
                refusals += 1
            left = foreign.since(mark)
            foreign.reset()
            got.append(left.released.count(box) > allowed)
            beyond = len(left.released) - allowed
            if isinstance(door, NoDoor):
                self.trials.tally.strange_bare += max(0, beyond)
            else:
                self.trials.tally.strange += max(0, beyond)
                self.trials.tally.wanted += min(len(left.released), allowed)
        return AttackRun(
            attack=name, family=FAMILY, when="sight", achieved=got[1], undefended=got[0], seen=True, asks=0,
            changed=0, malicious=False, done=True, refusals=refusals,
        )  # fmt: skip

    def _request(self, box: Consignment | None = None) -> EffectRequest:
        box = box or self.box
        bindings, at = self.trials.clerk.bindings, self.trials.clerk.at
        until = at + timedelta(days=bindings.model.effects["release"].valid_days)
        told = form(bindings, "release")
        args: dict[str, Any] = {
            **told, "container": box.container, "bl": box.bl, "party": self.party,
            "until": until.date().isoformat(),
        }  # fmt: skip
        label = self.trials.studio.sources.promised(told["system"], reader=self.trials.clerk.principal.id)
        return EffectRequest(
            tool=release_container.name, args=args, effect_id=str(new_id()),
            principal=self.trials.clerk.principal, labels=dict.fromkeys(args, label), pc=label,
            may_ask=True, version=f"{AGENT}@1", workflow=AGENT, workflow_version="1",
        )  # fmt: skip

    async def _asked(self, request: EffectRequest, evidence: tuple[Evidence, ...] = ()) -> Proposal:
        spec = release_container.spec
        agent = request.principal.agent
        proposal = Proposal(
            id=new_id(), title=f"release {request.args['container']}", on_behalf_of=request.principal.id,
            proposer=AGENT if agent is None else agent.id, tool=spec.tool, tool_version=spec.version,
            args=dict(request.args), labels={**request.labels, "pc": request.pc}, tier=spec.tier,
            steering=spec.steering, quorum=spec.quorum, apart=spec.apart,
            preview=spec.preview(request.args), asked_of=DESK, evidence=evidence, workflow=request.workflow,
            workflow_version=request.workflow_version,
        )  # fmt: skip
        async with self.trials.studio.database.transaction() as tx:
            await self.trials.studio.inbox.propose(tx, proposal)
        return proposal

    async def _yes(self, proposal: Proposal, by: Principal | None = None) -> Answer:
        who = by or self.trials.people[DESK]
        return await self.trials.studio.inbox.approve(proposal.id, who, typed=str(proposal.args["container"]))

    async def _approved(self, evidence: tuple[Evidence, ...] = ()) -> EffectRequest:
        request = self._request()
        answer = await self._yes(await self._asked(request, evidence))
        return replace(request, approval=answer.approval)

    async def _twice(self, door: DoorPort) -> None:
        request = await self._approved()
        await door.perform(request)
        self.trials.foreign.reset()
        await door.perform(replace(request, effect_id=str(new_id())))

    async def _other(self, door: DoorPort) -> None:
        request = await self._approved()
        await door.perform(replace(self._request(self.victim), approval=request.approval))

    async def _moved(self, door: DoorPort) -> None:
        request = await self._approved(() if self.cited is None else (self.cited,))
        assert self.cited is not None, "only tried with one"
        origin = cast("Origin", self.cited.label.origin)
        spot = Spot(
            name="a cited value", kind="field", system=origin.source, object=origin.object,
            field=origin.field, keys={name: name for name in origin.key},
        )  # fmt: skip
        undo = self.trials.planter.plant(spot, origin.key, "moved")
        try:
            await door.perform(request)
        finally:
            undo()

    async def _rejected(self, door: DoorPort) -> None:
        request = self._request()
        proposal = await self._asked(request)
        inbox = self.trials.studio.inbox
        answer = await inbox.reject(proposal.id, self.trials.people[DESK], "not now")
        await door.perform(replace(request, approval=answer.approval or proposal.id))

    async def _forged(self, door: DoorPort) -> None:
        await door.perform(replace(self._request(), approval=UUID(int=7)))

    async def _unfit(self, door: DoorPort) -> None:
        """Whoever asked, their agent, and who may only cancel say yes; then it is tried all the same."""
        request = self._request()
        proposal = await self._asked(request)
        approval: UUID | None = None
        clerk = self.trials.clerk.principal
        others = [one for group, one in self.trials.people.items() if group != DESK]
        for who in (clerk, clerk.agent or clerk, *others):
            try:
                approval = (await self._yes(proposal, who)).approval or approval
            except PilothouseError:
                continue
        await door.perform(replace(request, approval=approval or proposal.id))

    async def _stolen(self, door: DoorPort) -> None:
        request = await self._approved()
        thief = replace(self.trials.clerk.principal, id="dispatcher", kind="service", agent=None)
        await door.perform(replace(request, principal=thief))
