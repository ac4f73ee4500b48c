"""Owns the rows of effects: intent, lease, outcome, each with its audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast
from uuid import UUID

from pilothouse.audit import AuditEntry, append, label_fields
from pilothouse.decisions import Rung, Unit, use_approval
from pilothouse.effects.declare import EffectCall, EffectSpec
from pilothouse.effects.halt import require_running, scopes_of
from pilothouse.effects.types import Effect, EffectRequest, Opened, Outcome
from pilothouse.kernel import (
    ConflictError,
    canonical,
    content_hash,
    decode,
    new_id,
    principal_fields,
    principal_from,
)
from pilothouse.labels import Label, join
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.effects.ports import Ladder
    from pilothouse.storage import Database, Tx

__all__ = ["Lease", "Ledger", "Ticket", "call_of", "effect_of", "outcome_of"]

Q = load_queries("pilothouse.effects")
SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What the door found before it opened.

    Attributes:
        opened: What lets the call pass: ``approved``, ``declared`` (the tool needs nobody), ``typed`` (a
            person's own words), ``certified`` (its rung) or ``endorsed``.
        args: What goes out: the call's arguments, those that pass only as content treated.
        approval: The approval to use up; None where none is needed.
        proposal: The proposal behind it.
        subject: Recomputed from the actual call.
        unit: What stands on the ladder.
        rung: Where it stands.
        shadow: Whether nothing goes out and the effect is only recorded.
        review: Whether the lot says that a person looks at it afterwards.
        reasons: Why it is only recorded.
    """

    opened: Opened
    args: Mapping[str, Any]
    approval: UUID | None = None
    proposal: UUID | None = None
    subject: str = ""
    unit: Unit | None = None
    rung: Rung = Rung.APPROVE
    shadow: bool = False
    review: bool = False
    reasons: tuple[str, ...] = ()

    @property
    def needed(self) -> Rung:
        """The rung that must still hold when the intent commits."""
        return min(self.rung, Rung.APPROVE) if self.approval is not None else min(self.rung, Rung.SAMPLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to send or probe one effect.

    Attributes:
        effect: The row as taken.
        holder: Who holds it; every write is fenced by it.
        seconds: After how long without renewal another may take it.
        entry: The audit entry of the intent, or of its taking over.
    """

    effect: Effect
    holder: UUID
    seconds: float
    entry: UUID


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
                {**_row(spec, request, ticket), "holder": holder, "thing": thing, "lease": seconds},
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
                    _entry("intent", effect, refs=refs, body=_told(spec, request, ticket)),
                    label=_label(request),
                    policy=request.policy_version or None,
                ),
            )
        return Lease(effect=effect, holder=holder, seconds=seconds, entry=entry)

    async def shadow(self, spec: EffectSpec, request: EffectRequest, ticket: Ticket) -> Outcome | None:
        """Record the effect that would have been, with its audit entry; None if it is there already."""
        outcome = Outcome(effect_id=request.effect_id, state="shadowed", reasons=ticket.reasons)
        async with self._database.transaction() as tx:
            values = {**_row(spec, request, ticket), "reasons": list(ticket.reasons)}
            row = await tx.fetch_one(Q.insert_shadow, values)
            if row is None:
                return None
            entry = _entry(
                "shadowed", effect_of(row), refs=(request.call_hash,), body=_told(spec, request, ticket)
            )
            await append(tx, replace(entry, label=_label(request), policy=request.policy_version or None))
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


def _row(spec: EffectSpec, request: EffectRequest, ticket: Ticket) -> dict[str, Any]:
    # An approved call's evidence is the proposal's; only an unapproved one keeps its own.
    evidence = () if ticket.proposal is not None else request.evidence
    return {
        "effect_id": request.effect_id,
        "tool": spec.tool,
        "tool_version": spec.version,
        "call_hash": request.call_hash,
        "args": canonical(dict(ticket.args)).decode(),
        "principal": canonical(principal_fields(request.principal)).decode(),
        "agent": "" if request.principal.agent is None else request.principal.agent.id,
        "run": request.run,
        "proposal": ticket.proposal,
        "approval": ticket.approval,
        "evidence": canonical(evidence).decode(),
        "labels": canonical(_packed(request)).decode(),
        "site": request.site,
        "version": request.caller,
        "rung": int(ticket.rung),
        "opened": ticket.opened,
        "review": ticket.review,
    }


def _told(spec: EffectSpec, request: EffectRequest, ticket: Ticket) -> dict[str, Any]:
    return {
        "tool": spec.tool,
        "version": spec.version,
        "tier": spec.tier,
        "on": spec.identifier(request.args)[:SHOWN],
        "opened": ticket.opened,
        "rung": ticket.rung.name.lower(),
        "agent": None if request.principal.agent is None else request.principal.agent.id[:SHOWN],
    }


def _packed(request: EffectRequest) -> dict[str, Any]:
    """Return the labels each stored once: arguments made together share theirs, and it may be long."""
    named = {"pc": request.pc, **{f"args.{name}": request.labels[name] for name in request.args}}
    distinct = list(dict.fromkeys(named.values()))
    places = {label: place for place, label in enumerate(distinct)}
    return {"labels": distinct, "at": {name: places[label] for name, label in named.items()}}


def _unpacked(stored: Mapping[str, Any]) -> tuple[dict[str, Label], Label | None]:
    """Return the labels of arguments and choice; none for an effect of an earlier release."""
    distinct = cast("list[Label]", decode(stored.get("labels", [])))
    at = cast("dict[str, int]", stored.get("at", {}))
    named = {name: distinct[place] for name, place in at.items()}
    pc = named.pop("pc", None)
    return {name.removeprefix("args."): label for name, label in named.items()}, pc


def _label(request: EffectRequest) -> dict[str, Any]:
    return label_fields(join(request.pc, *(request.labels[name] for name in request.args)))


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


def effect_of(row: Mapping[str, Any]) -> Effect:
    """Return the noun of a stored row."""
    labels, pc = _unpacked(row["labels"])
    return Effect(
        effect_id=row["effect_id"],
        tool=row["tool"],
        tool_version=row["tool_version"],
        args=decode(row["args"]),
        principal=principal_from(row["principal"]),
        run=row["run"],
        proposal=row["proposal"],
        approval=row["approval"],
        evidence=tuple(decode(row["evidence"])),
        state=row["state"],
        result=decode(row["result"]),
        reasons=tuple(row["reasons"]),
        attempts=row["attempts"],
        intent_at=row["intent_at"],
        outcome_at=row["outcome_at"],
        labels=labels,
        pc=pc,
        site=row["site"],
        version=row["version"],
        rung=Rung(row["rung"]),
        opened=row["opened"],
        review=row["review"],
    )


def outcome_of(effect: Effect) -> Outcome | None:
    """Return the stored outcome; None while there is none."""
    if effect.state == "intent":
        return None
    return Outcome(
        effect_id=effect.effect_id, state=effect.state, result=effect.result, reasons=effect.reasons
    )


def call_of(effect: Effect) -> EffectCall:
    """Return the call of a stored effect, made on the rights of its intent."""
    return EffectCall(
        tool=effect.tool,
        args=effect.args,
        effect_id=effect.effect_id,
        principal=effect.principal,
        run=effect.run,
    )
