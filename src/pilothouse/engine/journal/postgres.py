"""Owns the writes of a running segment: claim, record, end. Each is one statement that may be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from pilothouse.engine.errors import Fenced, JournalLost
from pilothouse.engine.journal.parking import Parked
from pilothouse.engine.journal.payloads import PostgresPayloads
from pilothouse.engine.journal.rows import Q, entry_of, packed, run_of
from pilothouse.engine.ports import ChildResult, Claim, Ending, NewEntry, Parking
from pilothouse.engine.types import Entry
from pilothouse.kernel import Cancelled, UnavailableError
from pilothouse.storage import Database, Row

__all__ = ["PATIENCE", "PostgresJournal"]

PATIENCE = 30.0
T = TypeVar("T")


class PostgresJournal:
    """The journal of ``engine_entry``, guarded by the epoch in ``engine_run``."""

    def __init__(self, database: Database, *, patience: float = PATIENCE) -> None:
        self._database = database
        self._patience = patience
        self.payloads = PostgresPayloads(database)
        self._parked = Parked(database)

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat an idempotent statement while the database is away, for a limited time."""
        until = asyncio.get_running_loop().time() + self._patience
        pause = 0.05
        while True:
            try:
                return await call()
            except UnavailableError as error:
                if asyncio.get_running_loop().time() + pause > until:
                    raise JournalLost(str(error)) from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def claim(self, run: UUID, segment: int, *, owner: str, attempts: int) -> Claim | None:
        """Take a segment under the next epoch; a poisoned run is blocked instead."""
        params = {"id": run, "segment": segment, "owner": owner}
        row = await self._patiently(lambda: self._database.fetch_one(Q.claim, params))
        if row is None:
            return None
        claim = Claim(run=run_of(row), args=row["args"])
        if row["attempts"] > attempts:
            why = row["reason"] or "the process died each time"
            reason = f"poison: {attempts} attempts without a new entry; {why}"
            await self.end(claim, Ending(state="blocked", reason=reason))
            return None
        # Nothing can be recorded before the first claim of the first segment, unless it is a fork.
        if claim.run.epoch == 1 and claim.run.segment == 0 and row["origin"] is None:
            return claim
        rows = await self._patiently(lambda: self._database.fetch_all(Q.load_entries, {"run": run}))
        return Claim(run=claim.run, args=claim.args, entries=[entry_of(found, run=run) for found in rows])

    async def record(self, claim: Claim, entry: NewEntry) -> Entry:
        """Write one entry in one statement; a repeated call finds its own row."""
        params = await self._params(claim, entry)
        ended = await self._patiently(lambda: self._database.fetch_value(Q.record, params))
        if ended is None:
            return await self._unrecorded(claim, entry)
        return _written(claim, entry, params, ended)

    async def _params(self, claim: Claim, entry: NewEntry) -> dict[str, Any]:
        keep = self.payloads.keep
        output, output_ref = await self._patiently(lambda: keep(entry.output))
        taken, input_ref = await self._patiently(lambda: keep(entry.input))
        small = packed(output)
        return {
            "run": claim.run.id,
            "epoch": claim.run.epoch,
            "key": entry.key,
            "seq": entry.seq,
            "kind": entry.kind,
            "name": entry.name,
            "version": entry.version,
            "input_hash": entry.input_hash,
            "input": taken,
            "input_ref": input_ref,
            "outcome": entry.outcome,
            "output": output if small is None else None,
            "packed": small,
            "output_ref": output_ref,
            "error": entry.error,
            "label": entry.label,
            "cost": entry.cost,
            "evidence": list(entry.evidence) or None,
            "attempts": entry.attempts,
            "took": entry.took,
            "finishing": entry.finishing,
        }

    async def _unrecorded(self, claim: Claim, entry: NewEntry) -> Entry:
        """Nothing was written: the reply was lost and the row is ours, or cancelled, or fenced."""
        params = {"run": claim.run.id, "key": entry.key}
        row = await self._patiently(lambda: self._database.fetch_one(Q.find_entry, params))
        if (
            row is not None
            and row["epoch"] == claim.run.epoch
            and bytes(row["input_hash"]) == entry.input_hash
        ):
            return entry_of(row)
        await self._check_cancelled(claim)
        raise Fenced(f"run {claim.run.id} was claimed again after epoch {claim.run.epoch}")

    async def _check_cancelled(self, claim: Claim) -> None:
        row = await self._patiently(lambda: self._database.fetch_one(Q.run_state, {"id": claim.run.id}))
        if (
            row is not None
            and row["epoch"] == claim.run.epoch
            and row["state"] in ("cancelling", "cancelled")
        ):
            raise Cancelled(f"run {claim.run.id} was cancelled")

    async def adopt(self, claim: Claim, entry: NewEntry, version: str) -> Entry:
        """Record the change of version and note it on the run."""
        written = await self.record(claim, entry)
        params = {"id": claim.run.id, "epoch": claim.run.epoch, "version": version}
        if await self._patiently(lambda: self._database.fetch_value(Q.set_version, params)) is None:
            await self._check_cancelled(claim)
            raise Fenced(f"run {claim.run.id} was claimed again after epoch {claim.run.epoch}")
        return written

    async def park(self, claim: Claim, parking: Parking) -> Entry | None:
        """Park in one transaction; after a lost reply the state of the run tells whether it was committed."""
        tries = 0

        async def once() -> Entry | None:
            nonlocal tries
            tries += 1
            try:
                return await self._parked.park(claim, parking)
            except Fenced:
                await self._check_cancelled(claim)
                if tries > 1 and await self._parked_before(claim, parking):
                    return None
                raise

        return await self._patiently(once)

    async def _parked_before(self, claim: Claim, parking: Parking) -> bool:
        row = await self._database.fetch_one(Q.run_state, {"id": claim.run.id})
        waits = await self._database.fetch_all(Q.waits_at, {"run": claim.run.id, "key": parking.key})
        return row is not None and row["epoch"] == claim.run.epoch and bool(waits)

    async def end(self, claim: Claim, ending: Ending) -> bool:
        """Leave the run; the last child to end makes its parent ready in the same transaction."""
        result, ref = await self._patiently(lambda: self.payloads.keep(ending.result))
        params = {
            "id": claim.run.id, "epoch": claim.run.epoch, "state": ending.state, "result": result,
            "result_ref": ref, "error": ending.error, "reason": ending.reason, "label": ending.label,
        }  # fmt: skip
        if ending.then is not None:
            found = await self._patiently(lambda: self._continue(claim, params, ending))
        elif claim.run.parent is None or ending.state == "blocked":
            found = await self._patiently(lambda: self._database.fetch_value(Q.end_run, params))
        else:
            found = await self._patiently(lambda: self._end_child(claim, params))
        return found is not None or await self._ended_already(claim, ending)

    async def _continue(self, claim: Claim, params: dict[str, Any], ending: Ending) -> Any:
        async with self._database.transaction() as tx:
            found = await tx.fetch_value(Q.end_run, params)
            if found is not None:
                await self._parked.insert_next(tx, claim.run, ending.then or "{}", ending.then_label)
            return found

    async def _end_child(self, claim: Claim, params: dict[str, Any]) -> Any:
        async with self._database.transaction() as tx:
            await tx.fetch_one(Q.lock_run, {"id": claim.run.parent})
            found = await tx.fetch_value(Q.end_run, params)
            if found is not None:
                await self._parked.child_ended(tx, claim.run)
            return found

    async def _ended_already(self, claim: Claim, ending: Ending) -> bool:
        row = await self._patiently(lambda: self._database.fetch_one(Q.run_state, {"id": claim.run.id}))
        return row is not None and row["epoch"] == claim.run.epoch and row["state"] == ending.state

    async def give_back(self, claim: Claim, *, delay: float, reason: str) -> None:
        """Make the run ready for another process after ``delay`` seconds."""
        params = {"id": claim.run.id, "epoch": claim.run.epoch, "delay": delay, "reason": reason[:2000]}
        await self._patiently(lambda: self._database.execute(Q.give_back, params))

    async def text(self, text: str | None, ref: bytes | None) -> str | None:
        """Return a value that was stored inline or as a payload."""
        if ref is None:
            return text
        found = bytes(ref)
        return (await self._patiently(lambda: self.payloads.get(found))).decode()

    async def children(self, run: UUID, key: str) -> Sequence[ChildResult]:
        """Return the children started at ``key``, in order."""
        rows = await self._patiently(
            lambda: self._database.fetch_all(Q.children_of, {"run": run, "key": key})
        )
        return [await self._child(row) for row in rows]

    async def _child(self, row: Row) -> ChildResult:
        return ChildResult(
            run=row["id"], workflow=row["workflow"], state=row["state"],
            result=await self.text(row["result"], row["result_ref"]), error=row["error"],
            label=row["result_label"],
        )  # fmt: skip

    async def retries(self, run: UUID, key: str) -> int:
        """Return how many long pauses a step has taken."""
        return int(
            await self._patiently(
                lambda: self._database.fetch_value(Q.count_retries, {"run": run, "key": key})
            )
        )

    async def sealed_answer(self, root: UUID, kind: str, name: str, input_hash: bytes) -> Entry | None:
        """Return what the family recorded for this call."""
        params = {"root": root, "kind": kind, "name": name, "input_hash": input_hash}
        row = await self._patiently(lambda: self._database.fetch_one(Q.sealed_entry, params))
        return None if row is None else entry_of(row)


def _written(claim: Claim, entry: NewEntry, params: dict[str, Any], ended: Any) -> Entry:
    return Entry(
        run=claim.run.id,
        key=params["key"],
        seq=params["seq"],
        segment=claim.run.segment,
        epoch=claim.run.epoch,
        kind=params["kind"],
        name=params["name"],
        version=params["version"],
        input_hash=params["input_hash"],
        outcome=params["outcome"],
        output=entry.output if params["output_ref"] is None else None,
        output_ref=params["output_ref"],
        error=params["error"],
        label=params["label"],
        ended=ended,
    )
