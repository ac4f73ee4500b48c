"""Owns the one door out: whatever changes the outside world or leaves it passes here, once."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pilothouse.audit import AuditEntry, confirm, record, require_device
from pilothouse.decisions import Inbox, Rung
from pilothouse.effects.declare import EffectCall, EffectSpec
from pilothouse.effects.gate.approval import Approvals
from pilothouse.effects.gate.call import check_call
from pilothouse.effects.gate.endorse import Endorsements
from pilothouse.effects.gate.gate import Gate
from pilothouse.effects.halt import ALL, halts, switch
from pilothouse.effects.once.ledger import Ledger
from pilothouse.effects.once.rows import Lease, Ticket, call_of, outcome_of
from pilothouse.effects.once.send import Sender
from pilothouse.effects.once.unknown import KIND, Resolver
from pilothouse.effects.tools import Tools
from pilothouse.effects.types import Effect, EffectRequest, Halt, Outcome
from pilothouse.kernel import (
    RIGHTS,
    Authority,
    ConflictError,
    DeniedError,
    PilothouseError,
    Principal,
    UnavailableError,
    UsageError,
)
from pilothouse.storage import load_queries
from pilothouse.telemetry import OUTCOME, span

if TYPE_CHECKING:
    from pilothouse.effects.ports import Directory, Ladder, Principals, Rereader, Versions
    from pilothouse.effects.settings import EffectsSettings
    from pilothouse.policy import Verdict
    from pilothouse.storage import Database

__all__ = ["Door"]

Q = load_queries("pilothouse.effects")
POLL = 0.05
BELOW: Final = "ladder.below"
VIOLATIONS: Final = ("effects.denied", "effects.forged")
log = logging.getLogger(__name__)


class Door(Tools):
    """Declaration, labels, right, rung, approval, audit, then exactly once; without them nothing goes out.

    Args:
        database: Where intents, outcomes and the halt switch are.
        inbox: Gets the questions that only a person can answer; the door becomes its previewer.
        rereader: Reads evidence again; without one an approval that rests on evidence opens nothing.
        versions: Tells the versions in force; without one the caller's count.
        authority: Says who may do and read what today.
        principals: Tells who approvers are today; without it an approval opens nothing to new readers.
        directory: Tells what recipients may read; without it every recipient is the public.
        ladder: Tells how far each version may act alone; without it a person approves each call.
        settings: Leases and patience.
    """

    def __init__(
        self,
        database: Database,
        inbox: Inbox,
        *,
        rereader: Rereader | None = None,
        versions: Versions | None = None,
        authority: Authority = RIGHTS,
        principals: Principals | None = None,
        directory: Directory | None = None,
        ladder: Ladder | None = None,
        settings: EffectsSettings | None = None,
    ) -> None:
        from pilothouse.effects.settings import EffectsSettings

        super().__init__()
        self._database = database
        self._settings = settings or EffectsSettings()
        self._authority = authority
        self._ledger = Ledger(
            database, lease=self._settings.lease, resend_lease=self._settings.resend_lease, ladder=ladder
        )
        self.endorsements = Endorsements(database, self.spec, authority=authority)
        """Flows that people let pass, for one workflow version each."""
        approvals = Approvals(
            database, rereader=rereader, versions=versions, principals=principals, authority=authority
        )
        self._gate = Gate(
            approvals, self.endorsements, authority=authority, ladder=ladder, directory=directory
        )
        self._sender = Sender(database, self._ledger, inbox, attempts=self._settings.attempts, ladder=ladder)
        inbox.bind(previewer=self)
        inbox.follow(KIND, Resolver())

    async def perform(self, request: EffectRequest) -> Outcome:
        """Let one effect out, or refuse it; the same effect id again returns the stored outcome.

        Returns:
            ``done``, ``refused`` by the receiver, ``unknown``: then the inbox asks a person, or ``shadowed``.

        Raises:
            AskError: ``effects.needs_approval`` with the verdict: ask, then perform with the approval.
            DeniedError: ``policy.denied``, ``effects.denied``, ``effects.forged``, ``effects.halted``;
                audited.
            ConflictError: ``decisions.void`` naming what changed before -> after, ``effects.in_flight``
                (another effect on the same thing), ``effects.reused`` (other call, same id); audited.
            UsageError: ``effects.undeclared``, ``effects.args``, ``effects.not_canonical``,
                ``labels.missing``; audited.
            UnavailableError: Nobody knows yet; perform the same effect id again.
        """
        with span("perform", attributes={"pilothouse.tool": _safe(request.tool)[:80]}) as written:
            outcome = await self._performed(request)
            written.attributes[OUTCOME] = outcome.state
            # What the choice rests on says how far the call may be trusted, and who may know of it.
            written.label = request.pc
            return outcome

    async def _performed(self, request: EffectRequest) -> Outcome:
        try:
            spec = self.spec(request.tool)
            check_call(spec, request)
            found = await self._ledger.find(request.effect_id)
            outcome = await self._begun(spec, request) if found is None else None
            return outcome or await self._again(spec, request)
        except (DeniedError, ConflictError, UsageError) as refusal:
            await self._refused(request, refusal)
            if isinstance(refusal, DeniedError) and refusal.code in VIOLATIONS:
                await self._gate.violated(self.spec(request.tool), request, refusal)
            raise

    async def consider(self, request: EffectRequest) -> Verdict:
        """Return what ``perform`` would say to this call without an approval; nothing happens or is logged.

        An ``ask`` carries the codes to put into ``Proposal.asks``.

        Raises:
            DeniedError: ``policy.denied``.
            UsageError: As for ``perform``.
        """
        spec = self.spec(request.tool)
        check_call(spec, request)
        return await self._gate.consider(spec, request)

    async def sweep(self, *, limit: int = 100) -> tuple[Outcome, ...]:
        """Finish intents that a killed process left behind; return the outcomes.

        Only tools declared here are looked at. A receiver that does not answer is tried by a later sweep.
        """
        values = {"tools": sorted(self._tools), "grace": self._settings.sweep_grace, "limit": limit}
        outcomes: list[Outcome] = []
        for row in await self._database.fetch_all(Q.left_behind, values):
            try:
                outcome = await self._swept(row["effect_id"], row["tool"])
            except (UnavailableError, DeniedError) as error:
                log.warning("effect %r stays open: %s", row["effect_id"], error)
                continue
            outcomes += [outcome] if outcome is not None else []
        return tuple(outcomes)

    async def show(self, effect_id: str) -> Effect:
        """Return a stored effect.

        Raises:
            UsageError: ``effects.not_found``.
        """
        return (await self._known(effect_id))[0]

    async def halt(self, by: Principal, reason: str, *, scope: str = ALL) -> tuple[str, ...]:
        """Stop all effects, or those of one scope; nothing starts after this returns.

        Args:
            by: Who switches.
            reason: Why.
            scope: ``*``, a tool's name, ``site:<site>``, or ``agent:<id>`` of an agent or calling version.

        Returns:
            The ids of what was in flight.

        Raises:
            DeniedError: ``policy.denied``: the right ``effects:halt`` is missing.
            UsageError: ``effects.reason_missing``.
        """
        return await switch(
            self._database, scope, halted=True, by=by, reason=reason, authority=self._authority
        )

    async def lift(self, by: Principal, reason: str, *, scope: str = ALL) -> None:
        """Let effects go again; people only.

        Raises:
            DeniedError: ``policy.denied`` or ``effects.not_a_person``.
            UsageError: ``effects.reason_missing``.
        """
        await switch(self._database, scope, halted=False, by=by, reason=reason, authority=self._authority)

    async def halts(self) -> tuple[Halt, ...]:
        """Return every halt switch and who touched it last."""
        return await halts(self._database)

    async def _begun(self, spec: EffectSpec, request: EffectRequest) -> Outcome | None:
        """Open the door and send, or only record; None if the same effect was begun elsewhere meanwhile."""
        ticket = await self._gate.open(spec, request)
        await require_device(self._database, tier=spec.tier)
        since = time.monotonic()
        try:
            lease = await self._opened(spec, request, ticket)
        except DeniedError as fallen:
            if fallen.code != BELOW or ticket.rung <= Rung.APPROVE:
                raise
            # It was demoted while we looked: what holds for every version is that a person is asked.
            ticket = await self._gate.open(spec, request, highest=Rung.APPROVE)
            lease = await self._opened(spec, request, ticket)
        if isinstance(lease, Lease):
            call = replace(request.call(), args=ticket.args)
            return await self._finish(self._first(spec, lease, call, since=since))
        return lease

    async def _opened(
        self, spec: EffectSpec, request: EffectRequest, ticket: Ticket
    ) -> Lease | Outcome | None:
        if ticket.shadow:
            return await self._ledger.shadow(spec, request, ticket)
        return await self._ledger.begin(spec, request, ticket)

    async def _first(self, spec: EffectSpec, lease: Lease, call: EffectCall, *, since: float) -> Outcome:
        await self._confirmed(spec, lease)
        return await self._sender.send(spec, self._handler(spec), lease, call, since=since)

    async def _recovered(self, spec: EffectSpec, lease: Lease, call: EffectCall) -> Outcome:
        await self._confirmed(spec, lease)
        return await self._sender.recover(spec, self._handler(spec), lease, call)

    async def _confirmed(self, spec: EffectSpec, lease: Lease) -> None:
        """Wait until the log holds the intent as firmly as its tier needs; else let others try later."""
        try:
            await confirm(self._database, lease.entry, tier=spec.tier)
        except UnavailableError:
            await self._ledger.drop(lease)
            raise

    async def _again(self, spec: EffectSpec, request: EffectRequest) -> Outcome:
        """Return the stored outcome, wait for whoever is at work, or finish what was left behind."""
        until = time.monotonic() + self._settings.patience
        while True:
            outcome = await self._stored(request)
            if outcome is not None:
                return outcome
            self._gate.require_right(spec, request)
            lease = await self._ledger.take_over(request.effect_id, spec)
            if lease is not None:
                # What was stored goes out: content may have been treated.
                call = replace(call_of(lease.effect), principal=request.principal)
                return await self._finish(self._recovered(spec, lease, call))
            if time.monotonic() >= until:
                raise UnavailableError(
                    f"effect {request.effect_id!r} is being performed by another process; perform it again",
                    code="effects.in_flight",
                )
            await asyncio.sleep(POLL)

    async def _stored(self, request: EffectRequest) -> Outcome | None:
        effect, call_hash = await self._known(request.effect_id)
        if call_hash != request.call_hash:
            raise ConflictError(
                f"effect id {request.effect_id!r} belongs to another call of {effect.tool!r}; take a new id",
                code="effects.reused",
            )
        return outcome_of(effect)

    async def _known(self, effect_id: str) -> tuple[Effect, str]:
        found = await self._ledger.find(effect_id)
        if found is None:
            raise UsageError(f"there is no effect {effect_id!r}; check the id", code="effects.not_found")
        return found

    async def _swept(self, effect_id: str, tool: str) -> Outcome | None:
        spec = self.spec(tool)
        lease = await self._ledger.take_over(effect_id, spec)
        if lease is None:
            return None
        return await self._recovered(spec, lease, call_of(lease.effect))

    async def _finish(self, work: Any) -> Outcome:
        """Let an effect in flight finish and be recorded even if its run is cancelled."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()
            raise

    async def _refused(self, request: EffectRequest, refusal: PilothouseError) -> None:
        entry = AuditEntry(
            kind="effects.attack" if getattr(refusal, "attack", False) else "effects.refused_at_door",
            actor=request.principal.id,
            run=request.run,
            approval=request.approval,
            effect=_safe(request.effect_id),
            policy=_safe(request.policy_version) or None,
            body={
                "tool": _safe(request.tool),
                "code": refusal.code,
                "message": _impersonal(refusal.message),
                "agent": None if request.principal.agent is None else _safe(request.principal.agent.id),
            },
        )
        await record(self._database, entry)


def _impersonal(text: str) -> str:
    """Take personal data and credentials out of words that quote what a caller sent: the log is for ever."""
    from pilothouse.labels.pii import redact

    return redact(_safe(text))


def _safe(text: str) -> str:
    """Make what a caller wrote fit for the log, whatever is in it."""
    return text.encode("utf-8", "backslashreplace").decode()[:800].replace("\0", "\\0")
