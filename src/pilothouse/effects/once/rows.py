"""Owns the nouns of the ledger and how an effect is stored: ticket, lease, row and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from pilothouse.audit import label_fields
from pilothouse.decisions import Rung, Unit
from pilothouse.effects.declare import EffectCall, EffectSpec
from pilothouse.effects.types import Effect, EffectRequest, Opened, Outcome
from pilothouse.kernel import canonical, decode, principal_fields, principal_from
from pilothouse.labels import Label, join

__all__ = ["SHOWN", "Lease", "Ticket", "call_of", "effect_of", "logged_label", "outcome_of", "row_of", "told"]

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


def row_of(spec: EffectSpec, request: EffectRequest, ticket: Ticket) -> dict[str, Any]:
    """Return what is stored of an effect, whatever becomes of it."""
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


def told(spec: EffectSpec, request: EffectRequest, ticket: Ticket) -> dict[str, Any]:
    """Return what the log says of an effect that begins."""
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


def logged_label(request: EffectRequest) -> dict[str, Any]:
    """Return what the log says of the labels of a call."""
    return label_fields(join(request.pc, *(request.labels[name] for name in request.args)))


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
