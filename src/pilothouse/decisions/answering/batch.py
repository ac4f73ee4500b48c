"""Owns batches: one yes to several questions of one shape, each with a row of its own, all or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.decisions.proposal import Proposal
from pilothouse.decisions.types import Answer
from pilothouse.kernel import Principal, UsageError

if TYPE_CHECKING:
    from pilothouse.decisions.answering.held import Held
    from pilothouse.decisions.answering.turn import Act, Said, Turns

__all__ = ["MOST", "approve_together"]

MOST = 20
HIGHEST = 2


async def approve_together(
    turns: Turns, ids: Sequence[UUID], by: Principal, act: Act[Answer], *, said: Said[Answer]
) -> tuple[Answer, ...]:
    """Run ``act`` on every item in one transaction.

    Raises:
        UsageError: ``decisions.batch``.
    """
    if not 1 <= len(ids) <= MOST or len(set(ids)) != len(ids):
        raise UsageError(
            f"a batch of {len(ids)} items: choose 1 to {MOST} different ones", code="decisions.batch"
        )
    return await turns.take_all(ids, by, act, said=said, fit=_require_same)


def _require_same(items: Sequence[Held]) -> None:
    shape = _shape(items[0].proposal)
    for held in items:
        item, why = held.item, ""
        if item.tier > HIGHEST:
            why = f"is of tier {item.tier}, above {HIGHEST}"
        elif item.blind:
            why = "must be judged by itself, before its advice is shown"
        elif _shape(held.proposal) != shape:
            why = "is of another shape than the others"
        if why:
            raise UsageError(f"{item.title!r} {why}; answer it alone", code="decisions.batch")


def _shape(proposal: Proposal) -> object:
    """What items of one batch have in common; a planted sample has the shape of what it looks like."""
    names = tuple(sorted(proposal.args))
    return (proposal.tool, proposal.tool_version, proposal.area, names, proposal.tier, proposal.verdict)
