"""Owns a journal and an executor in memory: the clock moves when told to, the process dies where told to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pilothouse.engine.errors import Fenced
from pilothouse.engine.ports import ChildResult, Claim, Ending, Handler, NewEntry, Parking, Submission
from pilothouse.engine.running.values import dump, load
from pilothouse.engine.types import Entry, Run
from pilothouse.kernel import Cancelled, FakeClock, Principal, new_id

__all__ = ["Crash", "FakeExecutor", "FakeJournal"]


class Crash(BaseException):
    """The process dies here: nothing after this point happens in it."""


@dataclasses.dataclass(slots=True)
class _Row:
    run: Run
    args: str
    result: str | None = None
    error: str | None = None
    label: str | None = None
    parking: Parking | None = None
    children: dict[str, list[UUID]] = dataclasses.field(default_factory=dict[str, list[UUID]])


class FakeJournal:
    """The journal's rules without a database.

    Attributes:
        clock: Told to move; every write moves it by a millisecond.
        crash_after: Number of writes after which the process dies, or None.
        lose_reply: Whether the write at which it dies still happened.
    """

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.rows: dict[UUID, _Row] = {}
        self.entries: dict[UUID, dict[str, Entry]] = {}
        self.writes = 0
        self.crash_after: int | None = None
        self.lose_reply = False

    def start(
        self,
        workflow: str,
        args: Mapping[str, Any],
        *,
        version: str = "1",
        principal: Principal | None = None,
    ) -> UUID:
        """Create a run that is ready."""
        ident = new_id()
        run = Run(
            id=ident, workflow=workflow, version=version, key=str(ident),
            principal=Principal(id="tester"), root=ident,
            created=self.clock.now(),
        )  # fmt: skip
        self.rows[ident] = _Row(run, dump(dict(args)))
        self.entries[ident] = {}
        return ident

    def label(self, run: UUID, text: str | None) -> None:
        """Say what the run begins with, in the stored form."""
        self._set(self.rows[run], label=text)

    def answer(self, run: UUID, value: Any) -> None:
        """Meet what the run waits for."""
        row = self.rows[run]
        assert row.parking is not None, f"{run} waits for nothing"
        self._meet(row, dump(value))

    def result(self, run: UUID) -> Any:
        """Return what a finished run returned."""
        assert self.rows[run].run.state == "done", self.rows[run].run
        return load(self.rows[run].result)

    def ready(self) -> list[Submission]:
        """Return the segments that are to be called, running ones too: their process may be dead."""
        return [
            Submission(run=row.run.id, segment=row.run.segment, queue=row.run.queue)
            for row in self.rows.values()
            if row.run.state in ("ready", "running")
        ]

    def _set(self, row: _Row, **changes: Any) -> None:
        row.run = dataclasses.replace(row.run, **changes)

    def _write(self) -> None:
        """Count a write; die before or after it where told to."""
        self.clock.advance(timedelta(milliseconds=1))
        self.writes += 1

    def _dies(self, *, before: bool) -> None:
        if self.crash_after is not None and self.writes >= self.crash_after and before != self.lose_reply:
            self.crash_after = None
            raise Crash

    def _current(self, claim: Claim) -> _Row:
        row = self.rows[claim.run.id]
        if row.run.epoch != claim.run.epoch:
            raise Fenced("a newer claim exists")
        if row.run.state in ("cancelling", "cancelled"):
            raise Cancelled("cancelled")
        if row.run.state != "running":
            raise Fenced(f"the run is {row.run.state}")
        return row

    async def claim(self, run: UUID, segment: int, *, owner: str, attempts: int) -> Claim | None:
        """Take the segment under the next epoch."""
        row = self.rows.get(run)
        if row is None or row.run.segment != segment or row.run.state not in ("ready", "running"):
            return None
        self._set(row, epoch=row.run.epoch + 1, owner=owner, state="running")
        entries = sorted(self.entries[run].values(), key=lambda entry: entry.seq)
        return Claim(run=row.run, args=row.args, entries=entries)

    async def record(self, claim: Claim, entry: NewEntry) -> Entry:
        """Write one entry once."""
        self._write()
        self._dies(before=True)
        self._current(claim)
        known = self.entries[claim.run.id].get(entry.key)
        if known is not None:
            raise Fenced(f"{entry.key} is recorded")
        written = _entry(claim, entry, self.clock.now())
        self.entries[claim.run.id][entry.key] = written
        self._dies(before=False)
        return written

    async def adopt(self, claim: Claim, entry: NewEntry, version: str) -> Entry:
        """Record a change of version."""
        written = await self.record(claim, entry)
        self._set(self.rows[claim.run.id], version=version)
        return written

    async def park(self, claim: Claim, parking: Parking) -> Entry | None:
        """Park the run, starting its children."""
        self._write()
        self._dies(before=True)
        row = self._current(claim)
        if parking.on_park is not None:
            await parking.on_park(None)
        row.parking = parking
        self._set(row, state="parked", owner=None)
        row.children[parking.key] = [self._child(row, parking, i) for i in range(len(parking.children))]
        if parking.children or parking.retry:
            self._family(row)
        self._dies(before=False)
        return None

    def _child(self, parent: _Row, parking: Parking, index: int) -> UUID:
        spec = parking.children[index]
        ident = self.start(spec.workflow, load(spec.args), version=spec.version)
        self._set(self.rows[ident], parent=parent.run.id, parent_key=parking.key, label=spec.label)
        return ident

    def _family(self, parent: _Row) -> None:
        """Meet a wait for children when none is left."""
        parking = parent.parking
        if parking is None or not (parking.children or parking.retry):
            return
        states = [self.rows[child].run.state for child in parent.children[parking.key]]
        if all(state in ("done", "failed", "cancelled") for state in states):
            self._meet(parent, "null")

    def _meet(self, row: _Row, value: str) -> None:
        parking = row.parking
        assert parking is not None
        if not parking.retry:
            new = NewEntry(
                key=parking.key, seq=len(self.entries[row.run.id]) + 1000, kind=parking.kind,
                name=parking.name, input_hash=parking.input_hash, output=f'{{"subject":0,"value":{value}}}',
            )  # fmt: skip
            claim = Claim(run=row.run, args=row.args)
            self.clock.advance(timedelta(milliseconds=1))
            self.entries[row.run.id][parking.key] = _entry(claim, new, self.clock.now())
        row.parking = None
        self._set(row, state="ready", segment=row.run.segment + 1)

    async def end(self, claim: Claim, ending: Ending) -> bool:
        """Leave the run as told."""
        self._write()
        self._dies(before=True)
        try:
            row = self._current(claim)
        except Cancelled:
            row = self.rows[claim.run.id]
        except Fenced:
            return False
        row.result, row.error, row.label = ending.result, ending.error, ending.label
        self._set(row, state=ending.state, reason=ending.reason, owner=None)
        if row.run.parent is not None:
            self._family(self.rows[row.run.parent])
        self._dies(before=False)
        return True

    async def give_back(self, claim: Claim, *, delay: float, reason: str) -> None:
        """Make the run ready again."""
        row = self.rows[claim.run.id]
        self._set(row, state="ready", segment=row.run.segment + 1, owner=None, reason=reason)

    async def text(self, text: str | None, ref: bytes | None) -> str | None:
        """Everything is inline."""
        return text

    async def children(self, run: UUID, key: str) -> Sequence[ChildResult]:
        """Return the children of one call."""
        found = [self.rows[child] for child in self.rows[run].children[key]]
        return [
            ChildResult(
                run=row.run.id,
                workflow=row.run.workflow,
                state=row.run.state,
                result=row.result,
                error=row.error,
                label=row.label,
            )
            for row in found
        ]

    async def retries(self, run: UUID, key: str) -> int:
        """Long pauses leave no trace here."""
        return 0

    async def sealed_answer(self, root: UUID, kind: str, name: str, input_hash: bytes) -> Entry | None:
        """Return what the original recorded."""
        entries = self.entries.get(root, {}).values()
        return next(
            (e for e in entries if (e.kind, e.name, e.input_hash) == (kind, name, input_hash)),
            None,
        )


def _entry(claim: Claim, new: NewEntry, at: datetime) -> Entry:
    names = Entry.__dataclass_fields__.keys() & NewEntry.__dataclass_fields__.keys()
    fields: dict[str, Any] = {name: getattr(new, name) for name in names}
    run = claim.run
    return Entry(run=run.id, segment=run.segment, epoch=run.epoch, started=at, ended=at, **fields)


class FakeExecutor:
    """Calls a handler for whatever is ready, in order, until nothing is; the test makes the processes."""

    def __init__(self, journal: FakeJournal) -> None:
        self._journal = journal

    async def drive(self, handler: Handler, *, most: int = 10_000) -> int:
        """Call ``handler`` until nothing is ready; return how many calls it took.

        Raises:
            Crash: The process died; make a new handler and drive on.
            AssertionError: It does not come to rest.
        """
        for calls in range(most):
            ready = self._journal.ready()
            if not ready:
                return calls
            await handler(ready[0].run, ready[0].segment)
        raise AssertionError(f"no rest after {most} segments")
