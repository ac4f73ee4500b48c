"""Owns what is asked, what became of it, and what an approval of it is worth at the door."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pilothouse.decisions.types import Answer, Approval, Escalation, Evidence, ItemState, Quorum, Reason
from pilothouse.kernel import wired
from pilothouse.labels import Label

__all__ = ["SEEDED", "Decision", "Granted", "Proposal"]

SEEDED = "seeded"


@wired("decisions.proposal")
@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a person is asked. Immutable: an edit is a new proposal with ``parent``.

    Attributes:
        id: UUIDv7.
        tool: The effect an approval opens; None for a judgement, which opens no door.
        tool_version: The tool's declared version.
        args: The canonical arguments of the call.
        evidence: What the proposal rests on, names unique.
        data_versions: Version tokens that must still hold at the effect (see ``row_versions``).
        policy_version: Version of the policy that judged.
        workflow: Name of the asking workflow.
        workflow_version: Its version.
        run: The waiting run; None if nothing waits.
        key: The run's wait.
        on_behalf_of: The principal the effect acts for; may not approve.
        proposer: Who asks (user or workflow's principal); may not approve.
        title: One line for the queue.
        summary: What the person should know, plain text.
        verdict: What the rules advise, such as ``RELEASE``.
        reasons: The rules that fired.
        tier: 1 reversible and internal .. 4 irreversible.
        steering: Arguments that decide what happens to whom; None means all of them.
        asked_of: A group or a principal id; principals and groups share one namespace.
        deadline: Without an answer until then the answer is *no*.
        parent: The proposal this one replaces.
        preview: What the person is shown of the effect. ``confirm`` is the identifier typed at tier 4;
            ``done`` is the sentence's clause, such as ``"MSCU1234565 was released to ACME"``.
        kind: ``decision``, or the name of the follower that takes the answer.
        labels: The label of each argument, and of the choice to call under ``pc``.
        asks: Reason codes of the verdict that asked, such as ``sink.steering:party``.
        quorum: Who must say yes.
        apart: Tools whose approver or performer on the same thing may not approve this.
        escalation: What happens while nobody answers, in order; after it the deadline.
        blind: Whether the advice is hidden until the person has answered.
        topic: Who may see it is ruled by ``decisions:<topic>``; empty means the tool, else the workflow.
    """

    id: UUID
    title: str
    on_behalf_of: str
    proposer: str
    tool: str | None = None
    tool_version: str = ""
    args: dict[str, Any] = field(default_factory=dict[str, Any])
    evidence: tuple[Evidence, ...] = ()
    data_versions: dict[str, str] = field(default_factory=dict[str, str])
    policy_version: str = ""
    workflow: str = ""
    workflow_version: str = ""
    run: str | None = None
    key: str | None = None
    summary: str = ""
    verdict: str = ""
    reasons: tuple[Reason, ...] = ()
    tier: int = 4
    steering: tuple[str, ...] | None = None
    asked_of: str = ""
    deadline: datetime | None = None
    parent: UUID | None = None
    preview: dict[str, Any] = field(default_factory=dict[str, Any])
    kind: str = "decision"
    topic: str = ""
    labels: dict[str, Label] = field(default_factory=dict[str, Label])
    asks: tuple[str, ...] = ()
    quorum: Quorum = field(default_factory=Quorum)
    apart: tuple[str, ...] = ()
    escalation: tuple[Escalation, ...] = ()
    blind: bool = False

    @property
    def area(self) -> str:
        """What stands behind ``decisions:`` in the right to see and answer this proposal."""
        return self.topic or self.tool or self.workflow

    @property
    def thing(self) -> str:
        """What it is about, as typed at tier 4; separate duties meet on the same thing."""
        return str(self.preview.get("confirm") or "").strip().casefold()

    @property
    def seeded(self) -> bool:
        """Whether it is a known-bad sample that no door executes."""
        return self.kind == SEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A proposal with what became of it.

    Attributes:
        proposal: What was asked.
        state: Where it stands.
        approvals: Every verdict a person gave on it.
        answer: What the run got; None while open.
    """

    proposal: Proposal
    state: ItemState
    approvals: tuple[Approval, ...]
    answer: Answer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Everything the door must look at before it uses an approval.

    Attributes:
        approval: The one that was named.
        proposal: What was asked.
        approvals: Every *yes* to the proposal, the named one among them; all are used up together.
        asked: Every name the question was addressed to, by the asker or while nobody answered.
    """

    approval: Approval
    proposal: Proposal
    approvals: tuple[Approval, ...]
    asked: tuple[str, ...] = ()
