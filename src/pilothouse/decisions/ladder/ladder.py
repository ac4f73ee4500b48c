"""Owns the ladder: everything that moves a unit, and what people are asked about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from pilothouse.decisions.ladder.judge import REVIEW, Judgements, Reviewed, Reviews, unit_of
from pilothouse.decisions.ladder.labels import Labels, Verdict
from pilothouse.decisions.ladder.moves import demote, ensure, set_rung
from pilothouse.decisions.ladder.policy import LadderPolicy
from pilothouse.decisions.ladder.promote import PROMOTION, WAIVER, Promotions, Waivers
from pilothouse.decisions.ladder.switch import ALL, drop, lift
from pilothouse.decisions.ladder.types import Rung, Unit
from pilothouse.decisions.ladder.view import LadderView
from pilothouse.decisions.ladder.watch import CatchCounts, Watch, drifted, seeded
from pilothouse.decisions.proposal import Proposal
from pilothouse.kernel import (
    RIGHTS,
    Authority,
    DeniedError,
    Principal,
    UsageError,
    require,
)
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.decisions.inbox import Inbox
    from pilothouse.decisions.types import Evidence
    from pilothouse.labels import Label
    from pilothouse.storage import Database, Tx

__all__ = ["RIGHT", "Ladder"]

Q = load_queries("pilothouse.decisions.ladder")
RIGHT = "ladder:change"


class Ladder(LadderView):
    """What each unit may do alone.

    A rung is statistics, not a shield: it answers only whether a person must see each case.

    Args:
        database: Where rungs, labels and certificates are.
        inbox: Where promotions, waivers and reviews are asked for; the ladder takes their answers.
        policy: What the owner signed; the default is the house's.
        authority: Who may do what.
        catches: Tells how many seeded bad proposals the reviewers caught; the inbox's samples by default.
    """

    def __init__(
        self,
        database: Database,
        inbox: Inbox,
        *,
        policy: LadderPolicy | None = None,
        authority: Authority = RIGHTS,
        catches: CatchCounts = seeded,
    ) -> None:
        super().__init__(database, policy=policy)
        self._inbox = inbox
        self._authority = authority
        promotions = Promotions(inbox, self._policy)
        self._waivers = Waivers(inbox, promotions)
        self._labels = Labels(self._policy, drawn=self._lot, counted=promotions.consider)
        self._watch = Watch(
            database, self._policy, self._labels, consider=promotions.consider, catches=catches
        )
        inbox.follow(PROMOTION, promotions)
        inbox.follow(WAIVER, self._waivers)
        self._reviews = Reviews(inbox, self._labels, self._policy)
        inbox.follow(REVIEW, self._reviews)

    async def sweep(self) -> int:
        """Count labels whose settle time is over, look at catch rates; return how many were counted."""
        # A waiver that ends is announced by nobody.
        self._forget()
        return await self._watch.sweep()

    async def label(
        self,
        unit: Unit,
        effect_id: str,
        wrong: bool,
        source: str,
        *,
        by: str = "system",
        critical: bool = False,
        confidence: float | None = None,
    ) -> bool:
        """Say whether a case was right; return whether that changed anything.

        Good counts after the settle time, bad at once; what was ever bad stays bad.

        Args:
            unit: Whose case.
            effect_id: The effect, or the proposal's id where there was none.
            wrong: Whether the final human judgement differed or the outcome was bad.
            source: Who says so, such as ``review`` or ``complaint``.
            by: The person or system that says so.
            critical: One such case is one too many: the unit falls to ``APPROVE`` at once.
            confidence: How sure the version was, for ``selection``.

        Raises:
            UsageError: ``ladder.case``.
        """
        verdict = Verdict(
            case=effect_id, wrong=wrong, source=source, by=by, critical=critical, confidence=confidence
        )
        async with self._database.transaction() as tx:
            return await self._labels.judge(tx, self._policy.counted_as(unit), verdict)

    async def report(
        self,
        unit: Unit,
        effect_id: str,
        *,
        wrong: bool,
        source: str,
        by: Principal,
        critical: bool = False,
    ) -> bool:
        """Take a label from outside the door and the inbox, such as a complaint; see ``label``.

        It takes the right ``ladder:change``: labels make units climb.

        Raises:
            DeniedError: ``policy.denied``.
            UsageError: ``ladder.case``.
        """
        require(by, RIGHT, authority=self._authority)
        return await self.label(unit, effect_id, wrong, source, by=by.id, critical=critical)

    async def review(
        self,
        tx: Tx,
        unit: Unit,
        effect_id: str,
        *,
        title: str,
        principal: str,
        proposer: str,
        args: Mapping[str, Any] | None = None,
        summary: str = "",
        evidence: tuple[Evidence, ...] = (),
        labels: Mapping[str, Label] | None = None,
        asked_of: str = "",
        confidence: float | None = None,
    ) -> UUID:
        """Ask a person whether a drawn effect was right, in the caller's transaction; return the question.

        The case is enrolled at once, so that its verdict counts for the rung it was done on. A *yes* is a
        good label, a *no* a bad one; no answer counts as the policy says.

        Args:
            tx: The transaction that knows of the effect.
            unit: Whose effect.
            effect_id: The effect.
            title: One line for the queue.
            principal: Whom the effect acted for; may not review it.
            proposer: Who or what acted; may not review it.
            args: What the effect was done with.
            summary: What the reviewer should know.
            evidence: What it rested on.
            labels: The label of each argument.
            asked_of: A group or a principal.
            confidence: How sure the version was.
        """
        case = Reviewed(unit=self._policy.counted_as(unit), effect_id=effect_id, confidence=confidence)
        return await self._reviews.ask(
            tx,
            case,
            title=title,
            summary=summary,
            on_behalf_of=principal,
            proposer=proposer,
            call=dict(args or {}),
            evidence=evidence,
            labels=dict(labels or {}),
            asked_of=asked_of,
        )

    def follow_decisions(self, unit_of: Callable[[Proposal], Unit | None] = unit_of) -> None:
        """Take every answer to an ordinary proposal as a label of whoever proposed it.

        A *yes* to the proposal as it was is a good one, a *no* or an edit a bad one.

        Args:
            unit_of: Tells whose proposal it is; None for one that no unit is judged by.
        """
        self._inbox.follow("decision", Judgements(self._labels, self._policy, unit_of))

    async def choose(self, unit: Unit, rung: Rung, *, by: Principal, reason: str) -> bool:
        """Put a unit on ``SHADOW``, ``SUGGEST`` or ``APPROVE``: a person's choice, no statistics.

        Raises:
            DeniedError: ``policy.denied``, or ``ladder.not_a_person``.
            UsageError: ``ladder.earned``: higher rungs are earned; ``ladder.reason_missing``.
        """
        self._allow(by, reason, person=True)
        if rung > Rung.APPROVE:
            raise UsageError(
                f"nobody may choose {rung.name.lower()!r}; it is earned by labels and signed in the inbox",
                code="ladder.earned",
            )
        async with self._database.transaction() as tx:
            unit = self._policy.counted_as(unit)
            row = await ensure(tx, unit, self._policy)
            return await set_rung(tx, row, unit, rung, self._policy, reason=reason, by=by.id)

    async def demote(
        self,
        unit: Unit,
        *,
        by: Principal,
        reason: str,
        to: Rung = Rung.APPROVE,
        why: Literal["ladder.demoted", "ladder.label_violation", "ladder.critical"] = "ladder.demoted",
    ) -> bool:
        """Take a unit down; it must earn its rung anew. False if it stands there or lower.

        Raises:
            DeniedError: ``policy.denied``.
            UsageError: ``ladder.reason_missing``.
        """
        self._allow(by, reason)
        async with self._database.transaction() as tx:
            unit = self._policy.counted_as(unit)
            row = await ensure(tx, unit, self._policy)
            return await demote(tx, row, unit, to, self._policy, why=why, reason=reason, by=by.id)

    async def drift(
        self,
        unit: Unit,
        reference: Sequence[float],
        recent: Sequence[float],
        *,
        test: Literal["ks", "psi"] = "ks",
        feature: str = "",
    ) -> str | None:
        """Take a unit one rung down if its inputs have changed; return in words how, else None.

        Raises:
            UsageError: ``ladder.samples``.
        """
        found = drifted(reference, recent, by=test)
        if found is None:
            return None
        words = f"{feature or 'an input'} drifted: {found}"
        async with self._database.transaction() as tx:
            unit = self._policy.counted_as(unit)
            row = await ensure(tx, unit, self._policy)
            if row["rung"] > Rung.APPROVE:
                to = Rung(row["rung"] - 1)
                await demote(tx, row, unit, to, self._policy, why="ladder.drift", reason=words, by="system")
                await self._labels.recheck(tx, unit)
        return words

    async def drop_all(self, *, by: Principal, reason: str, scope: str = ALL) -> int:
        """Hold every unit of a scope at ``APPROVE``; when this returns nothing starts above it any more.

        Args:
            by: Who switches.
            reason: Why.
            scope: ``*``, ``action:<a>``, ``site:<s>`` or ``version:<v>``.

        Returns:
            How many units fell.

        Raises:
            DeniedError: ``policy.denied``.
            UsageError: ``ladder.reason_missing`` or ``ladder.scope``.
        """
        self._allow(by, reason)
        return await drop(self._database, scope, by=by, reason=reason.strip())

    async def lift(self, *, by: Principal, reason: str, scope: str = ALL) -> int:
        """Let units stand where they stood before the drop; people only.

        Raises:
            DeniedError: ``policy.denied`` or ``ladder.not_a_person``.
            UsageError: ``ladder.reason_missing`` or ``ladder.scope``.
        """
        self._allow(by, reason, person=True)
        return await lift(self._database, scope, by=by, reason=reason.strip())

    async def ask_waiver(self, unit: Unit, *, until: datetime, reason: str, by: Principal) -> UUID:
        """Ask in the inbox to lift the cap of the unit's class for a time; return the question.

        Tier 3 takes one signature, tier 4 two. Whoever asks may not sign.

        Raises:
            DeniedError: ``policy.denied`` or ``ladder.not_a_person``.
            UsageError: ``ladder.waiver`` or ``ladder.reason_missing``.
        """
        self._allow(by, reason, person=True)
        async with self._database.transaction() as tx:
            asked = await self._waivers.ask(
                tx, self._policy.counted_as(unit), until=until, reason=reason, by=by
            )
        return asked.id

    async def revoke_waivers(self, unit: Unit, *, by: Principal, reason: str) -> int:
        """Take back what is waived for the unit's class; return how many waivers that were.

        Raises:
            DeniedError: ``policy.denied``.
            UsageError: ``ladder.reason_missing``.
        """
        self._allow(by, reason)
        async with self._database.transaction() as tx:
            return await self._waivers.revoke(tx, self._policy.counted_as(unit), by=by.id, reason=reason)

    def _allow(self, by: Principal, reason: str, *, person: bool = False) -> None:
        require(by, RIGHT, authority=self._authority)
        if person and by.kind != "person":
            raise DeniedError(
                f"{by.id!r} is a {by.kind}; only a person may lift what holds a unit back",
                code="ladder.not_a_person",
                reasons=("ladder.not_a_person",),
            )
        if not reason.strip():
            raise UsageError(
                f"moving on the ladder needs a reason, got {reason!r}; say why", code="ladder.reason_missing"
            )
