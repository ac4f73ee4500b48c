"""Owns answers to waits: gates and signals, exactly once, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pilothouse.engine.journal.parking import meet
from pilothouse.engine.journal.rows import Q
from pilothouse.engine.running.labelling import label_text
from pilothouse.engine.running.values import dump, load
from pilothouse.kernel import ConflictError, UsageError
from pilothouse.labels import Label
from pilothouse.storage import Row, Tx

__all__ = ["Answered", "Answers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of an answer.

    Attributes:
        value: The answer that counts.
        fresh: False when the same answer had been given before.
    """

    value: Any
    fresh: bool


class Answers:
    """Meets waits; every method works inside the caller's transaction."""

    async def gate(self, tx: Tx, run: UUID, key: str, value: Any, *, after: datetime | None) -> Answered:
        """Answer the wait at ``key``; the same answer again is harmless, another one a conflict.

        Raises:
            ConflictError: ``engine.answered`` with another value, or ``engine.wait_closed``.
            UsageError: ``engine.no_wait``.
        """
        text = dump(value, path="answer")
        await tx.fetch_one(Q.lock_run, {"id": run})
        waits = await tx.fetch_all(Q.waits_at, {"run": run, "key": key})
        if not waits:
            raise UsageError(f"run {run} never waited at {key!r}", code="engine.no_wait")
        wait = waits[0]
        if wait["state"] != "open":
            return _stored(wait, text)
        if after is not None:
            params = {"run": run, "key": key, "position": 0, "answer": text, "after": after}
            await tx.execute(Q.pend_answer, params)
            return Answered(value=value, fresh=True)
        await meet(tx, run, key, 0, value=text, outcome="ok")
        return Answered(value=value, fresh=True)

    async def take_back(self, tx: Tx, run: UUID, key: str) -> bool:
        """Take back an answer whose undo grace is not over; True if there was one."""
        await tx.fetch_one(Q.lock_run, {"id": run})
        params = {"run": run, "key": key, "position": 0, "answer": None, "after": None}
        return await tx.fetch_value(Q.pend_answer, params) is not None

    async def signal(
        self, tx: Tx, run: UUID, name: str, event: str, value: Any, *, label: Label | None = None
    ) -> Answered:
        """Deliver a signal once by its event id: to the open wait of that name, or kept for the next."""
        text = dump(value, path="signal")
        row = await tx.fetch_one(Q.lock_run, {"id": run})
        if row is None:
            raise UsageError(f"there is no run {run}", code="engine.unknown_run")
        if row["ended"] is not None:
            raise ConflictError(f"run {run} is {row['state']}; it takes no signal", code="engine.run_over")
        wait = await tx.fetch_one(Q.open_signal_wait, {"run": run, "name": name})
        known = None if label is None else label_text(label)
        params = {
            "run": run, "name": name, "event": event, "value": text, "label": known,
            "taken": wait is not None,
        }  # fmt: skip
        if await tx.fetch_value(Q.keep_signal, params) is None:
            return Answered(value=value, fresh=False)
        if wait is not None:
            await meet(tx, run, wait["key"], wait["position"], value=text, outcome="ok", label=known)
        return Answered(value=value, fresh=True)


def _stored(wait: Row, text: str) -> Answered:
    if wait["state"] == "met" and wait["answer"] == text:
        return Answered(value=load(wait["answer"]), fresh=False)
    if wait["state"] == "met":
        raise ConflictError(
            f"the wait {wait['key']!r} of run {wait['run']} was already answered otherwise; show the answer",
            code="engine.answered",
        )
    raise ConflictError(
        f"the wait {wait['key']!r} of run {wait['run']} is {wait['state']}; it takes no answer any more",
        code="engine.wait_closed",
    )
