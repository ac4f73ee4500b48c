"""Owns parking: the run, its waits and what the author wants written with them, in one transaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pilothouse.engine.errors import Fenced
from pilothouse.engine.journal.rows import Q, channel_ready, principal_text
from pilothouse.engine.ports import Claim, Parking
from pilothouse.engine.types import Entry, Run
from pilothouse.kernel import ConflictError, new_id
from pilothouse.storage import Database, Tx

__all__ = ["Parked"]


class Parked:
    """Parks runs, and makes parents ready when their last child ends."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def park(self, claim: Claim, parking: Parking) -> Entry | None:
        """Park the run, or return the entry of an answer that was already there.

        Raises:
            Fenced: A newer claim exists.
        """
        async with self._database.transaction() as tx:
            params = {"id": claim.run.id, "epoch": claim.run.epoch}
            if await tx.fetch_value(Q.park_run, params) is None:
                raise Fenced(f"run {claim.run.id} was claimed again after epoch {claim.run.epoch}")
            await self._insert_children(tx, claim.run, parking)
            await self._insert_waits(tx, claim.run, parking)
            if parking.on_park is not None:
                await parking.on_park(tx)
            await self._take_kept(tx, claim.run, parking)
        return None

    async def _insert_children(self, tx: Tx, run: Run, parking: Parking) -> None:
        if not parking.children:
            return
        rows = [self._child_row(run, parking, index) for index in range(len(parking.children))]
        for row in rows:
            await tx.execute(Q.insert_run, row)
        await tx.notify(channel_ready, parking.children[0].queue)

    def _child_row(self, run: Run, parking: Parking, index: int) -> dict[str, Any]:
        spec = parking.children[index]
        ident = new_id()
        return {
            "id": ident,
            "workflow": spec.workflow,
            "version": spec.version,
            "key": f"{run.id}:{parking.key}.{index}",
            "args": spec.args,
            "principal": principal_text(run.principal),
            "root": ident,
            "origin": None,
            "parent": run.id,
            "parent_key": parking.key,
            "parent_index": index,
            "queue": spec.queue,
            "partition": None,
            "priority": spec.priority,
            "dedup": None,
            "deadline": run.deadline,
            "sealed": run.sealed,
            "label": spec.label,
            "owner": None,
        }

    async def insert_next(self, tx: Tx, run: Run, args: str, label: str | None) -> None:
        """Start the run that goes on where ``run`` has ended; its key names its forerunner."""
        ident = new_id()
        row = {
            "id": ident, "workflow": run.workflow, "version": run.version, "key": f"{run.id}:next",
            "args": args,
            "principal": principal_text(run.principal), "root": ident, "origin": None, "parent": None,
            "parent_key": None, "parent_index": None, "queue": run.queue, "partition": run.partition,
            "priority": run.priority, "dedup": run.dedup, "deadline": run.deadline, "sealed": run.sealed,
            "label": label, "owner": None,
        }  # fmt: skip
        await tx.execute(Q.insert_run, row)
        await tx.notify(channel_ready, run.queue)

    async def _insert_waits(self, tx: Tx, run: Run, parking: Parking) -> None:
        for position, subject in enumerate(parking.subjects):
            row = {
                "run": run.id,
                "key": parking.key,
                "position": parking.retry or position,
                "kind": subject.kind,
                "subject": subject.ref,
                "name": parking.name,
                "entry_kind": parking.kind,
                "input_hash": parking.input_hash,
                "input": parking.input,
                "retry": parking.retry > 0,
                "until": parking.until,
                "remaining": len(parking.children),
            }
            await tx.execute(Q.insert_wait, row)

    async def _take_kept(self, tx: Tx, run: Run, parking: Parking) -> None:
        """Meet the wait inside the same transaction when a signal was kept for it."""
        for position, subject in enumerate(parking.subjects):
            if subject.kind != "signal":
                continue
            kept = await tx.fetch_one(Q.take_signal, {"run": run.id, "name": subject.ref})
            if kept is not None:
                await meet(
                    tx, run.id, parking.key, position, value=kept["value"], outcome="ok", label=kept["label"]
                )
                return

    async def child_ended(self, tx: Tx, child: Run) -> None:
        """Count a child down; the last one meets its parent's wait."""
        row = await tx.fetch_one(Q.child_ended, {"run": child.parent, "key": child.parent_key})
        if (
            row is not None
            and row["remaining"] <= 0
            and child.parent is not None
            and child.parent_key is not None
        ):
            await meet(tx, child.parent, child.parent_key, row["position"], value=None, outcome="ok")


async def meet(
    tx: Tx,
    run: UUID,
    key: str,
    position: int,
    *,
    value: str | None,
    outcome: str,
    label: str | None = None,
) -> None:
    """Close an open wait, write its entry and make the run ready; the run's row is locked by the caller.

    Args:
        tx: The caller's transaction.
        run: The run.
        key: Key of the wait.
        position: Which of its subjects.
        value: Wire text of the answer.
        outcome: ``ok`` or ``expired``.
        label: Wire text of the answer's label; None leaves it to whoever reads the answer.

    Raises:
        ConflictError: ``engine.wait_closed``.
    """
    state = "met" if outcome == "ok" else "expired"
    params = {"run": run, "key": key, "position": position, "state": state, "answer": value}
    if not await tx.fetch_all(Q.close_wait, params):
        raise ConflictError(f"the wait {key!r} of run {run} is not open", code="engine.wait_closed")
    output = f'{{"subject":{position},"value":{value if value is not None else "null"}}}'
    entry = {
        "run": run, "key": key, "position": position, "outcome": outcome,
        "output": output, "output_ref": None, "label": label,
    }  # fmt: skip
    await tx.fetch_one(Q.record_answer, entry)
    ready = await tx.fetch_one(Q.ready_run, {"id": run})
    if ready is not None:
        await tx.notify(channel_ready, ready["queue"])
