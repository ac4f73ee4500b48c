"""Owns the check before a release: waiting runs are replayed against the installed code, bodies forbidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from pilothouse.engine.errors import Diverged
from pilothouse.engine.journal import PostgresJournal, Q, entry_of, run_of
from pilothouse.engine.ports import ChildResult, Claim, Ending, NewEntry, Parking
from pilothouse.engine.registry import Catalog
from pilothouse.engine.running.segment import Edge, Segment, run_claim
from pilothouse.engine.running.values import load
from pilothouse.engine.types import Entry
from pilothouse.storage import Database, Row

__all__ = ["Checked", "check_runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the installed code would do with a waiting run.

    Attributes:
        verdict: ``same`` code, ``adopt`` by the new code, ``block``, or ``missing``: no such workflow.
        reason: The difference, in words; empty unless it would block.
    """

    run: UUID
    workflow: str
    version: str
    offered: str
    verdict: Literal["same", "adopt", "block", "missing"]
    reason: str = ""


async def check_runs(
    database: Database,
    catalog: Catalog,
    *,
    states: Sequence[str] = ("parked", "blocked"),
    limit: int = 100_000,
) -> list[Checked]:
    """Replay waiting runs without writing anything or running any body."""
    params = {"states": list(states), "workflow": None, "parent": None, "version": None, "limit": limit}
    rows = await database.fetch_all(Q.list_runs, params)
    return [await _check(database, catalog, row) for row in rows]


async def _check(database: Database, catalog: Catalog, row: Row) -> Checked:
    definition = catalog.definitions.get(row["workflow"])
    if definition is None:
        return Checked(
            run=row["id"], workflow=row["workflow"], version=row["version"], offered="", verdict="missing",
            reason=f"no workflow {row['workflow']!r} is registered here",
        )  # fmt: skip
    reason = await _replay(database, catalog, row)
    if reason is None and definition.pin and definition.version != row["version"]:
        reason = f"pinned to {row['version']!r}"
    verdict = "same" if definition.version == row["version"] else "adopt"
    return Checked(
        run=row["id"], workflow=row["workflow"], version=row["version"], offered=definition.version,
        verdict=verdict if reason is None else "block", reason=reason or "",
    )  # fmt: skip


async def _replay(database: Database, catalog: Catalog, row: Row) -> str | None:
    """Return why the run would block, or None."""
    rows = await database.fetch_all(Q.load_entries, {"run": row["id"]})
    waits = await database.fetch_all(Q.open_waits, {"run": row["id"]})
    claim = Claim(run=run_of(row), args=row["args"], entries=[entry_of(item, run=row["id"]) for item in rows])
    segment = Segment(
        claim, catalog.definitions[row["workflow"]], journal=_ReadOnly(PostgresJournal(database)),
        catalog=catalog, principal=claim.run.principal, dry=True,
    )  # fmt: skip
    for wait in waits:
        # An answer will be recorded there; patched() must already see it.
        segment.positions.add(wait["key"])
    try:
        await run_claim(segment, args=load(claim.args))
    except Edge as edge:
        return _compare(segment, waits, edge)
    if isinstance(segment.over, Diverged):
        return str(segment.over)
    return "the function ends before what the run waits for" if waits else None


def _compare(segment: Segment, waits: Sequence[Row], edge: Edge) -> str | None:
    """Compare the first unrecorded call with what the run waits for."""
    if not waits:
        return None
    wait, called = waits[0], segment.last_call
    if called is None:
        return f"the function ends before {wait['entry_kind']} {wait['name']!r} at {wait['key']!r}"
    if called[0] != wait["key"]:
        return f"the run waits at {wait['key']!r}, the code comes to {edge} first"
    if wait["retry"]:
        return None
    if called[1:3] != (wait["entry_kind"], wait["name"]):
        return f"the run waits for {wait['entry_kind']} {wait['name']!r}, the code asks for {edge}"
    if called[3] != bytes(wait["input_hash"]):
        return f"the run waits for {wait['entry_kind']} {wait['name']!r} with other arguments than {edge}"
    return None


class _ReadOnly:
    """A journal that answers and refuses to write: writing is the edge of what is recorded."""

    def __init__(self, journal: PostgresJournal) -> None:
        self._journal = journal

    async def claim(self, run: UUID, segment: int, *, owner: str, attempts: int) -> Claim | None:
        """Refuse."""
        raise Edge("claim")

    async def record(self, claim: Claim, entry: NewEntry) -> Entry:
        """Refuse."""
        raise Edge(f"{entry.key} {entry.kind} {entry.name!r}")

    async def adopt(self, claim: Claim, entry: NewEntry, version: str) -> Entry:
        """Refuse."""
        raise Edge("adopt")

    async def park(self, claim: Claim, parking: Parking) -> Entry | None:
        """Refuse."""
        raise Edge(f"{parking.key} {parking.kind} {parking.name!r}")

    async def end(self, claim: Claim, ending: Ending) -> bool:
        """Leave the run alone."""
        return True

    async def give_back(self, claim: Claim, *, delay: float, reason: str) -> None:
        """Leave the run alone."""

    async def text(self, text: str | None, ref: bytes | None) -> str | None:
        """Read."""
        return await self._journal.text(text, ref)

    async def children(self, run: UUID, key: str) -> Sequence[ChildResult]:
        """Read."""
        return await self._journal.children(run, key)

    async def retries(self, run: UUID, key: str) -> int:
        """Read."""
        return await self._journal.retries(run, key)

    async def sealed_answer(self, root: UUID, kind: str, name: str, input_hash: bytes) -> Entry | None:
        """Read."""
        return await self._journal.sealed_answer(root, kind, name, input_hash)
