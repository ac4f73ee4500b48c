"""Owns the way out of a recorded run: effects are steps of the journal, and a question parks the run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from pilothouse import engine
from pilothouse.agents.calling import DoorPort
from pilothouse.agents.loop.steps import Steps
from pilothouse.decisions import Answer, Proposal
from pilothouse.effects import AskError, EffectRequest, Outcome
from pilothouse.kernel import UnavailableError
from pilothouse.labels import join
from pilothouse.policy import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilothouse.decisions import Inbox

__all__ = ["ParkingAsker", "RecordedDoor"]


class RecordedDoor:
    """The door, each call a step: what came of it is in the journal once.

    Args:
        door: The door.
        steps: How steps are recorded.
        run: The engine's run, for who looks the effect up.
    """

    def __init__(self, door: DoorPort, steps: Steps, run: str) -> None:
        self._door, self._steps, self._run = door, steps, run

    async def perform(self, request: EffectRequest) -> Outcome:
        """Let one effect out, or refuse it; the same place of the run gets the recorded answer.

        Raises:
            AskError: ``effects.needs_approval``.
            PilothouseError: As of the door.
        """
        label = join(request.pc, *request.labels.values())
        asked = replace(request, run=self._run)

        async def body() -> Any:
            try:
                return {"outcome": await self._door.perform(asked)}
            except AskError as ask:
                return {"asks": list(ask.verdict.reasons)}

        inputs = {
            "tool": request.tool, "call": request.call_hash, "effect": request.effect_id,
            "approval": request.approval,
        }  # fmt: skip
        found = await self._steps.tool(
            f"perform {request.tool}", body, inputs=inputs, label=lambda: label, once=True
        )
        if "asks" in found:
            reasons = tuple(found["asks"])
            raise AskError(
                f"{request.tool!r} needs a person's answer", verdict=Verdict(kind="ask", reasons=reasons)
            )
        return cast("Outcome", found["outcome"])


class ParkingAsker:
    """Asks in the inbox; the run leaves memory and goes on with the answer, however long it takes.

    Args:
        inbox: The queue.
        waited: Is told how many seconds were waited.
    """

    def __init__(self, inbox: Inbox, waited: Callable[[float], None]) -> None:
        self._inbox, self._waited = inbox, waited

    async def ask(self, proposal: Proposal) -> Answer:
        """Return the answer; without one until the deadline it is *no*.

        Raises:
            UnavailableError: ``agents.unanswered``: a signal took the question back.
        """
        key, began = engine.next_key(), engine.now()
        asked = replace(proposal, run=str(engine.current_run().id), key=key)

        async def park(tx: Any) -> None:
            await self._inbox.propose(tx, asked)

        inputs = {"tool": proposal.tool, "args": dict(proposal.args)}
        waited = await engine.wait(
            "gate", key, on_park=park, name=f"ask {proposal.tool}", inputs=inputs, unlabelled=False
        )
        self._waited((engine.now() - began).total_seconds())
        if waited.outcome != "met":
            return _expired(proposal.tool or proposal.title)
        if not isinstance(waited.value, Answer):
            raise UnavailableError(f"{proposal.title!r} was answered by no person", code="agents.unanswered")
        return waited.value


def _expired(tool: str) -> Answer:
    return Answer(
        approved=False, verdict="expire", proposal=UUID(int=0), approval=None, by="system",
        reason=f"nobody answered about {tool} in time", args={}, edited=False,
        at=engine.now().astimezone(UTC),
    )  # fmt: skip
