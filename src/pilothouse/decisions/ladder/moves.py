"""Owns moving a unit in the caller's transaction: registering it, starting tests, changing its rung."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.ladder.maths.detector import COLD
from pilothouse.decisions.ladder.maths.evidence import reserve_weight, spent
from pilothouse.decisions.ladder.policy import LadderPolicy
from pilothouse.decisions.ladder.rows import unit_values
from pilothouse.decisions.ladder.types import Certificate, Rung, Unit
from pilothouse.kernel import canonical
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Row, Tx

__all__ = ["CHANNEL", "demote", "ensure", "promote", "set_rung"]

Q = load_queries("pilothouse.decisions.ladder")
CHANNEL: Final = "ladder_moved"
SHOWN: Final = 500


async def ensure(tx: Tx, unit: Unit, policy: LadderPolicy) -> Row:
    """Return the locked row of a unit with its open test; a new one starts at ``APPROVE`` with no label."""
    row = await tx.fetch_one(Q.lock_unit, unit_values(unit))
    if row is not None:
        return row
    await tx.execute(Q.lock_switch)
    row = await tx.fetch_one(Q.lock_unit, unit_values(unit))
    if row is None:
        number = await _class_of(tx, unit, policy)
        await tx.execute(Q.insert_unit, {"class": number, **unit_values(unit)})
        await _start(tx, unit, policy)
        await tx.notify(CHANNEL)
        row = await _locked(tx, unit)
    return row


async def promote(
    tx: Tx, row: Row, unit: Unit, certificate: Certificate, policy: LadderPolicy, *, by: str
) -> None:
    """Lift a locked unit by one rung."""
    words = f"{certificate.k} of {certificate.n} wrong, signed by {', '.join(certificate.signers)}"
    await _move(
        tx, row, unit, certificate.rung, policy, why="ladder.promoted", reason=words, by=by, paper=certificate
    )


async def demote(
    tx: Tx, row: Row, unit: Unit, to: Rung, policy: LadderPolicy, *, why: str, reason: str, by: str
) -> bool:
    """Take a locked unit down to ``to``; False if it stands there or lower."""
    if row["rung"] <= to:
        return False
    await _move(tx, row, unit, to, policy, why=why, reason=reason, by=by)
    return True


async def set_rung(
    tx: Tx, row: Row, unit: Unit, to: Rung, policy: LadderPolicy, *, reason: str, by: str
) -> bool:
    """Put a locked unit on one of the rungs that a person may choose; False if it stands there."""
    if row["rung"] == to:
        return False
    await _move(tx, row, unit, to, policy, why="ladder.chosen", reason=reason, by=by)
    return True


async def _move(
    tx: Tx,
    row: Row,
    unit: Unit,
    to: Rung,
    policy: LadderPolicy,
    *,
    why: str,
    reason: str,
    by: str,
    paper: Certificate | None = None,
) -> None:
    before = Rung(row["rung"])
    signed = None if paper is None else canonical(paper).decode()
    state = "closed" if paper is None else "promoted"
    await tx.execute(Q.close_test, {"unit": row["id"], "state": state, "certificate": signed})
    if signed is None and to > Rung.APPROVE:
        signed = await _earlier(tx, row["id"], to)
    await tx.execute(Q.set_rung, {"unit": row["id"], "rung": int(to), "certificate": signed})
    await tx.execute(
        Q.insert_move,
        {
            "unit": row["id"],
            "before": int(before),
            "after": int(to),
            "why": why,
            "reason": reason[:SHOWN],
            "by": by,
        },
    )
    body = {
        "unit": str(unit)[:SHOWN],
        "before": before.name,
        "after": to.name,
        "why": why,
        "reason": reason[:SHOWN],
    }
    proposal = None if paper is None else paper.proposal
    await append(tx, AuditEntry(kind="ladder.moved", actor=by, proposal=proposal, body=body))
    await _start(tx, unit, policy)
    await tx.notify(CHANNEL)


async def _earlier(tx: Tx, unit: int, rung: Rung) -> str:
    """Return the certificate that had lifted the unit to ``rung``; it was there before, so there is one."""
    return await tx.fetch_value(Q.earlier_certificate, {"unit": unit, "rung": int(rung) - 1})


async def _start(tx: Tx, unit: Unit, policy: LadderPolicy) -> None:
    """Start counting anew on the rung a unit stands on. A test that can lift it spends, others are free."""
    row = await _locked(tx, unit)
    number, alpha = 0, 0.0
    if Rung.APPROVE <= row["rung"] < Rung.AUTONOMOUS:
        drawn = await tx.fetch_one(Q.next_number, {"class": row["class"]})
        assert drawn is not None
        number = drawn["tests"]
        alpha = spent(policy.alpha, drawn["weight"], number)
    await tx.execute(
        Q.insert_test,
        {
            "unit": row["id"],
            "number": number,
            "rung": row["rung"],
            "alpha": alpha,
            "eps": policy.eps_of(unit),
            "detector": list(COLD),
        },
    )


async def _locked(tx: Tx, unit: Unit) -> Row:
    row = await tx.fetch_one(Q.lock_unit, unit_values(unit))
    assert row is not None
    return row


async def _class_of(tx: Tx, unit: Unit, policy: LadderPolicy) -> int:
    """Return the id of the unit's class; a new one gets its share of the error budget, once and for all."""
    rows = await tx.fetch_all(Q.classes)
    same = (unit.action, unit.tier, unit.site)
    for row in rows:
        if (row["action"], row["tier"], row["site"]) == same:
            return row["id"]
    values: dict[str, Any] = {"action": unit.action, "tier": unit.tier, "site": unit.site}
    return await tx.fetch_value(Q.insert_class, {**values, **_share(unit, rows, policy)})


def _share(unit: Unit, rows: list[Row], policy: LadderPolicy) -> dict[str, Any]:
    """Return the weight of a new class: its rule's if nobody took it, else the next draw from the reserve.

    Whatever the policy has become since, all weights together stay at most 1.
    """
    left = max(0.0, 1 - sum(row["weight"] for row in rows))
    found = policy.rule_of(unit)
    if found is not None and found[0] not in {row["rule"] for row in rows}:
        return {"rule": found[0], "reserve_number": None, "weight": min(left, policy.weight_of(found[0]))}
    number = 1 + sum(row["reserve_number"] is not None for row in rows)
    return {
        "rule": None,
        "reserve_number": number,
        "weight": min(left, reserve_weight(policy.kept, number)),
    }
