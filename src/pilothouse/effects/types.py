"""Owns the nouns of the door: what a tool declares, what is asked, what came out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pilothouse.decisions import Evidence
from pilothouse.kernel import Principal, UsageError, content_hash, wired
from pilothouse.labels import Integrity

__all__ = [
    "Effect",
    "EffectCall",
    "EffectRequest",
    "EffectSpec",
    "EffectState",
    "Halt",
    "Handler",
    "Outcome",
    "Probe",
    "Probed",
]

EffectState = Literal["intent", "done", "refused", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectCall:
    """What a handler or a probe gets.

    Attributes:
        tool: Name of the tool.
        args: The arguments, as approved.
        effect_id: Pass it on as the idempotency key.
        principal: On whose rights the call is made.
        run: The asking run.
    """

    tool: str
    args: Mapping[str, Any]
    effect_id: str
    principal: Principal
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a probe found out about an effect whose outcome was lost.

    Attributes:
        state: ``done``, ``not_done`` (sending it again is safe) or ``unknown``.
        result: What the handler would have returned, if done.
    """

    state: Literal["done", "not_done", "unknown"]
    result: Any = None


Handler = Callable[[EffectCall], Awaitable[Any]]
Probe = Callable[[EffectCall], Awaitable[Probed]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectSpec:
    """What a tool declares beside its code; nothing in a call can change it.

    Attributes:
        tool: Name; also the ``<tool>`` in the rights ``effects:<tool>`` and ``decisions:<tool>``.
        version: Raised whenever the tool does something else; approvals are bound to it.
        effect: ``read``, ``egress`` (leaves the house), ``write`` or ``irreversible``.
        tier: 1 reversible and internal, 2 seen outside, 3 costly, 4 irreversible or safety.
        steering: Arguments that decide what happens to whom.
        accepts: From ``APPROVED`` upwards the door asks for a person's approval.
        idempotency: Arguments that name the thing acted on. While one effect on it has no known outcome,
            a second one on the same thing waits.
        idempotent_by_effect_id: The receiver ignores a second call with the same effect id.
        probe: Finds out whether an effect happened.
        right: The right the caller needs; empty means ``effects:<tool>``.
        phrase: Past-tense clause over the arguments, such as ``"{container} was released to {party}"``.

    Raises:
        UsageError: ``effects.spec``: the declaration contradicts itself.
    """

    tool: str
    version: str = "1"
    effect: Literal["read", "egress", "write", "irreversible"] = "irreversible"
    tier: int = 4
    steering: tuple[str, ...] = ()
    accepts: Integrity = Integrity.APPROVED
    idempotency: tuple[str, ...] = ()
    idempotent_by_effect_id: bool = False
    probe: Probe | None = None
    right: str = ""
    phrase: str = ""

    def __post_init__(self) -> None:
        if self.tool in ("", "*"):
            raise UsageError(f"{self.tool!r} is no name for a tool; give it one", code="effects.spec")
        if self.tier not in (1, 2, 3, 4):
            raise UsageError(f"{self.tool!r}: tier {self.tier!r} is not 1, 2, 3 or 4", code="effects.spec")
        if self.effect == "irreversible" and self.tier < 3:
            raise UsageError(
                f"{self.tool!r} is irreversible but of tier {self.tier!r}; declare tier 3 or 4",
                code="effects.spec",
            )
        if self.tier >= 3 and not self.needs_approval:
            raise UsageError(
                f"{self.tool!r}, tier {self.tier!r}, accepts {self.accepts.name!r}; declare accepts=APPROVED",
                code="effects.spec",
            )

    @property
    def needs_approval(self) -> bool:
        """Whether the door opens only for a person's approval."""
        return self.accepts >= Integrity.APPROVED

    @property
    def needed_right(self) -> str:
        """The right a caller needs."""
        return self.right or f"effects:{self.tool}"

    def identifier(self, args: Mapping[str, Any]) -> str:
        """Return what a person types at tier 4: the first steering argument, else the tool's name."""
        for name in self.steering:
            if name in args:
                return str(args[name])
        return self.tool

    def describe(self, args: Mapping[str, Any]) -> str:
        """Return the clause that says what was done, such as ``"MSCU1234565 was released to ACME"``."""
        if not self.phrase:
            return f"{self.tool} was performed on {self.identifier(args)}"
        try:
            return self.phrase.format_map(args)
        except (LookupError, ValueError, AttributeError) as error:
            raise UsageError(
                f"{self.tool!r}: phrase {self.phrase!r} does not fit arguments {sorted(args)!r}: {error!r}",
                code="effects.spec",
            ) from error

    def preview(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a proposal shows of this effect: ``confirm``, ``done``, tool and arguments."""
        return {
            "tool": self.tool,
            "effect": self.effect,
            "args": dict(args),
            "confirm": self.identifier(args),
            "done": self.describe(args),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRequest:
    """One call at the door.

    Attributes:
        tool: Name of a registered tool.
        args: Its arguments; the subject is recomputed from these.
        effect_id: Stable over attempts, take-over and replay; the engine gives ``run:step``.
        principal: On whose rights the call is made; its id is the subject's ``on_behalf_of``.
        run: The asking run.
        approval: The approval a person gave; None where the tool needs none.
        evidence: What the call rests on; empty means the proposal's.
        data_versions: Versions as the caller knows them; row versions are read again by the door.
        policy_version: The policy in force.
        workflow_version: The asking workflow's version.
    """

    tool: str
    args: Mapping[str, Any]
    effect_id: str
    principal: Principal
    run: str | None = None
    approval: UUID | None = None
    evidence: tuple[Evidence, ...] = ()
    data_versions: Mapping[str, str] = field(default_factory=dict[str, str])
    policy_version: str = ""
    workflow_version: str = ""

    @property
    def call_hash(self) -> str:
        """Hash of tool, arguments and principal: the same effect id may never carry another call."""
        return content_hash({"tool": self.tool, "args": dict(self.args), "by": self.principal.id})

    def call(self) -> EffectCall:
        """Return what the handler gets."""
        return EffectCall(
            tool=self.tool,
            args=self.args,
            effect_id=self.effect_id,
            principal=self.principal,
            run=self.run,
        )


@wired("effects.outcome")
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an effect.

    Attributes:
        effect_id: Which effect.
        state: ``done``, ``refused`` (the receiver said no, or a person found it not done) or ``unknown``
            (a person is asked; perform the same effect id later to see the answer).
        result: What the handler returned.
        reasons: Stable codes, then words.
    """

    effect_id: str
    state: Literal["done", "refused", "unknown"]
    result: Any = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A stored effect.

    Attributes:
        effect_id: Which effect.
        tool: Name of the tool.
        tool_version: Its version at the intent.
        args: The arguments sent.
        principal: On whose rights.
        run: The asking run.
        proposal: The proposal behind the approval.
        approval: The approval used.
        evidence: What an unapproved call rested on; an approved call's is the proposal's.
        state: ``intent`` until an outcome is known.
        result: What the handler returned.
        reasons: Why it was refused or is unknown.
        attempts: How often it was sent or probed.
        intent_at: When the intent was committed.
        outcome_at: When the outcome was.
    """

    effect_id: str
    tool: str
    tool_version: str
    args: Mapping[str, Any]
    principal: Principal
    run: str | None
    proposal: UUID | None
    approval: UUID | None
    evidence: tuple[Evidence, ...]
    state: EffectState
    result: Any
    reasons: tuple[str, ...]
    attempts: int
    intent_at: datetime
    outcome_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Whether effects are stopped.

    Attributes:
        scope: A tool, or ``*`` for all.
        halted: Whether nothing may start.
        by: Who switched last.
        reason: Why.
        at: When.
    """

    scope: str
    halted: bool
    by: str
    reason: str
    at: datetime
