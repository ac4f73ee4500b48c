"""Owns asking a person about one slot of a plan: what they are shown, and how the answer comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from pilothouse.agents.values import Value
from pilothouse.decisions import Answer, Proposal, find_decision
from pilothouse.kernel import Principal, UnavailableError, new_id
from pilothouse.labels import Label

if TYPE_CHECKING:
    from pilothouse.decisions import Inbox
    from pilothouse.effects import EffectRequest, EffectSpec
    from pilothouse.storage import Database

__all__ = ["Asker", "InboxAsker", "proposal"]

POLL = 0.2


class Asker(Protocol):
    """Puts a question to a person and returns the answer; no answer is a *no*."""

    async def ask(self, proposal: Proposal) -> Answer:
        """Return the answer."""
        ...


class InboxAsker:
    """Asks in the inbox and waits.

    Args:
        database: Where the inbox is.
        inbox: The queue.
        patience: Seconds until the wait is given up; the question stays open.
    """

    def __init__(self, database: Database, inbox: Inbox, *, patience: float = 3600.0) -> None:
        self._database, self._inbox, self._patience = database, inbox, patience

    async def ask(self, proposal: Proposal) -> Answer:
        """Return the answer, once a person gave it.

        Raises:
            UnavailableError: ``agents.unanswered``.
        """
        async with self._database.transaction() as tx:
            await self._inbox.propose(tx, proposal)
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            answer = (await find_decision(self._database, proposal.id)).answer
            if answer is not None:
                return answer
            await asyncio.sleep(POLL)
        raise UnavailableError(
            f"nobody answered {proposal.title!r} in {self._patience:g} s; it is still in the inbox",
            code="agents.unanswered",
        )


def proposal(
    spec: EffectSpec,
    request: EffectRequest,
    *,
    asks: tuple[str, ...],
    values: Mapping[str, Value],
    agent: str,
    asked_of: str,
    words: str,
) -> Proposal:
    """Return the question about one slot.

    Args:
        spec: The tool's declaration.
        request: The call that a yes permits.
        asks: Why a person is asked.
        values: The arguments with their labels.
        agent: Name and version of the agent.
        asked_of: A group or a principal.
        words: What the person who made the request wrote.
    """
    labels: dict[str, Label] = {name: value.whole for name, value in values.items()}
    return Proposal(
        id=new_id(),
        title=f"{agent} asks to call {spec.tool} for {request.principal.id}",
        summary=words,
        on_behalf_of=request.principal.id,
        proposer=_proposer(request.principal, agent),
        tool=spec.tool,
        tool_version=spec.version,
        args=dict(request.args),
        labels={**labels, "pc": request.pc},
        asks=asks,
        tier=spec.tier,
        steering=spec.steering or None,
        quorum=spec.quorum,
        apart=spec.apart,
        preview=spec.preview(request.args),
        asked_of=asked_of,
        workflow=request.workflow,
        workflow_version=request.workflow_version,
    )


def _proposer(principal: Principal, agent: str) -> str:
    return agent if principal.agent is None else principal.agent.id
