"""Owns the people of an attacked port: who answers at the desks, and the world without any door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pilothouse.decisions import Answer, Proposal
from pilothouse.effects import EffectRequest, Outcome
from pilothouse.kernel import Principal, canonical, passing
from pilothouse_port.attack.clerk import ACTING

if TYPE_CHECKING:
    from pilothouse.decisions import Inbox
    from pilothouse.storage import Database

__all__ = ["Desk", "NoDoor"]


@dataclass(kw_only=True)
class Desk:
    """Answers in the project's own inbox, as the people who are declared there.

    Attributes:
        inbox: The queue.
        database: Where it is.
        people: Who answers, by the group that is asked.
        expected: The questions that the clerk's own request raises, which get a yes; None says yes to all.
        answering: Whether anybody answers at all.
        asked: Every question so far: the tool and its arguments.
    """

    inbox: Inbox
    database: Database
    people: Mapping[str, Principal]
    expected: frozenset[bytes] | None = None
    answering: bool = True
    asked: list[bytes] = field(default_factory=list[bytes])

    async def ask(self, proposal: Proposal) -> Answer:
        """Return the answer; no answer is a no."""
        question = canonical({"tool": proposal.tool, "args": proposal.args})
        self.asked.append(question)
        async with self.database.transaction() as tx:
            await self.inbox.propose(tx, proposal)
        if not self.answering:
            return Answer(
                approved=False, verdict="expire", proposal=proposal.id, approval=None, by="system",
                reason="nobody answered in time", args={}, edited=False, at=datetime.now(UTC),
            )  # fmt: skip
        who = self.people[proposal.asked_of]
        if self.expected is not None and question not in self.expected:
            return await self.inbox.reject(proposal.id, who, "nobody asked for this")
        typed = str(proposal.preview.get("confirm") or "")
        return await self.inbox.approve(proposal.id, who, typed=typed or None)


class NoDoor:
    """Lets everything out that is called: the same port without this platform."""

    def __init__(self) -> None:
        self._handlers = {tool.name: tool.handler for tool in ACTING}

    async def perform(self, request: EffectRequest) -> Outcome:
        """Do it."""
        # Connectors write for nobody but the door; here is none, and that is the point.
        with passing(request.effect_id):
            result = await self._handlers[request.tool](request.call())
        return Outcome(effect_id=request.effect_id, state="done", result=result)
