"""Owns what the ladder asks people, in the same inbox as everything else: promotions and waivers."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.ladder.moves import CHANNEL, ensure, promote
from pilothouse.decisions.ladder.policy import LadderPolicy, cap_of
from pilothouse.decisions.ladder.rows import standing_of
from pilothouse.decisions.ladder.types import Certificate, Rung, Standing, Unit
from pilothouse.decisions.proposal import Proposal
from pilothouse.decisions.types import Answer, Quorum, Reason
from pilothouse.kernel import ConflictError, Principal, UsageError, new_id
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.decisions.inbox import Inbox
    from pilothouse.storage import Row, Tx

__all__ = ["PROMOTION", "TOPIC", "WAIVER", "Promotions", "Waivers"]

Q = load_queries("pilothouse.decisions.ladder")
D = load_queries("pilothouse.decisions")
PROMOTION: Final = "ladder.promotion"
WAIVER: Final = "ladder.waiver"
TOPIC: Final = "ladder"
SYSTEM_ID: Final = "system"
AGAIN: Final = 1.5
LONGEST_WAIVER: Final = timedelta(days=366)


class Promotions:
    """Asks for a promotion when the evidence is there, and carries out the answer."""

    def __init__(self, inbox: Inbox, policy: LadderPolicy) -> None:
        self._inbox = inbox
        self._policy = policy

    async def consider(self, tx: Tx, unit: Unit) -> None:
        """Ask once the evidence is there; after a *no* again only with half as many labels more."""
        row = await ensure(tx, unit, self._policy)
        if row["asked"] is not None or row["n"] < AGAIN * row["asked_n"]:
            return
        standing = standing_of(row, unit, self._policy)
        if not standing.ready:
            return
        now: datetime = await tx.fetch_value(Q.clock)
        proposal = _promotion(standing, row, self._policy, now)
        await self._inbox.propose(tx, proposal)
        await tx.execute(Q.ask, {"id": row["test_id"], "asked": proposal.id})

    async def answered(self, tx: Tx, proposal: Proposal, answer: Answer) -> None:
        """Promote, if the unit still stands where it stood and the evidence still holds.

        Raises:
            ConflictError: ``ladder.stale``.
        """
        unit = cast("Unit", proposal.args["unit"])
        row = await ensure(tx, unit, self._policy)
        current = row["asked"] == proposal.id
        if not answer.approved:
            if current:
                await tx.execute(Q.unask, {"id": row["test_id"]})
            return
        standing = standing_of(row, unit, self._policy)
        if not current or not standing.ready:
            raise ConflictError(
                f"{unit!s} moved since this was asked, or its evidence has fallen; reject it, it will be "
                "asked again when the evidence is there",
                code="ladder.stale",
            )
        paper = Certificate(
            test=row["test_id"],
            rung=Rung(standing.earned + 1),
            n=standing.n,
            k=standing.k,
            eps=standing.eps,
            catch=standing.catch,
            alpha=row["alpha"],
            log_e=standing.log_e,
            shown=row["shown"],
            caught=row["caught"],
            policy=self._policy.version,
            proposal=proposal.id,
            signers=await _signers(tx, proposal, answer),
            at=answer.at,
        )
        await promote(tx, row, unit, paper, self._policy, by=answer.by)


class Waivers:
    """Asks for the signatures that lift a tier's cap for a time, and stores them."""

    def __init__(self, inbox: Inbox, promotions: Promotions) -> None:
        self._inbox = inbox
        self._promotions = promotions

    async def ask(self, tx: Tx, unit: Unit, *, until: datetime, reason: str, by: Principal) -> Proposal:
        """Ask to lift the cap of the unit's class.

        Raises:
            UsageError: ``ladder.waiver``: nothing to waive, no reason, or no end within a year.
        """
        now: datetime = await tx.fetch_value(Q.clock)
        rung = cap_of(unit.tier, Rung.AUTONOMOUS)
        if rung == cap_of(unit.tier):
            raise UsageError(
                f"tier {unit.tier!r} climbs to {rung.name.lower()!r} without a waiver", code="ladder.waiver"
            )
        if not reason.strip() or until.tzinfo is None or not now < until <= now + LONGEST_WAIVER:
            raise UsageError(
                f"a waiver needs a reason and an end within a year, got {reason!r} and {until!r}",
                code="ladder.waiver",
            )
        where = f" at {unit.site}" if unit.site else ""
        proposal = Proposal(
            id=new_id(),
            title=f"Waive the cap of {unit.action}{where} up to {rung.name.lower()}",
            summary=(
                f"Tier {unit.tier} stops at {cap_of(unit.tier).name.lower()}. Until {until:%Y-%m-%d} this "
                f"class could climb to {rung.name.lower()}; each version would still need its evidence and "
                f"its signature. Reason: {reason.strip()}"
            ),
            on_behalf_of=by.id,
            proposer=by.id,
            kind=WAIVER,
            topic=TOPIC,
            tier=unit.tier,
            quorum=_quorum(unit.tier),
            args={
                "unit": Unit(action=unit.action, tier=unit.tier, site=unit.site),
                "rung": int(rung),
                "until": until,
                "reason": reason.strip()[:500],
            },
            deadline=min(until, now + timedelta(days=14)),
        )
        await self._inbox.propose(tx, proposal)
        return proposal

    async def answered(self, tx: Tx, proposal: Proposal, answer: Answer) -> None:
        """Store the signatures, if there are any."""
        if not answer.approved:
            return
        args, unit = proposal.args, cast("Unit", proposal.args["unit"])
        signers = await _signers(tx, proposal, answer)
        await tx.execute(
            Q.insert_waiver,
            {
                "proposal": proposal.id,
                "action": unit.action,
                "tier": unit.tier,
                "site": unit.site,
                "rung": args["rung"],
                "reason": args["reason"],
                "signers": list(signers),
                "until": args["until"],
            },
        )
        body = {"unit": str(unit)[:500], "rung": args["rung"], "until": str(args["until"])}
        entry = AuditEntry(kind="ladder.waived", actor=answer.by, proposal=proposal.id, body=body)
        await append(tx, entry)
        await tx.notify(CHANNEL)
        values = {"action": unit.action, "tier": unit.tier, "site": unit.site}
        for row in await tx.fetch_all(Q.versions, values):
            await self._promotions.consider(tx, replace(unit, version=row["version"]))

    async def revoke(self, tx: Tx, unit: Unit, *, by: str, reason: str) -> int:
        """Take back what is waived for the unit's class; return how many waivers that were."""
        values = {"action": unit.action, "tier": unit.tier, "site": unit.site, "by": by}
        revoked = await tx.execute(Q.revoke_waivers, values)
        body = {"unit": str(unit)[:500], "waivers": revoked, "reason": reason[:500]}
        await append(tx, AuditEntry(kind="ladder.waiver_revoked", actor=by, body=body))
        await tx.notify(CHANNEL)
        return revoked


