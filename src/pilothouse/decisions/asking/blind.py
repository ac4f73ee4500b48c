"""Owns the lot that says which questions are answered before the advice is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.decisions.ladder.draws import drawn
from pilothouse.decisions.proposal import SEEDED, Proposal
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Tx

__all__ = ["Lot"]

Q = load_queries("pilothouse.decisions")
DRAWN = ("decision", SEEDED)


class Lot:
    """Draws by HMAC over the proposal's id: nobody can predict it, an auditor can redo it.

    Args:
        share: Chance of a question about an effect to be blind.
    """

    def __init__(self, *, share: float) -> None:
        self._share = share
        self._key: bytes | None = None

    async def falls_on(self, tx: Tx, proposal: Proposal) -> bool:
        """Whether the advice of ``proposal`` is hidden until the person has answered."""
        if proposal.blind:
            return True
        if self._share <= 0 or proposal.tool is None or proposal.kind not in DRAWN:
            return False
        if self._key is None:
            self._key = bytes(await tx.fetch_value(Q.key))
        return drawn(self._key, str(proposal.id), self._share)
