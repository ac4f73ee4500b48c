"""Owns what an approval must still be at the moment of the effect: of this very call, by people who may."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.decisions import (
    VOID,
    Approval,
    Bound,
    Change,
    Evidence,
    Granted,
    Proposal,
    bind,
    find_approval,
    insufficient,
    row_versions,
)
from pilothouse.effects.declare import EffectSpec
from pilothouse.effects.gate.weigh import beyond, vouched
from pilothouse.effects.once.rows import Ticket
from pilothouse.effects.types import EffectRequest
from pilothouse.kernel import RIGHTS, Authority, ConflictError, DeniedError, Principal, UsageError
from pilothouse.labels import Integrity, Origin
from pilothouse.policy import judge

if TYPE_CHECKING:
    from pilothouse.effects.ports import Principals, Rereader, Versions
    from pilothouse.storage import Database

__all__ = ["Approvals", "VoidError"]

AT_ONCE = 8
POLICY = "policy_version"


class VoidError(ConflictError):
    """What an approval bound has changed since; ``changes`` names each part, before and after."""

    code = VOID

    def __init__(self, message: str, *, changes: Sequence[Change], attack: bool = False) -> None:
        super().__init__(message)
        self.changes = tuple(changes)
        self.attack = attack


class ForgedError(DeniedError):
    """What was handed in as an approval is none that opens a door; audited as an attack."""

    code = "effects.forged"
    attack = True


class Approvals:
    """Validates the whole set of approvals behind one, against the actual call and the world as it is now."""

    def __init__(
        self,
        database: Database,
        *,
        rereader: Rereader | None = None,
        versions: Versions | None = None,
        principals: Principals | None = None,
        authority: Authority = RIGHTS,
    ) -> None:
        self._database = database
        self._rereader = rereader
        self._versions = versions
        self._principals = principals
        self._authority = authority

    async def check(
        self, spec: EffectSpec, request: EffectRequest, id: UUID, *, reached: Collection[str]
    ) -> Ticket:
        """Return the ticket that uses the approval up.

        Raises:
            VoidError: Something it bound changed, or who gave it may not any more.
            DeniedError: ``effects.forged`` or ``effects.denied``: it could never open this door.
            UsageError: ``effects.unbound``: nothing here can read evidence again or tell people.
        """
        granted = await find_approval(self._database, id)
        if granted is None:
            raise VoidError(f"approval {str(id)!r} does not exist; ask for one", changes=(), attack=True)
        if granted.proposal.kind != "decision":
            raise ForgedError(
                f"approval {str(id)!r} is of kind {granted.proposal.kind!r}, which opens no door; ask first",
                reasons=("effects.forged",),
            )
        if granted.approval.verdict != "approve":
            raise VoidError(f"approval {str(id)!r} is void: the person said no; ask again", changes=())
        now = await self._now(spec, request, granted.proposal)
        _require_same(granted, now)
        if request.workflow not in ("", granted.proposal.workflow):
            moved = Change(part="workflow", before=granted.proposal.workflow, after=request.workflow)
            raise _void(granted, [moved])
        await self._require_people(spec, request, granted, reached)
        _require_sink(spec, request, granted.approval)
        return Ticket(
            opened="approved",
            args=request.args,
            approval=granted.approval.id,
            proposal=granted.proposal.id,
            subject=now.subject,
        )

    async def _require_people(
        self, spec: EffectSpec, request: EffectRequest, granted: Granted, reached: Collection[str]
    ) -> None:
        """Refuse unless everyone who said yes is still there, still may, and may read what is opened."""
        opened = sorted(beyond(request, reached))
        found = {
            voice.approver: await self._person(voice, needed=bool(opened)) for voice in granted.approvals
        }
        changes = [
            change for id, person in found.items() for change in self._faults(id, person, granted, opened)
        ]
        groups = {id: person.groups if person else frozenset[str]() for id, person in found.items()}
        known = self._principals is not None
        missing = insufficient(granted, quorum=spec.quorum, members=groups.__getitem__ if known else None)
        if missing is not None and not changes:
            changes.append(Change(part="approvals", before="enough", after=missing))
        if set(spec.apart) - set(granted.proposal.apart):
            changes.append(Change(part="apart", before=str(granted.proposal.apart), after=str(spec.apart)))
        if changes:
            raise _void(granted, changes)

    async def _person(self, voice: Approval, *, needed: bool) -> Principal | None:
        if self._principals is not None:
            return await self._principals.find(voice.approver)
        if needed:
            raise UsageError(
                f"whether {voice.approver!r} may read what this effect opens cannot be told here; "
                "bind Principals to the door",
                code="effects.unbound",
            )
        return Principal(id=voice.approver)

    def _faults(
        self, id: str, person: Principal | None, granted: Granted, opened: Sequence[str]
    ) -> list[Change]:
        """Name what somebody who said yes may not any more."""
        part = f"approver.{id}"
        if person is None or person.kind != "person":
            return [Change(part=part, before="active", after="(absent)")]
        if self._principals is None:
            return []
        right = f"decisions:{granted.proposal.area}"
        addressed = not {person.id, *person.groups}.isdisjoint(granted.asked)
        faults = [] if addressed or self._authority.may(person, right) else [right]
        faults += [acl for acl in opened if not self._authority.reads(person, acl)]
        return [Change(part=part, before=f"may {fault!r}", after="may not") for fault in faults]

    async def _now(self, spec: EffectSpec, request: EffectRequest, proposal: Proposal) -> Bound:
        """Recompute everything an approval binds from the call and the sources as they are now."""
        read = await self._reread(request.evidence or proposal.evidence)
        rows = _row_versions(read, proposal.data_versions)
        versions = dict(request.data_versions)
        versions.update({name: rows[name] for name in proposal.data_versions if name in rows})
        policy = request.policy_version
        if self._versions is not None:
            names = sorted({*proposal.data_versions, *versions} - rows.keys())
            current = await self._versions.current([POLICY, *names])
            versions.update({name: current[name] for name in names if name in current})
            policy = current.get(POLICY, policy)
        return Bound(
            tool=request.tool,
            tool_version=spec.version,
            args=request.args,
            evidence=tuple(item for item, _ in read),
            data_versions=versions,
            policy_version=policy,
            workflow_version=request.workflow_version,
            on_behalf_of=request.principal.id,
        )

    async def _reread(self, evidence: tuple[Evidence, ...]) -> list[tuple[Evidence, bool]]:
        """Return each piece as it is now, and whether its source still has it."""
        if not evidence:
            return []
        rereader = self._rereader
        if rereader is None:
            raise UsageError(
                f"evidence {evidence[0].name!r} cannot be read again here; bind a Rereader to the door",
                code="effects.unbound",
            )
        places = asyncio.Semaphore(AT_ONCE)

        async def again(item: Evidence) -> tuple[Evidence, bool]:
            async with places:
                now = await rereader.reread(item)
            if now is not None:
                return Evidence.of(item.name, now), True
            # A row that is gone says None; that is a change unless its absence was the evidence.
            return replace(item, value=None), False

        found = await asyncio.gather(*(again(item) for item in evidence), return_exceptions=True)
        read: list[tuple[Evidence, bool]] = []
        for one in found:
            if isinstance(one, BaseException):
                raise one
            read.append(one)
        return read


def _require_same(granted: Granted, now: Bound) -> None:
    """Refuse unless every voice was given for exactly this call."""
    if all(voice.subject == now.subject for voice in granted.approvals):
        return
    changes = bind(granted.proposal).changes(now)
    raise _void(granted, changes)


def _require_sink(spec: EffectSpec, request: EffectRequest, approval: Approval) -> None:
    """Refuse what not even an approval opens: it counts as approved, never as a person's own words."""
    by = Origin(
        source="approval",
        object=spec.tool,
        key={},
        field="",
        version=str(approval.id),
        read_at=datetime.fromtimestamp(0, UTC),
    )
    labels, pc = vouched(request, Integrity.APPROVED, by=by)
    verdict = judge(spec.sink, labels, pc, reached=beyond(request, ()), may_ask=False)
    if not verdict.allowed:
        raise DeniedError(
            f"{spec.tool!r} takes only a person's own words; an approval does not open it",
            code="effects.denied",
            reasons=verdict.reasons,
        )


def _void(granted: Granted, changes: Sequence[Change]) -> VoidError:
    listed = "; ".join(str(change) for change in changes) or "something it bound"
    return VoidError(
        f"the approval of {granted.proposal.title!r} by {granted.approval.approver!r} is void, this changed "
        f"since: {listed}; ask again",
        changes=changes,
    )


def _row_versions(read: list[tuple[Evidence, bool]], bound: Mapping[str, str]) -> dict[str, str]:
    """Return the version of every cited row now; of several readings of one row the one that moved."""
    rows = row_versions(item for item, there in read if not there)
    fresh: dict[str, str] = {}
    for item, there in read:
        for name, version in row_versions([item] if there else []).items():
            if fresh.get(name, bound.get(name)) == bound.get(name):
                fresh[name] = version
    return rows | fresh