def _promotion(standing: Standing, row: Row, policy: LadderPolicy, now: datetime) -> Proposal:
    unit, to = standing.unit, Rung(standing.earned + 1)
    share = policy.review_of(to)
    where = f" at {unit.site}" if unit.site else ""
    return Proposal(
        id=new_id(),
        title=f"Let {unit.version or 'this version'} do {unit.action}{where} alone, {share:.0%} reviewed",
        summary=(
            f"{standing.n} labels, {standing.k} bad. The evidence that fewer than {standing.eps:.2%} are "
            f"wrong is {_power(standing.log_e)} to 1; {_power(standing.needed)} to 1 was needed. At most "
            f"{standing.bound:.2%} are wrong at {1 - policy.alpha:.0%} confidence. This holds for cases that "
            "come as they came; it does not stop an attacker, the labels do."
        ),
        verdict="PROMOTE",
        reasons=(Reason(code="ladder.evidence", check="ladder", text="the evidence reached its threshold"),),
        on_behalf_of=SYSTEM_ID,
        proposer=SYSTEM_ID,
        kind=PROMOTION,
        topic=TOPIC,
        tier=unit.tier,
        quorum=_quorum(unit.tier),
        policy_version=policy.version,
        args={
            "unit": unit,
            "from": int(standing.earned),
            "to": int(to),
            "n": standing.n,
            "k": standing.k,
            "eps": standing.eps,
            "catch": standing.catch,
            "alpha": row["alpha"],
            "log_e": standing.log_e,
            "test": row["number"],
        },
        deadline=now + timedelta(days=policy.ask_days),
    )


def _quorum(tier: int) -> Quorum:
    """What cannot be taken back takes two signatures."""
    return Quorum(count=2) if tier == 4 else Quorum()


def _power(logarithm: float) -> str:
    return f"{math.exp(logarithm):,.0f}" if logarithm < 20 else f"10^{logarithm / math.log(10):.0f}"


async def _signers(tx: Tx, proposal: Proposal, answer: Answer) -> tuple[str, ...]:
    rows = await tx.fetch_all(D.approvals_of, {"id": proposal.id})
    return tuple(sorted({answer.by, *(row["approver"] for row in rows if row["verdict"] == "approve")}))
