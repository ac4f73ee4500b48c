"""Owns what must hold before the door opens: declaration, right, an approval that binds this very call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.decisions import VOID, Bound, Change, Evidence, Proposal, bind, find_approval, row_versions
from pilothouse.effects.declare import EffectSpec
from pilothouse.effects.ledger import Ticket
from pilothouse.effects.types import EffectRequest
from pilothouse.kernel import ConflictError, DeniedError, PilothouseError, UsageError, require

if TYPE_CHECKING:
    from pilothouse.effects.ports import Rereader, Versions
    from pilothouse.storage import Database

__all__ = ["Gate", "VoidError", "check_call"]

AT_ONCE = 8
POLICY = "policy_version"


class VoidError(ConflictError):
    """What an approval bound has changed since; ``changes`` names each part, before and after."""

    code = VOID

    def __init__(self, message: str, *, changes: Sequence[Change]) -> None:
        super().__init__(message)
        self.changes = tuple(changes)


def check_call(spec: EffectSpec, request: EffectRequest) -> None:
    """Refuse a call that cannot be stored or does not fit its declaration.

    Raises:
        UsageError: ``effects.not_canonical``, ``effects.args``, ``effects.effect_id`` or ``labels.missing``.
    """
    if not request.effect_id:
        raise UsageError(
            f"{spec.tool!r}: {request.effect_id!r} is no effect id; give one", code="effects.effect_id"
        )
    try:
        _ = request.call_hash
    except PilothouseError as error:
        raise UsageError(f"{spec.tool!r}: {error.message}", code="effects.not_canonical") from error
    missing = [name for name in (*spec.steering, *spec.idempotency) if name not in request.args]
    if missing:
        raise UsageError(f"{spec.tool!r} needs the argument {missing[0]!r}; pass it", code="effects.args")
    bare = [name for name in request.args if name not in request.labels]
    if bare:
        raise UsageError(
            f"{spec.tool!r}: the argument {bare[0]!r} has no label; pass one in labels=",
            code="labels.missing",
        )


class Gate:
    """Checks one call against rights and approval."""

    def __init__(self, database: Database, *, rereader: Rereader | None, versions: Versions | None) -> None:
        self._database = database
        self._rereader = rereader
        self._versions = versions

    async def open(self, spec: EffectSpec, request: EffectRequest) -> Ticket:
        """Return what the intent needs to use the approval up.

        Raises:
            DeniedError: ``policy.denied`` or ``effects.needs_approval``.
            ConflictError: ``decisions.void``.
        """
        require(request.principal, spec.needed_right)
        if request.approval is not None:
            return await self._approved(spec, request, request.approval)
        if spec.needs_approval:
            raise DeniedError(
                f"{spec.tool!r}, tier {spec.tier}, needs a person's approval; ask with decide() first",
                code="effects.needs_approval",
                reasons=("effects.needs_approval",),
            )
        return Ticket()

    async def _approved(self, spec: EffectSpec, request: EffectRequest, id: UUID) -> Ticket:
        found = await find_approval(self._database, id)
        if found is None:
            raise VoidError(f"approval {str(id)!r} does not exist; ask for one", changes=())
        approval, proposal = found.approval, found.proposal
        now = await self._now(spec, request, proposal)
        subject = now.subject
        if subject != approval.subject:
            changes = bind(proposal).changes(now)
            listed = "; ".join(str(change) for change in changes) or "something it bound"
            raise VoidError(
                f"the approval of {proposal.title!r} by {approval.approver!r} is void, this changed since: "
                f"{listed}; ask again",
                changes=changes,
            )
        return Ticket(approval=approval.id, proposal=proposal.id, subject=subject)

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


def _row_versions(read: list[tuple[Evidence, bool]], bound: Mapping[str, str]) -> dict[str, str]:
    """Return the version of every cited row now; of several readings of one row the one that moved."""
    rows = row_versions(item for item, there in read if not there)
    fresh: dict[str, str] = {}
    for item, there in read:
        for name, version in row_versions([item] if there else []).items():
            if fresh.get(name, bound.get(name)) == bound.get(name):
                fresh[name] = version
    return rows | fresh
