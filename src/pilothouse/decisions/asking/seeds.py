"""Owns planted samples: known-bad proposals that show whether people still look, and how many they caught."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.proposal import SEEDED, Proposal
from pilothouse.kernel import LimitError, Principal, UsageError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["Catches", "catches", "note", "plant", "require_rare"]

Q = load_queries("pilothouse.decisions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Catches:
    """How well people catch what is wrong.

    Attributes:
        shown: Planted samples that people answered, unedited.
        caught: Those they refused.
    """

    shown: int
    caught: int


async def catches(database: Database, unit: str | None = None) -> Catches:
    """Return how many samples planted for ``unit`` were answered and caught; None counts all."""
    row = await database.fetch_one(Q.catches, {"unit": unit})
    assert row is not None, "an aggregate has one row"
    return Catches(shown=row["shown"], caught=row["caught"])


async def require_rare(tx: Tx, topic: str, *, every: int) -> None:
    """Refuse to plant more than one sample among ``every`` items of a topic.

    Raises:
        LimitError: ``decisions.seeded_often``.
    """
    await tx.fetch_value(Q.lock_topic, {"topic": topic})
    row = await tx.fetch_one(Q.share_seeded, {"topic": topic})
    assert row is not None, "an aggregate has one row"
    if (row["seeded"] + 1) * every > row["asked"] + 1:
        raise LimitError(
            f"topic {topic!r} has {row['seeded']} samples among {row['asked']} items; at most 1 in {every} "
            "may be planted, so wait",
            code="decisions.seeded_often",
        )


def plant(proposal: Proposal, *, fault: str) -> Proposal:
    """Return ``proposal`` as a sample.

    Raises:
        UsageError: ``decisions.seed``: it opens no door anyway, or nobody says what is wrong with it.
    """
    if proposal.kind != "decision" or proposal.tool is None or not fault.strip():
        raise UsageError(
            f"{proposal.title!r} is no sample: plant a decision about a tool, and say what is "
            f"wrong with it (got {fault!r})",
            code="decisions.seed",
        )
    return replace(proposal, kind=SEEDED)


async def note(tx: Tx, sample: Proposal, by: Principal, *, unit: str, fault: str) -> None:
    """Store what is wrong with a planted sample."""
    values = {"id": sample.id, "unit": unit, "topic": sample.area, "fault": fault, "by": by.id}
    await tx.execute(Q.insert_seed, values)
    await append(
        tx, AuditEntry(kind="decisions.seeded", actor=by.id, proposal=sample.id, body={"unit": unit})
    )
