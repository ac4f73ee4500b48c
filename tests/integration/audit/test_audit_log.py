"""The log over a real database: entries live and die with their transaction, places have no gaps."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pilothouse.audit import (
    EMPTY,
    AuditEntry,
    append,
    append_many,
    chain,
    entries,
    export,
    settle,
    verify,
    verify_lines,
)
from pilothouse.kernel import DataError, LimitError, new_id
from pilothouse.storage import Database


async def test_an_entry_exists_if_and_only_if_its_transaction_commits(database: Database, write: Any) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as tx:
            await append(tx, AuditEntry(kind="test.lost", actor="a"))
            raise RuntimeError
    (kept,) = await write(1)
    lines = [json.loads(line) async for line in export(database)]
    assert [line["entry"]["id"] for line in lines if "entry" in line] == [str(kept.id)]


async def test_nothing_can_be_changed_deleted_or_emptied(database: Database, write: Any, audit: Any) -> None:
    from pilothouse.audit import sign

    await write(300)
    await sign(database, audit)
    for table in ("audit_entry", "audit_leaf", "audit_node", "audit_head"):
        column = {"audit_entry": "actor", "audit_head": "root"}.get(table, "hash")
        for statement in (
            f"update {table} set {column} = {column}",
            f"delete from {table}",
            f"truncate {table} cascade",
        ):
            with pytest.raises(DataError, match="append-only"):
                await database.execute(statement)  # type: ignore[arg-type]
    assert (await verify(database)).ok


async def test_places_have_no_gaps_whatever_the_order_of_commits(database: Database, write: Any) -> None:
    await asyncio.gather(*(write(5, placed=False) for _ in range(4)))
    passes = await asyncio.gather(*(chain(database) for _ in range(3)))
    await chain(database)
    assert sum(passes) <= 20
    checked = await verify(database)
    assert (checked.ok, checked.entries, checked.pending) == (True, 20, 0)


async def test_only_one_sequencer_works_at_a_time(database: Database, write: Any) -> None:
    await write(1, placed=False)
    async with database.transaction() as tx:
        await tx.execute("select pg_advisory_xact_lock(hashtextextended('audit.sequencer', 0))")
        assert await chain(database) == 0
    assert await chain(database, wait=True) == 1


async def test_settling_waits_for_a_place_and_refuses_what_was_never_committed(
    database: Database, write: Any
) -> None:
    first, second = await write(2, placed=False)
    assert await settle(database, second.id) == 2
    assert await settle(database, first.id) == 1
    with pytest.raises(DataError, match="never committed"):
        await settle(database, new_id())


async def test_an_empty_log_holds(database: Database) -> None:
    checked = await verify(database)
    assert (checked.ok, checked.entries, checked.head, checked.notes) == (True, 0, EMPTY, ())
    assert [line async for line in export(database)] == ['{"format":"pilothouse-audit-1"}']


async def test_many_are_stored_at_once_like_each_alone(database: Database) -> None:
    proposal, approval = new_id(), new_id()
    many = [
        AuditEntry(kind="a", actor="x", body={"n": 1.5, "t": "é\\u0000"}, refs=("ab" * 32, "c")),
        AuditEntry(kind="b", actor="y", proposal=proposal, approval=approval, effect="run-1:3", run="run-1"),
        AuditEntry(kind="c", actor="z", run="run-1", label={"readers": ["acl:a"]}, policy="v1"),
    ]
    async with database.transaction() as tx:
        assert await append_many(tx, many) == tuple(entry.id for entry in many)
        assert await append_many(tx, []) == ()
    found = await entries(database, proposals=[proposal], run="run-1")
    assert {item.entry.id: item.entry for item in found} == {entry.id: entry for entry in many[1:]}
    assert await chain(database) == 3
    checked = await verify(database)
    assert (checked.ok, checked.entries) == (True, 3)


async def test_one_of_many_that_cannot_be_stored_stores_none(database: Database) -> None:
    bad = AuditEntry(kind="k", actor="a", body={"x": "y" * 5000})
    async with database.transaction() as tx:
        with pytest.raises(LimitError):
            await append_many(tx, [AuditEntry(kind="k", actor="a"), bad])
    assert await chain(database) == 0


async def test_an_export_is_checked_without_the_database(database: Database, write: Any) -> None:
    await write(5, refs=("ab" * 32,), run="run-1")
    lines = [line async for line in export(database)]
    unsealed = verify_lines(lines, open_ended=True)
    assert (unsealed.ok, unsealed.entries) == (True, 5)
    assert unsealed.head == (await verify(database)).head
    sealed = verify_lines(lines)
    assert sealed.broken is not None, "nobody here has a key, so there is no seal"
    assert "seal" in sealed.broken.why


async def test_numbers_that_jsonb_rewrites_still_verify(database: Database) -> None:
    body = {"a": 1e15, "b": 1.50, "c": -0.0, "d": 1e-300, "e": "ü", "f": 2**60, "g": 100.0}
    async with database.transaction() as tx:
        await append(tx, AuditEntry(kind="k", actor="a", body=body))
        await append_many(tx, [AuditEntry(kind="k", actor="a", body=body)])
    await chain(database)
    assert (await verify(database)).ok


async def test_entries_are_found_by_what_they_belong_to(database: Database, write: Any) -> None:
    proposal = new_id()
    (first,) = await write(1, proposal=proposal)
    (second,) = await write(1, effect="run-1:3")
    (third,) = await write(1, run="run-1", placed=False)
    await write(1, placed=False)
    assert [item.entry for item in await entries(database, proposals=[proposal])] == [first]
    assert [item.entry for item in await entries(database, effect="run-1:3")] == [second]
    assert [item.entry for item in await entries(database, run="run-1")] == [third]
    both = await entries(database, proposals=[proposal], effect="run-1:3", run="run-1")
    assert [item.entry for item in both] == [first, second, third]
    assert [item.position for item in both] == [1, 2, None]
    assert await entries(database) == ()


async def test_an_entry_too_large_stores_nothing_and_leaves_the_transaction_usable(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        with pytest.raises(LimitError, match="refer to it by hash"):
            await append(tx, AuditEntry(kind="k", actor="a", body={"x": "y" * 5000}))
        await append(tx, AuditEntry(kind="k", actor="a"))
    assert await chain(database) == 1
