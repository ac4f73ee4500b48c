"""Owns the engine over one database: start, answer, cancel, fork and read runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from pilothouse.engine.checking import Checked, check_runs
from pilothouse.engine.errors import ChildError, rebuild_error
from pilothouse.engine.forking import fork_run
from pilothouse.engine.journal import (
    Answered,
    Answers,
    Parked,
    PostgresJournal,
    Q,
    entry_of,
    principal_text,
    run_of,
)
from pilothouse.engine.keeping.submit import Submitter
from pilothouse.engine.ports import Claim, Ending
from pilothouse.engine.registry import Catalog
from pilothouse.engine.running.labelling import RunLabels, run_labels_text
from pilothouse.engine.running.values import dump, load
from pilothouse.engine.types import Entry, Run, RunState, Wait, WaitRef
from pilothouse.kernel import LimitError, Principal, UsageError, encode, new_id
from pilothouse.labels import Label, unknown
from pilothouse.storage import Database, Feed, Row, Tx

__all__ = ["Engine"]

_ENDED = ("done", "failed", "cancelled")
_READY = "engine_ready"
_CANCEL = "engine_cancel"


class Engine:
    """Durable runs over one database. Made by :func:`~pilothouse.engine.open_engine`.

    The verbs of a running workflow (step, gather, child, wait, sleep, emit) are functions of
    :mod:`pilothouse.engine`; they find their run by themselves.
    """

    def __init__(self, database: Database, catalog: Catalog, *, owner: str) -> None:
        self.database = database
        self.catalog = catalog
        self.owner = owner
        self.journal = PostgresJournal(database)
        self.payloads = self.journal.payloads
        self.submitter: Submitter | None = None
        # Whatever the parts above bind for the workflows that run here; the engine never looks inside.
        self.resources: Any = None
        self._answers = Answers()
        self._parked = Parked(database)
        self._feed = Feed(database)
        # Lives as long as somebody waits for the result.
        self._ends: WeakValueDictionary[UUID, asyncio.Future[Ending]] = WeakValueDictionary()

    # -- starting ------------------------------------------------------------------------------

    async def start(
        self,
        name: str,
        args: Mapping[str, Any],
        *,
        key: str,
        principal: Principal,
        queue: str | None = None,
        partition: str | None = None,
        priority: int = 100,
        dedup: str | None = None,
        deadline: datetime | None = None,
        label: Label | None = None,
        labels: Mapping[str, Label] | None = None,
        tx: Tx | None = None,
    ) -> Run:
        """Create a run, or return the one that ``key`` (or a live ``dedup``) already stands for.

        Args:
            name: Registered workflow.
            args: Keyword arguments, wire types.
            key: Identity of the event that starts it; unique per workflow for ever.
            principal: Whom the run acts for.
            queue: Default the workflow's.
            partition: For partitioned queues: tenant, site or connector.
            priority: Lower goes first.
            dedup: Unique among the live runs of the queue.
            deadline: When the run is cancelled if it has not ended.
            label: Of the choice to start it and of every argument; without one the run knows nothing of
                its beginning: untrusted, and readable by its principal alone.
            labels: Of single arguments.
            tx: The caller's transaction; the run exists when it commits.

        Raises:
            UsageError: Unknown workflow, queue or partition, or arguments that do not fit; nothing is stored.
            UnavailableError: The database does not answer.
        """
        definition = self.catalog.find(name)
        fitted = dict(definition.accept(args))
        spec = self.catalog.queue(queue or definition.queue, partition=partition)
        row = self._row(name, definition.version, dump(fitted, path="args"), key, principal)
        row |= {
            "queue": spec.name,
            "partition": partition,
            "priority": priority,
            "dedup": dedup,
            "deadline": deadline,
            "label": run_labels_text(_beginning(principal, label, labels)),
        }
        if tx is not None:
            return await self._insert_in(tx, row)
        return await self._insert(row, direct=spec.name == "default" and not spec.limited)

    def _row(self, name: str, version: str, args: str, key: str, principal: Principal) -> dict[str, Any]:
        ident = new_id()
        return {
            "id": ident, "workflow": name, "version": version, "key": key, "args": args, "root": ident,
            "principal": principal_text(principal), "origin": None, "parent": None, "parent_key": None,
            "parent_index": None, "sealed": False, "label": None, "owner": None,
        }  # fmt: skip

    async def _insert_in(self, tx: Tx, row: dict[str, Any]) -> Run:
        found = await tx.fetch_one(Q.insert_run, row)
        if found is None:
            return await self._known(tx, row)
        await tx.notify(_READY, row["queue"])
        return run_of(found)

    async def _insert(self, row: dict[str, Any], *, direct: bool) -> Run:
        submitter = self.submitter
        if submitter is not None and direct and submitter.reserve():
            try:
                found = await self.database.fetch_one(Q.insert_run, row | {"owner": self.owner})
            finally:
                submitter.release()
            if found is None:
                return await self._known(self.database, row)
            run = run_of(found)
            submitter.spawn_claimed(Claim(run=run, args=row["args"]))
            return run
        found = await self.database.fetch_one(Q.insert_run, row)
        if found is None:
            return await self._known(self.database, row)
        if submitter is None or not direct:
            await self.database.execute(
                "select pg_notify('engine_ready', %(queue)s)", {"queue": row["queue"]}
            )
        return run_of(found)

    async def _known(self, reader: Database | Tx, row: dict[str, Any]) -> Run:
        found = await reader.fetch_one(Q.find_run_by_key, row)
        if found is None and row["dedup"] is not None:
            found = await reader.fetch_one(Q.find_live_dedup, row)
        if found is None:
            raise UsageError(
                f"run {row['key']!r} was deleted while it was started again", code="engine.vanished"
            )
        return run_of(found)

    # -- answering -----------------------------------------------------------------------------

    async def resume(self, wait: WaitRef, value: Any, *, tx: Tx, after: datetime | None = None) -> Answered:
        """Answer a gate in the caller's transaction.

        Args:
            wait: Run and key of the wait.
            value: The answer, wire types.
            tx: The caller's transaction.
            after: Until then the answer can be replaced, or taken back with :meth:`take_back`.

        Raises:
            ConflictError: Answered otherwise, expired or withdrawn.
            UsageError: The run never waited there.
        """
        return await self._answers.gate(tx, wait.run, wait.key, value, after=after)

    async def take_back(self, wait: WaitRef, *, tx: Tx) -> bool:
        """Take back an answer that was given with ``after``; True if it was still possible."""
        return await self._answers.take_back(tx, wait.run, wait.key)

    async def signal(
        self, run: UUID, name: str, value: Any, *, event: str, tx: Tx, label: Label | None = None
    ) -> Answered:
        """Deliver a signal once by its event id: to the wait of that name, or kept for the next one.

        Without a ``label`` what it carries is untrusted, and readable by the run's principal alone.
        """
        return await self._answers.signal(tx, run, name, event, value, label=label)

    # -- ending --------------------------------------------------------------------------------

    async def cancel(self, run: UUID, *, reason: str) -> RunState:
        """Cancel a run and its children; an effect in flight ends and is recorded.

        Returns:
            The state the run is in now.
        """
        row = await self._find(run)
        async with self.database.transaction() as tx:
            if row["parent"] is not None:
                await tx.fetch_one(Q.lock_run, {"id": row["parent"]})
            await tx.fetch_one(Q.lock_run, {"id": run})
            if await tx.fetch_value(Q.cancel_idle, {"id": run, "reason": reason}) is not None:
                await tx.fetch_all(Q.withdraw_waits, {"run": run})
                if row["parent"] is not None:
                    await self._parked.child_ended(tx, run_of(row))
            elif await tx.fetch_value(Q.cancel_running, {"id": run, "reason": reason}) is not None:
                await tx.notify(_CANCEL, str(run))
        for child in await self.database.fetch_all(Q.live_children, {"id": run}):
            await self.cancel(child["id"], reason=f"parent cancelled: {reason}")
        return (await self._find(run))["state"]

    async def unblock(self, run: UUID) -> bool:
        """Let a blocked run try again; True if it was blocked."""
        async with self.database.transaction() as tx:
            found = await tx.fetch_value(Q.unblock_run, {"id": run})
            await tx.notify(_READY, "default")
        return found is not None

    async def fork(
        self,
        run: UUID,
        *,
        principal: Principal,
        from_key: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        sealed: bool = True,
    ) -> Run:
        """Start a new run that shares the entries before ``from_key``; sealed from the world by default."""
        return await fork_run(
            self.database, self.catalog, run, principal=principal, from_key=from_key,
            overrides=overrides or {}, sealed=sealed,
        )  # fmt: skip

    # -- reading -------------------------------------------------------------------------------

    async def _find(self, run: UUID) -> Row:
        row = await self.database.fetch_one(Q.find_run, {"id": run})
        if row is None:
            raise UsageError(f"there is no run {run}; see `pilothouse runs`", code="engine.unknown_run")
        return row

    async def get(self, run: UUID) -> Run:
        """Return one run.

        Raises:
            UsageError: ``engine.unknown_run``.
        """
        return run_of(await self._find(run))

    async def find_ids(self, ending: str) -> list[UUID]:
        """Return up to five runs whose id is ``ending`` or ends with it."""
        rows = await self.database.fetch_all(Q.ids_ending, {"ending": ending.lower()})
        return [row["id"] for row in rows]

    async def args(self, run: UUID) -> dict[str, Any]:
        """Return the arguments a run was started with."""
        return load((await self._find(run))["args"])

    async def runs(
        self,
        *,
        states: Sequence[str] | None = None,
        workflow: str | None = None,
        parent: UUID | None = None,
        version: str | None = None,
        limit: int = 100,
    ) -> list[Run]:
        """Return runs, newest first."""
        params = {
            "states": None if states is None else list(states), "workflow": workflow,
            "parent": parent, "version": version, "limit": limit,
        }  # fmt: skip
        return [run_of(row) for row in await self.database.fetch_all(Q.list_runs, params)]

    async def counts(self) -> dict[str, int]:
        """Return how many runs are in each state."""
        return {row["state"]: row["n"] for row in await self.database.fetch_all(Q.count_states)}

    async def waits(self, run: UUID) -> list[Wait]:
        """Return what a run waits for now."""
        names = tuple(Wait.__dataclass_fields__)
        rows = await self.database.fetch_all(Q.open_waits, {"run": run})
        return [Wait(**{name: row[name] for name in names}) for row in rows]

    async def history(self, run: UUID) -> AsyncIterator[Entry]:
        """Yield the journal of a run in the order of recording."""
        after = -1
        while True:
            params = {"run": run, "after": after, "limit": 500}
            rows = await self.database.fetch_all(Q.history, params)
            for row in rows:
                yield entry_of(row)
            if len(rows) < 500:
                return
            after = rows[-1]["seq"]

    async def output(self, entry: Entry) -> Any:
        """Return the value that an entry recorded; None for an error."""
        return load(await self.journal.text(entry.output, entry.output_ref))

    async def result(self, run: UUID, *, within: float | None = None) -> Any:
        """Wait until a run has ended and return what it returned.

        Raises:
            PilothouseError: What the run failed with.
            LimitError: ``engine.not_ended`` after ``within`` seconds; the run goes on.
        """
        loop = asyncio.get_running_loop()
        until = None if within is None else loop.time() + within
        # A run that ends in this process says so; one that ends elsewhere is looked for.
        pause = 0.02 if self.submitter is None else 0.25
        ending = self._ends.get(run)
        if ending is None:
            ending = self._ends[run] = loop.create_future()
        while not ending.done():
            row = await self._find(run)
            if row["state"] in _ENDED:
                text = await self.journal.text(row["result"], row["result_ref"])
                found = Ending(state=row["state"], result=text, error=row["error"], reason=row["reason"])
                return _result_of(run, found)
            left = pause if until is None else min(pause, until - loop.time())
            if left <= 0:
                raise LimitError(
                    f"run {run} is still {row['state']} after {within} s; see `pilothouse show {run}`",
                    code="engine.not_ended",
                )
            await asyncio.wait({ending}, timeout=left)
            pause = min(pause * 1.5, 0.5)
        return _result_of(run, ending.result())

    async def check(self, *, states: Sequence[str] = ("parked", "blocked")) -> list[Checked]:
        """Replay waiting runs against the installed code, bodies forbidden; nothing is written."""
        return await check_runs(self.database, self.catalog, states=states)

    def ended(self, run: UUID, ending: Ending | None) -> None:
        """Tell whoever waits for the result; called when a segment has ended in this process."""
        waiter = self._ends.get(run)
        if waiter is not None and not waiter.done() and ending is not None and ending.state in _ENDED:
            waiter.set_result(ending)

    async def emit(self, topic: str, value: Any) -> None:
        """Append an event to the change feed."""
        async with self.database.transaction() as tx:
            await self._feed.append(tx, topic, encode(value))


def _beginning(
    principal: Principal, label: Label | None, labels: Mapping[str, Label] | None
) -> RunLabels | None:
    if label is None and not labels:
        return None
    return RunLabels(pc=label or unknown(principal.id), params=dict(labels or {}))


def _result_of(run: UUID, ending: Ending) -> Any:
    if ending.state == "done":
        return load(ending.result)
    if ending.error is not None:
        raise rebuild_error(ending.error)
    raise ChildError(f"run {run} is {ending.state}: {ending.reason}", code="engine.cancelled")
