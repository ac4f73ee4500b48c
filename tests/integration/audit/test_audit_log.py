"""The log over a real database: entries live and die with their transaction, and tampering shows."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from pilothouse.audit import (
    AuditEntry,
    append,
    chain,
    entries,
    export,
    keep_chained,
    settle,
    verify,
    verify_lines,
)
from pilothouse.kernel import DataError, LimitError, UnavailableError, new_id
from pilothouse.storage import Database


async def _append(database: Database, count: int, **fields: object) -> list[AuditEntry]:
    made = [AuditEntry(kind="test.done", actor="clerk.amira", body={"n": n}, **fields) for n in range(count)]  # type: ignore[arg-type]
    for entry in made:
        async with database.transaction() as tx:
            await append(tx, entry)
    return made


async def _tamper(database: Database, statement: str) -> None:
    """Do what only the owner of the tables can do, who took the guards away first."""
    async with database.transaction() as tx:
        await tx.execute("alter table audit_link drop constraint audit_link_entry_fkey")
        await tx.execute("alter table audit_link disable trigger user")
        await tx.execute("alter table audit_entry disable trigger user")
        await tx.execute(statement)  # type: ignore[arg-type]


async def test_an_entry_exists_if_and_only_if_its_transaction_commits(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as tx:
            await append(tx, AuditEntry(kind="test.lost", actor="a"))
            raise RuntimeError
    (kept,) = await _append(database, 1)
    await chain(database)
    found = [json.loads(line)["entry"]["id"] async for line in export(database)]
    assert found == [str(kept.id)]


async def test_nothing_can_be_changed_deleted_or_emptied(database: Database) -> None:
    await _append(database, 1)
    await chain(database)
    for table in ("audit_entry", "audit_link"):
        for statement in (
            f"update {table} set prev = prev",
            f"delete from {table}",
            f"truncate {table} cascade",
        ):
            column = statement.replace("prev", "actor") if table == "audit_entry" else statement
            with pytest.raises(DataError, match="append-only"):
                await database.execute(column)  # type: ignore[arg-type]
    assert (await verify(database)).ok


async def test_chaining_gives_places_without_gaps_whatever_the_order_of_commits(database: Database) -> None:
    await asyncio.gather(*(_append(database, 5) for _ in range(4)))
    passes = await asyncio.gather(*(chain(database) for _ in range(3)))
    await chain(database)
    assert sum(passes) <= 20
    checked = await verify(database)
    assert (checked.ok, checked.entries, checked.pending) == (True, 20, 0)


async def test_only_one_sequencer_works_at_a_time(database: Database) -> None:
    await _append(database, 1)
    async with database.transaction() as tx:
        await tx.execute("select pg_advisory_xact_lock(hashtextextended('audit.sequencer', 0))")
        assert await chain(database) == 0
    assert await chain(database, wait=True) == 1


async def test_settling_waits_for_a_place_and_refuses_what_was_never_committed(database: Database) -> None:
    first, second = await _append(database, 2)
    assert await settle(database, second.id) == 2
    assert await settle(database, first.id) == 1
    with pytest.raises(DataError, match="never committed"):
        await settle(database, new_id())


async def test_the_sequencer_runs_in_the_background(database: Database) -> None:
    await _append(database, 3)
    task = asyncio.create_task(keep_chained(database, every=0.01))
    for _ in range(200):
        if (await verify(database)).entries == 3:
            break
        await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert (await verify(database)).entries == 3


async def test_the_sequencer_survives_a_database_that_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pilothouse.audit import sequencer

    calls: list[int] = []

    async def away(database: Database) -> int:
        calls.append(1)
        if len(calls) == 1:
            raise UnavailableError("away")
        if len(calls) == 2:
            return sequencer.BATCH
        raise asyncio.CancelledError

    monkeypatch.setattr(sequencer, "chain", away)
    with pytest.raises(asyncio.CancelledError):
        await keep_chained(database, every=0)
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("statement", "position", "why"),
    [
        ("update audit_entry set body = '{\"n\": 7}' where body ->> 'n' = '2'", 3, "changed"),
        ("update audit_entry set at = at - interval '1 day' where body ->> 'n' = '0'", 1, "changed"),
        ("delete from audit_link where position = 2", 2, "missing"),
        ("delete from audit_entry where body ->> 'n' = '3'", 4, "gone"),
        ("update audit_link set prev = repeat('0', 64) where position = 3", 3, "prev is"),
        ("update audit_link set hash = repeat('a', 64) where position = 5", 5, "changed"),
    ],
)
async def test_the_first_broken_entry_is_named(
    database: Database, statement: str, position: int, why: str
) -> None:
    await _append(database, 5)
    await chain(database)
    await _tamper(database, statement)
    checked = await verify(database)
    assert checked.broken is not None
    assert checked.broken.position == position
    assert why in checked.broken.why
    assert checked.entries == position - 1


async def test_a_truncated_end_shows_against_a_noted_head(database: Database) -> None:
    await _append(database, 3)
    await chain(database)
    head = (await verify(database)).head
    await _tamper(database, "delete from audit_link where position = 3")
    checked = await verify(database, head=head)
    assert checked.broken is not None
    assert checked.broken.position == 3


async def test_an_entry_kept_out_of_the_chain_is_found(database: Database) -> None:
    (entry,) = await _append(database, 1)
    await database.execute("delete from audit_pending")
    assert await chain(database) == 0
    waiting = await verify(database)
    assert (waiting.ok, waiting.pending) == (True, 1)
    late = await verify(database, grace=0)
    assert late.broken is not None
    assert late.broken.entry == str(entry.id)


async def test_an_export_is_checked_without_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pilothouse.audit import verifier

    monkeypatch.setattr(verifier, "PAGE", 2)
    await _append(database, 5, refs=("ab" * 32,), run="run-1")
    await chain(database)
    lines = [line async for line in export(database)]
    assert len(lines) == 5
    assert verify_lines(lines).head == (await verify(database)).head


async def test_numbers_that_jsonb_rewrites_still_verify(database: Database) -> None:
    async with database.transaction() as tx:
        await append(
            tx, AuditEntry(kind="k", actor="a", body={"a": 1e15, "b": 1.50, "c": -0.0, "d": 1e-300, "e": "ü"})
        )
    await chain(database)
    assert (await verify(database)).ok


async def test_entries_are_found_by_what_they_belong_to(database: Database) -> None:
    proposal = new_id()
    (first,) = await _append(database, 1, proposal=proposal)
    (second,) = await _append(database, 1, effect="run-1:3")
    (third,) = await _append(database, 1, run="run-1")
    await _append(database, 1)
    assert [item.entry for item in await entries(database, proposals=[proposal])] == [first]
    assert [item.entry for item in await entries(database, effect="run-1:3")] == [second]
    assert [item.entry for item in await entries(database, run="run-1")] == [third]
    both = await entries(database, proposals=[proposal], effect="run-1:3", run="run-1")
    assert [item.entry for item in both] == [first, second, third]
    assert await entries(database) == ()


async def test_an_entry_too_large_stores_nothing_and_leaves_the_transaction_usable(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        with pytest.raises(LimitError, match="refer to it by hash"):
            await append(tx, AuditEntry(kind="k", actor="a", body={"x": "y" * 5000}))
        await append(tx, AuditEntry(kind="k", actor="a"))
    assert await chain(database) == 1
