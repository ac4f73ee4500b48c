"""Owns what a process does with a segment it is called for: claim, run in its own task, report a word."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.engine.errors import Fenced, JournalLost
from pilothouse.engine.ports import Claim, Ending, Journal, Principals
from pilothouse.engine.registry import Catalog
from pilothouse.engine.running.segment import Segment, run_claim
from pilothouse.engine.running.values import load
from pilothouse.kernel import Cancelled, Waiting

if TYPE_CHECKING:
    from pilothouse.engine.settings import EngineSettings

__all__ = ["SegmentHandler"]

_GIVE_BACK_S = 2.0


@dataclass(slots=True)
class _Live:
    segment: Segment
    task: asyncio.Task[str]


class SegmentHandler:
    """Runs segments for one owner; calling it again for the same segment is harmless.

    Args:
        journal: Where claims are made and entries written.
        catalog: What this process knows how to run.
        settings: Limits.
        principals: Tells the rights of today; None takes the stored ones.
        services: Handed to verbs that need more than the journal (feed, clock).
    """

    def __init__(
        self,
        journal: Journal,
        catalog: Catalog,
        settings: EngineSettings,
        *,
        owner: str,
        principals: Principals | None = None,
        services: Any = None,
        on_end: Callable[[UUID, Ending | None], None] | None = None,
    ) -> None:
        self.owner = owner
        self.live: dict[UUID, _Live] = {}
        self._journal = journal
        self._catalog = catalog
        self._settings = settings
        self._principals = principals
        self._services = services
        self._on_end = on_end

    async def __call__(self, run: UUID, segment: int) -> str:
        """Claim and run one segment.

        Returns:
            A word: done, failed, parked, blocked, cancelled, fenced, lost, stale, returned.
        """
        try:
            claim = await self._journal.claim(
                run, segment, owner=self.owner, attempts=self._settings.attempts
            )
        except JournalLost:
            return "lost"
        return "stale" if claim is None else await self.run_claimed(claim)

    async def run_claimed(self, claim: Claim) -> str:
        """Run a segment that this process has claimed; returns a word like a call does."""
        try:
            return await self._claimed(claim)
        except JournalLost:
            return "lost"

    async def _claimed(self, claim: Claim) -> str:
        definition = self._catalog.definitions.get(claim.run.workflow)
        if definition is None:
            reason = f"no workflow {claim.run.workflow!r} is registered in {self.owner!r}"
            await self._journal.give_back(claim, delay=_GIVE_BACK_S, reason=reason)
            return "returned"
        if definition.pin and definition.version != claim.run.version:
            reason = f"version: pinned to {claim.run.version!r}, this process offers {definition.version!r}"
            await self._journal.end(claim, Ending(state="blocked", reason=reason))
            return "blocked"
        principal = claim.run.principal
        if self._principals is not None:
            today = await self._principals.now(principal)
            if today is None:
                await self._journal.end(
                    claim, Ending(state="blocked", reason=f"owner {principal.id!r} is gone")
                )
                return "blocked"
            principal = today
        segment = Segment(
            claim, definition, journal=self._journal, catalog=self._catalog, principal=principal,
            services=self._services,
        )  # fmt: skip
        return await self._run(segment, claim)

    async def _run(self, segment: Segment, claim: Claim) -> str:
        # A context of its own: whatever the executor keeps in its context must not leak into steps.
        task = asyncio.create_task(
            run_claim(segment, args=load(claim.args)),
            name=f"run {claim.run.id}",
            context=contextvars.Context(),
        )
        self.live[claim.run.id] = _Live(segment, task)
        try:
            return await self._outcome(segment, claim, task)
        finally:
            found = self.live.get(claim.run.id)
            if found is not None and found.task is task:
                del self.live[claim.run.id]
            if self._on_end is not None:
                self._on_end(claim.run.id, segment.ending)

    async def _outcome(self, segment: Segment, claim: Claim, task: asyncio.Task[str]) -> str:
        try:
            return await task
        except asyncio.CancelledError:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
                raise
            if isinstance(segment.over, Cancelled):
                await self._journal.end(claim, Ending(state="cancelled", reason="cancelled"))
                return "cancelled"
            return "fenced"
        except Waiting:
            return "fenced"

    def interrupt(self, run: UUID, signal: Waiting) -> bool:
        """Stop a live segment at its next await; True if there was one."""
        found = self.live.get(run)
        if found is None:
            return False
        found.segment.leave(signal)
        found.task.cancel()
        return True

    async def drain(self) -> None:
        """Stop everything that runs here without recording anything more."""
        for run in tuple(self.live):
            self.interrupt(run, Fenced("this process stops"))
        tasks = [found.task for found in self.live.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=10)
