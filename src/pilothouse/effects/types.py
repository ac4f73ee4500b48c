"""Owns the nouns of the door: what is asked, what came out, what is halted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pilothouse.decisions import Evidence, Rung
from pilothouse.effects.declare import EffectCall
from pilothouse.kernel import Principal, content_hash, wired
from pilothouse.labels import Label

__all__ = ["Chosen", "Effect", "EffectRequest", "EffectState", "Halt", "Opened", "Outcome"]

EffectState = Literal["intent", "done", "refused", "unknown", "shadowed"]
Opened = Literal["", "approved", "declared", "typed", "certified", "endorsed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The closed list that a value was chosen from.

    Attributes:
        options: The list; the value must be one of them.
        label: The list's own label: from where, and how far to be trusted. Not the label of the choice.
    """

    options: tuple[Any, ...]
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRequest:
    """One call at the door. Labels come from the code that makes the call, never from a payload.

    Attributes:
        tool: Name of a registered tool.
        args: Its arguments; the subject is recomputed from these.
        effect_id: Stable over attempts, take-over and replay; the engine gives ``run:step``.
        principal: On whose rights the call is made, and through which agent; its id is the subject's
            ``on_behalf_of``.
        labels: One label for each argument.
        pc: The label of the choice to call: the join of everything that decided on it.
        may_ask: Whether the call is a slot of a bound plan or of a published workflow. Only then may a
            person be asked; a question that a stranger's text can cause is itself the attack.
        site: Where it acts, such as a terminal; part of the ladder's unit and a scope of the halt switch.
        version: The agent or workflow version that calls, such as ``port.release@3``; the same.
        run: The asking run.
        approval: The approval a person gave; None where the tool needs none.
        workflow: The published workflow that calls, whose endorsed flows count; empty for none.
        choices: For arguments chosen from a closed list, that list.
        evidence: What the call rests on; empty means the proposal's.
        data_versions: Versions as the caller knows them; row versions are read again by the door.
        policy_version: The policy in force.
        workflow_version: The asking workflow's version.
    """

    tool: str
    args: Mapping[str, Any]
    effect_id: str
    principal: Principal
    labels: Mapping[str, Label]
    pc: Label
    may_ask: bool
    site: str = ""
    version: str = ""
    run: str | None = None
    approval: UUID | None = None
    workflow: str = ""
    choices: Mapping[str, Chosen] = field(default_factory=dict[str, Chosen])
    evidence: tuple[Evidence, ...] = ()
    data_versions: Mapping[str, str] = field(default_factory=dict[str, str])
    policy_version: str = ""
    workflow_version: str = ""

    @property
    def caller(self) -> str:
        """The agent or workflow version that calls, as the ladder counts it."""
        return self.version or self.workflow_version

    @property
    def call_hash(self) -> str:
        """Hash of tool, arguments, principal and agent: the same effect id may never carry another call."""
        call: dict[str, Any] = {"tool": self.tool, "args": dict(self.args), "by": self.principal.id}
        if self.principal.agent is not None:
            call["agent"] = self.principal.agent.id
        return content_hash(call)

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
        state: ``done``, ``refused`` (the receiver said no, or a person found it not done), ``unknown``
            (a person is asked; perform the same effect id later to see the answer) or ``shadowed`` (its
            version stands at shadow or suggest: recorded, not done).
        result: What the handler returned.
        reasons: Stable codes, then words.
    """

    effect_id: str
    state: Literal["done", "refused", "unknown", "shadowed"]
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
        labels: The label of each argument.
        pc: The label of the choice to call; None for an effect of an earlier release.
        site: Where it acts.
        version: The agent or workflow version that called.
        rung: Where that version stood.
        opened: What let it pass; empty for an effect of an earlier release.
        review: Whether a person reviews it by lot.
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
    labels: Mapping[str, Label] = field(default_factory=dict[str, Label])
    pc: Label | None = None
    site: str = ""
    version: str = ""
    rung: Rung = Rung.APPROVE
    opened: Opened = ""
    review: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Whether effects are stopped.

    Attributes:
        scope: A tool, ``site:<site>``, ``agent:<agent or version>``, or ``*`` for all.
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
