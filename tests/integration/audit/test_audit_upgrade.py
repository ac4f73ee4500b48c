"""A log that was a chain becomes a tree: nothing is lost, everything gets a place."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from pilothouse import storage
from pilothouse.audit import AuditEntry, chain, entries, verify
from pilothouse.storage import Database


def _revision() -> Any:
    path = Path(storage.__file__).parent / "migrations" / "versions" / "0006_audit.py"
    spec = importlib.util.spec_from_file_location("revision_0006", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_what_was_chained_gets_its_place_in_the_tree_and_the_way_back_works(database: Database) -> None:
    revision = _revision()
    await database.execute(revision.DOWN)
    made = [AuditEntry(kind="test.done", actor="a", run="r", body={"n": n}) for n in range(3)]
    for position, entry in enumerate(made, 1):
        await database.execute(
            "insert into audit_entry (id, kind, actor, run, body) values (%(id)s, 'test.done', 'a', 'r', "
            "jsonb_build_object('n', %(n)s::int))",
            {"id": entry.id, "n": position - 1},
        )
        await database.execute(
            "insert into audit_link values (%(position)s, %(id)s, repeat('0', 64), repeat('0', 64))",
            {"position": position, "id": entry.id},
        )
    await database.execute(revision.UP)
    assert await chain(database) == 3
    assert [item.entry for item in await entries(database, run="r")] == made
    assert (await verify(database)).entries == 3
    await database.execute(revision.DOWN)
    await database.execute(revision.UP)
    assert await chain(database) == 3
    assert (await verify(database)).ok
