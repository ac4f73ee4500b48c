"""Owns the nouns of a decision: evidence, reason, proposal, approval, answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pilothouse.kernel import content_hash, wired
from pilothouse.labels import Derived, Label, Labelled

__all__ = ["Answer", "Approval", "Decision", "Evidence", "ItemState", "Proposal", "Reason", "Verdict"]

Verdict = Literal["approve", "reject", "expire", "withdraw"]
ItemState = Literal["open", "approved", "rejected", "expired", "withdrawn", "superseded"]


@wired("evidence")
@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One value a decision rests on, as one source gave it.

    Attributes:
        name: What the rules call it, such as ``customs.status``; unique within a proposal.
        value: The value as read; None says that the source had none.
        label: Says from where (``label.origin``), who may read it and how far it may be trusted.
        fresh_until: When the value must be read again; None if it does not age.
    """

    name: str
    value: Any
    label: Label
    fresh_until: datetime | None = None

    @classmethod
    def of(cls, name: str, labelled: Labelled, *, fresh_until: datetime | None = None) -> Evidence:
        """Return the evidence ``name`` for a value read from a source."""
        return cls(name=name, value=labelled.value, label=labelled.label, fresh_until=fresh_until)

    @property
    def hash(self) -> str:
        """SHA-256 of what was seen and where, so that reading the same again gives the same hash.

        Read time, row version and position in a file are left out: a row that moved but says the same
        is the same evidence. Bind versions through ``Proposal.data_versions`` where they matter.
        """
        origin = self.label.origin
        where: object = "derived"
        if not isinstance(origin, Derived):
            where = {
                "source": origin.source,
                "object": origin.object,
                "key": origin.key,
                "field": origin.field,
            }
        return content_hash(
            {
                "name": self.name,
                "value": self.value,
                "readers": self.label.readers,
                "integrity": int(self.label.integrity),
                "origin": where,
            }
        )


@wired("decisions.reason")
@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule that fired.

    Attributes:
        code: The outcome's stable word, such as ``cargo_unpaid``.
        check: The check that produced it, such as ``money``.
        text: One plain English clause, such as ``"no invoice is open"``; the sentence quotes it.
        table: Name of the decision table.
        version: The table's version when it fired.
        row: Which row fired.
    """

    code: str
    check: str = ""
    text: str = ""
    table: str = ""
    version: str = ""
    row: str = ""


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

    @property
    def area(self) -> str:
        """What stands behind ``decisions:`` in the right to see and answer this proposal."""
        return self.topic or self.tool or self.workflow


@wired("decisions.approval")
@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's verdict on one proposal; used at most once, by the effect it was given for.

    Attributes:
        id: UUIDv7.
        proposal: The proposal answered.
        subject: Hash of everything the approval binds (see ``Bound.subject``).
        approver: The person.
        verdict: ``approve`` or ``reject``.
        reason: Required on reject.
        at: When, by the database's clock.
        not_before: The effect may not happen earlier.
        expiry: The effect may not happen from here on.
        used_at: When the door took it; None while unused.
        used_by: The effect that took it.
        delegated_by: The colleague the approver answered for.
    """

    id: UUID
    proposal: UUID
    subject: str
    approver: str
    verdict: Literal["approve", "reject"]
    reason: str
    at: datetime
    not_before: datetime
    expiry: datetime
    used_at: datetime | None = None
    used_by: str | None = None
    delegated_by: str | None = None


@wired("decisions.answer")
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a waiting run gets.

    Attributes:
        approved: Whether a person said yes; everything else is *no*.
        verdict: ``approve``, ``reject``, ``expire`` (nobody answered in time) or ``withdraw``.
        proposal: The proposal that was answered; after an edit the edited one.
        approval: The capability the door asks for; None unless a person answered.
        by: The person, or ``system``.
        reason: In the person's words.
        args: The arguments of the proposal answered: perform these.
        edited: Whether ``args`` differ from what was first proposed.
        at: When, by the database's clock.
    """

    approved: bool
    verdict: Verdict
    proposal: UUID
    approval: UUID | None
    by: str
    reason: str
    args: dict[str, Any]
    edited: bool
    at: datetime


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
