"""Owns the nouns a decision is made of: evidence, reason, quorum, escalation, approval, answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pilothouse.kernel import UsageError, content_hash, wired
from pilothouse.labels import Derived, Label, Labelled

__all__ = ["Answer", "Approval", "Escalation", "Evidence", "ItemState", "Quorum", "Reason", "Verdict"]

Verdict = Literal["approve", "reject", "expire", "withdraw", "pending"]
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


@wired("decisions.quorum")
@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """Whose approvals, and how many, open the door. People are counted, not accounts or delegations.

    Attributes:
        count: How many people must say yes.
        groups: Groups that must each be spoken for by a person of their own among them.
        distinct_from: Principals, or groups, whose people may not say yes, beside whoever asked.
        reject_stops: Whether one *no* closes the question; else a *no* only takes that person out.

    Raises:
        UsageError: ``decisions.quorum``: nobody would be asked.
    """

    count: int = 1
    groups: tuple[str, ...] = ()
    distinct_from: tuple[str, ...] = ()
    reject_stops: bool = True

    def __post_init__(self) -> None:
        if self.count < 1 or len(set(self.groups)) != len(self.groups):
            raise UsageError(
                f"a quorum of {self.count!r} people from groups {self.groups!r} asks nobody; "
                "ask at least one and name each group once",
                code="decisions.quorum",
            )

    @property
    def needed(self) -> int:
        """How many people it takes at least."""
        return max(self.count, len(self.groups))


@wired("decisions.escalation")
@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """One step of what happens while nobody answers.

    Attributes:
        after: How long after the question was asked.
        to: The group or principal that is asked as well from then on; empty only reminds.
    """

    after: timedelta
    to: str = ""


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
        screen: Hash of the screen the person saw, as the front end computed it.
        asked: SHA-256 of the stored proposal, whole, when it was answered.
        groups: The groups of the quorum that the approver was in when answering.
        linked: Colleagues bound to the approver by a delegation in force when answering.
        blind: Whether the advice was hidden from the approver until then.
        undone_at: When the approver took it back; None while it stands.
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
    screen: str | None = None
    asked: str = ""
    groups: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()
    blind: bool = False
    undone_at: datetime | None = None

    @property
    def people(self) -> frozenset[str]:
        """Everyone this voice stands for; two voices that share a person count once."""
        return frozenset({self.approver, self.delegated_by or self.approver, *self.linked})


@wired("decisions.answer")
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a waiting run gets.

    Attributes:
        approved: Whether a person said yes; everything else is *no*.
        verdict: ``approve``, ``reject``, ``expire`` (nobody answered in time) or ``withdraw``; ``pending``
            only to the person who answered, while more people must say yes.
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
