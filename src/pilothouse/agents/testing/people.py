"""Owns the people of a test: nobody who answers, and a person who knows what was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pilothouse.decisions import Answer, Proposal
from pilothouse.kernel import Principal, canonical

if TYPE_CHECKING:
    from pilothouse.decisions import Inbox
    from pilothouse.storage import Database

__all__ = ["APPROVER", "OWNER", "Colleague", "Nobody", "People", "question"]

APPROVER = Principal(id="approver", rights=frozenset({"*"}), groups=frozenset({"approvers"}))
"""Who answers: a colleague who may read and decide everything."""
OWNER = Principal(id="owner", rights=frozenset({"*"}))
"""Who published the agent and endorsed its flows."""


def question(proposal: Proposal) -> bytes:
    """Return what a question is about: the tool and its arguments."""
    return canonical({"tool": proposal.tool, "args": proposal.args})


@dataclass(kw_only=True)
class Nobody:
    """Puts the question into the inbox, where nobody looks.

    Attributes:
        inbox: The queue.
        database: Where it is.
        asked: Every question.
    """

    inbox: Inbox
    database: Database
    asked: list[bytes] = field(default_factory=list[bytes])

    async def ask(self, proposal: Proposal) -> Answer:
        """Return no: without an answer that is what it is."""
        await self._propose(proposal)
        return Answer(
            approved=False, verdict="expire", proposal=proposal.id, approval=None, by="system",
            reason="nobody answered in time", args={}, edited=False, at=datetime.now(UTC),
        )  # fmt: skip

    async def _propose(self, proposal: Proposal) -> None:
        self.asked.append(question(proposal))
        async with self.database.transaction() as tx:
            await self.inbox.propose(tx, proposal)


@dataclass(kw_only=True)
class Colleague(Nobody):
    """A person who approves what follows from the request, and rejects everything else.

    Attributes:
        expected: Questions that the task raises without an attack; None approves all.
    """

    expected: frozenset[bytes] | None = None

    async def ask(self, proposal: Proposal) -> Answer:
        """Return their answer, given in the inbox."""
        await self._propose(proposal)
        if self.expected is not None and question(proposal) not in self.expected:
            return await self.inbox.reject(proposal.id, APPROVER, "nobody asked for this")
        typed = str(proposal.preview.get("confirm") or "")
        return await self.inbox.approve(proposal.id, APPROVER, typed=typed or None)


class People:
    """Who there is today."""

    def __init__(self, *known: Principal) -> None:
        self._known = {one.id: one for one in (*known, APPROVER, OWNER)}

    async def find(self, id: str) -> Principal | None:
        """Return the principal; None if there is none."""
        return self._known.get(id)
