"""Owns how people's answers become labels: reviews of drawn effects, and ordinary decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from pilothouse.decisions.ladder.labels import Labels, Verdict
from pilothouse.decisions.ladder.policy import LadderPolicy
from pilothouse.decisions.ladder.types import Unit
from pilothouse.decisions.proposal import Proposal
from pilothouse.decisions.types import Answer
from pilothouse.kernel import new_id
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.decisions.inbox import Inbox
    from pilothouse.storage import Tx

__all__ = ["REVIEW", "Judgements", "Reviewed", "Reviews", "unit_of"]

Q = load_queries("pilothouse.decisions.ladder")
REVIEW: Final = "ladder.review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A drawn case that awaits its verdict.

    Attributes:
        unit: Whose.
        effect_id: The effect.
        confidence: How sure the version was.
    """

    unit: Unit
    effect_id: str
    confidence: float | None


class Reviews:
    """Asks about drawn effects, and turns the answers into their labels."""

    def __init__(self, inbox: Inbox, labels: Labels, policy: LadderPolicy) -> None:
        self._inbox = inbox
        self._labels = labels
        self._policy = policy

    async def ask(self, tx: Tx, case: Reviewed, *, call: dict[str, Any], **shown: Any) -> UUID:
        """Enrol a drawn case and ask about it; return the question."""
        await self._labels.enrol(tx, case.unit, case.effect_id, case.confidence)
        now: datetime = await tx.fetch_value(Q.clock)
        proposal = Proposal(
            id=new_id(),
            kind=REVIEW,
            topic=case.unit.action,
            tier=case.unit.tier,
            args={"unit": case.unit, "effect_id": case.effect_id, "call": call},
            deadline=now + timedelta(days=self._policy.ask_days),
            **shown,
        )
        await self._inbox.propose(tx, proposal)
        return proposal.id

    async def answered(self, tx: Tx, proposal: Proposal, answer: Answer) -> None:
        """Take a *yes* as right, a *no* as wrong, silence as the policy says."""
        silent = answer.verdict == "expire"
        if silent and self._policy.unreviewed == "ignored":
            return
        source = "unreviewed" if silent else "review"
        verdict = Verdict(
            case=str(proposal.args["effect_id"]), wrong=not answer.approved, source=source, by=answer.by
        )
        await self._labels.judge(tx, cast("Unit", proposal.args["unit"]), verdict)


class Judgements:
    """Turns what a person decided on a proposal into the label of whoever proposed it."""

    def __init__(
        self, labels: Labels, policy: LadderPolicy, unit_of: Callable[[Proposal], Unit | None]
    ) -> None:
        self._labels = labels
        self._policy = policy
        self._unit_of = unit_of

    async def answered(self, tx: Tx, proposal: Proposal, answer: Answer) -> None:
        """Take a *yes* to the proposal as it was as right, a *no* or an edit as wrong; silence is neither."""
        unit = self._unit_of(proposal)
        if unit is None or answer.verdict not in ("approve", "reject"):
            return
        wrong = not answer.approved or answer.edited
        verdict = Verdict(case=str(proposal.id), wrong=wrong, source="decision", by=answer.by)
        await self._labels.judge(tx, self._policy.counted_as(unit), verdict)


def unit_of(proposal: Proposal) -> Unit | None:
    """Return whose proposal it is: of the workflow version that asks, about its tool; None without a tool.

    A proposal names no site, so evidence is counted without one; pass your own function where sites differ.
    """
    if proposal.tool is None:
        return None
    version = f"{proposal.workflow}@{proposal.workflow_version}" if proposal.workflow else ""
    return Unit(action=proposal.tool, tier=proposal.tier, version=version)
