"""Owns the rows of effects: intent, lease, outcome, each with its audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions import use_approval
from pilothouse.effects.declare import EffectSpec
from pilothouse.effects.halt import require_running, scopes_of
from pilothouse.effects.once.rows import SHOWN, Lease, Ticket, effect_of, logged_label, row_of, told
from pilothouse.effects.types import Effect, EffectRequest, Outcome
from pilothouse.kernel import ConflictError, canonical, content_hash, new_id
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.effects.ports import Ladder
    from pilothouse.storage import Database, Tx

__all__ = ["Ledger"]

Q = load_queries("pilothouse.effects")


class Ledger:
    """Reads and writes the table of effects."""

    def __init__(
        self, database: Database, *, lease: float, resend_lease: float, ladder: Ladder | None = None
    ) -> None:
        self._database = database
        self._ladder = ladder
        self._lease = lease
        self._resend_lease = min(lease, resend_lease)

    def _seconds(self, spec: EffectSpec) -> float:
        return self._resend_lease if spec.idempotent_by_effect_id else self._lease

    async def find(self, effect_id: str) -> tuple[Effect, str] | None:
        """Return an effect and the hash of its call; None if there is none."""
        row = await self._database.fetch_one(Q.effect, {"effect_id": effect_id})
        return None if row is None else (effect_of(row), row["call_hash"])

    async def begin(self, spec: EffectSpec, request: EffectRequest, ticket: Ticket) -> Lease | None:
        """Halt switch, intent, approval used, audit entry: one transaction; None if it is there already.

        Raises:
            DeniedError: ``effects.halted``; ``ladder.below``: the rung fell meanwhile.
            ConflictError: ``effects.in_flight``: another effect on the same thing has no known outcome;
                ``decisions.void``: the approval cannot be used.
        """
        holder, seconds = new_id(), self._seconds(spec)
        thing = _thing(spec, request)
        async with self._database.transaction() as tx:
            await require_running(tx, scopes_of(spec.tool, request.principal, request.site, request.caller))
            if self._ladder is not None and ticket.unit is not None:
                await self._ladder.require_rung(tx, ticket.unit, ticket.needed)
            created = await tx.execute(
                Q.insert_intent,
                {**row_of(spec, request, ticket), "holder": holder, "thing": thing, "lease": seconds},
            )
            if not created:
                await _require_free(tx, spec, request, thing)
                return None
            if ticket.approval is not None:
                await use_approval(tx, ticket.approval, effect=request.effect_id, subject=ticket.subject)
            row = await tx.fetch_one(Q.effect, {"effect_id": request.effect_id})
            effect = effect_of(cast("Mapping[str, Any]", row))
            refs = tuple(ref for ref in (request.call_hash, ticket.subject) if ref)
            entry = await append(
                tx,
                replace(
                    _entry("intent", effect, refs=refs, body=told(spec, request, ticket)),
                    label=logged_label(request),
                    policy=request.policy_version or None,
                ),
            )
        return Lease(effect=effect, holder=holder, seconds=seconds, entry=entry)

    async def shadow(self, spec: EffectSpec, request: EffectRequest, ticket: Ticket) -> Outcome | None:
        """Record the effect that would have been, with its audit entry; None if it is there already."""
        outcome = Outcome(effect_id=request.effect_id, state="shadowed", reasons=ticket.reasons)
        async with self._database.transaction() as tx:
            values = {**row_of(spec, request, ticket), "reasons": list(ticket.reasons)}
            row = await tx.fetch_one(Q.insert_shadow, values)
            if row is None:
                return None
            entry = _entry(
                "shadowed", effect_of(row), refs=(request.call_hash,), body=told(spec, request, ticket)
            )
            await append(
                tx, replace(entry, label=logged_label(request), policy=request.policy_version or None)
            )
        return outcome

    async def take_over(self, effect_id: str, spec: EffectSpec) -> Lease | None:
        """Become the one who finishes a lapsed intent; None if its holder is alive or it has an outcome.

        Raises:
            DeniedError: ``effects.halted``.
        """
        holder, seconds = new_id(), self._seconds(spec)
        async with self._database.transaction() as tx:
            row = await tx.fetch_one(
                Q.take_lease, {"effect_id": effect_id, "holder": holder, "lease": seconds}
            )
            if row is None:
                return None
            effect = effect_of(row)
            await require_running(tx, scopes_of(effect.tool, effect.principal, effect.site, effect.version))
            entry = await append(tx, _entry("taken_over", effect, body={"attempt": effect.attempts}))
        return Lease(effect=effect, holder=holder, seconds=seconds, entry=entry)

    async def renew(self, lease: Lease) -> bool:
        """Keep the lease; False if it was lost."""
        values = {"effect_id": lease.effect.effect_id, "holder": lease.holder, "lease": lease.seconds}
        return bool(await self._database.execute(Q.renew_lease, values))

    async def drop(self, lease: Lease) -> None:
        """Let anyone finish the intent now."""
        values = {"effect_id": lease.effect.effect_id, "holder": lease.holder}
        await self._database.execute(Q.drop_lease, values)

    async def close(
        self, tx: Tx, lease: Lease, state: Literal["done", "refused", "unknown"], result: Any, *reasons: str
    ) -> Outcome | None:
        """Store the outcome and its audit entry; None if another took over (audited as ``late``)."""
        text, faults = _result(result)
        words = (*reasons, *faults)
        effect = lease.effect
        stored = await tx.execute(
            Q.store_outcome,
            {
                "effect_id": effect.effect_id,
                "holder": lease.holder,
                "state": state,
                "result": text,
                "reasons": list(words),
            },
        )
        body = {"tool": effect.tool, "state": state, "reasons": [word[:SHOWN] for word in words[:4]]}
        refs = (content_hash(result),) if text is not None else ()
        await append(tx, _entry(state if stored else "late", effect, refs=refs, body=body))
        if not stored:
            return None
        return Outcome(
            effect_id=effect.effect_id, state=state, result=None if faults else result, reasons=words
        )


async def _require_free(tx: Tx, spec: EffectSpec, request: EffectRequest, thing: str | None) -> None:
    """Tell the same effect (fine, it is looked up) from another one on the same thing."""
    if await tx.fetch_one(Q.effect, {"effect_id": request.effect_id}) is not None:
        return
    other = await tx.fetch_one(Q.same_thing, {"tool": spec.tool, "thing": thing})
    name = other["effect_id"] if other else "another"
    raise ConflictError(
        f"{spec.tool!r} on {spec.identifier(request.args)!r}: effect {name!r} on the same thing has no known "
        "outcome; wait for it or answer it in the inbox",
        code="effects.in_flight",
    )


def _thing(spec: EffectSpec, request: EffectRequest) -> str | None:
    if not spec.idempotency:
        return None
    return content_hash({name: request.args[name] for name in spec.idempotency})


def _result(result: object) -> tuple[str | None, tuple[str, ...]]:
    """Return the stored form; what has none is left out, for the effect happened all the same."""
    try:
        return (None if result is None else canonical(result).decode()), ()
    except Exception as error:
        return None, ("effects.result_not_canonical", str(error)[:SHOWN])


def _entry(
    what: str, effect: Effect, *, refs: tuple[str, ...] = (), body: Mapping[str, Any] | None = None
) -> AuditEntry:
    return AuditEntry(
        kind=f"effects.{what}",
        actor=effect.principal.id,
        run=effect.run,
        proposal=effect.proposal,
        approval=effect.approval,
        effect=effect.effect_id,
        refs=refs,
        body=body or {},
    )
