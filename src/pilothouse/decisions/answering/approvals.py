"""Owns an approval's worth: finding it with its whole set, and using all of it up, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.decisions.items import approval_of, proposal_of
from pilothouse.decisions.people.quorum import unmet
from pilothouse.decisions.proposal import Granted
from pilothouse.kernel import ConflictError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["VOID", "find_approval", "use_approval"]

Q = load_queries("pilothouse.decisions")
VOID = "decisions.void"


async def find_approval(database: Database, id: UUID) -> Granted | None:
    """Return an approval with the proposal it answered and every *yes* beside it; None if there is none."""
    row = await database.fetch_one(Q.approval, {"id": id})
    if row is None:
        return None
    found = await database.fetch_all(Q.approvals_of, {"id": row["proposal"]})
    # All from one statement: a voice used up between two of them would not be found among the others.
    every = tuple(approval_of(one) for one in found)
    return Granted(
        approval=next(one for one in every if one.id == id),
        proposal=proposal_of(row),
        approvals=tuple(one for one in every if one.verdict == "approve" and one.undone_at is None),
        asked=tuple(name for name in (row["asked_of"], *row["also"]) if name),
    )


async def use_approval(tx: Tx, id: UUID, *, effect: str, subject: str) -> None:
    """Use an approval up for ``effect``, with every other of its set, inside the transaction of the intent.

    Args:
        tx: The intent's transaction.
        id: The approval.
        effect: The effect id.
        subject: Recomputed from the actual call and from evidence read again.

    Raises:
        ConflictError: ``decisions.void``: no approval, too few, taken back, used, early, late, of another
            call, or of a proposal that was changed where it is stored.
    """
    rows = await tx.fetch_all(Q.lock_approvals, {"id": id})
    why = _void(rows, id, subject)
    if why is not None:
        raise ConflictError(f"approval {str(id)!r} is void: {why}; ask again", code=VOID)
    for row in rows:
        await tx.execute(Q.use_approval, {"id": row["id"], "effect": effect})


def _void(rows: Sequence[Mapping[str, Any]], id: UUID, subject: str) -> str | None:
    named = [row for row in rows if row["id"] == id]
    if not named:
        return "it does not exist"
    # The one that was named first, so that the reason is about it.
    for row in (*named, *rows):
        why = _fault(row, subject)
        if why is not None:
            return why
    if named[0]["state"] != "approved":
        return f"the question stands as {named[0]['state']!r}"
    proposal = proposal_of(named[0])
    return unmet(proposal.quorum, [approval_of(row) for row in rows])


def _fault(row: Mapping[str, Any], subject: str) -> str | None:
    if row["verdict"] != "approve":
        return "the person said no"
    faults = {
        "seeded": "it answers a known-bad sample, which nothing executes",
        "undone_at": f"{row['approver']!r} took it back",
        "used_by": f"it was used by effect {row['used_by']!r}",
        "late": "it has expired",
        "early": "its time has not come",
        "changed": "the stored proposal is not the one that was answered",
    }
    for name, why in faults.items():
        if row[name]:
            return why
    return None if row["subject"] == subject else "it was given for another call"
