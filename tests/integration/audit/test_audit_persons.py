"""Persons stay out of the log: references under a key each, and what is left when it is destroyed."""

from __future__ import annotations

from typing import Any

import pytest

from pilothouse.audit import AuditEntry, append, chain, entries, erase, export, personal, refers, verify
from pilothouse.kernel import Principal, UsageError
from pilothouse.storage import Database

OFFICER = Principal(id="officer.ines")
NAME = "Amira Haddad"


async def _mention(database: Database, subject: str, value: str) -> str:
    async with database.transaction() as tx:
        reference = await personal(tx, subject, value)
        await append(tx, AuditEntry(kind="note.sent", actor="clerk.boris", run="r", body={"to": reference}))
    return reference


async def test_equal_values_of_a_person_are_equal_and_of_two_persons_are_not(database: Database) -> None:
    one = await _mention(database, "customer:1", NAME)
    assert one == await _mention(database, "customer:1", NAME)
    assert one != await _mention(database, "customer:1", "another")
    assert one != await _mention(database, "customer:2", NAME)
    assert await refers(database, "customer:1", NAME, one)
    assert not await refers(database, "customer:1", "another", one)
    assert not await refers(database, "customer:2", NAME, one)
    assert not await refers(database, "customer:3", NAME, one)
    text = "\n".join([line async for line in export(database)])
    assert one in text
    assert NAME not in text
    assert "customer:1" not in text


async def test_erasing_destroys_the_key_and_keeps_the_tree(database: Database) -> None:
    one = await _mention(database, "customer:1", NAME)
    await chain(database)
    before = (await verify(database)).head
    erased = await erase(database, "customer:1", by=OFFICER, reason="asked by letter of 4 May")
    assert erased is not None
    assert not await refers(database, "customer:1", NAME, one), "nobody can tell any more whom it meant"
    assert await erase(database, "customer:1", by=OFFICER, reason="again") is None
    await chain(database)
    after = await verify(database, noted=[before])
    assert (after.ok, after.entries) == (True, 2)
    assert (await entries(database, run="r"))[0].entry.body == {"to": one}
    assert one != await _mention(database, "customer:1", NAME), "who comes back is somebody new"


@pytest.mark.parametrize("reason", ["", "  "])
async def test_erasing_needs_a_reason_and_a_reference_a_subject(database: Database, reason: str) -> None:
    with pytest.raises(UsageError, match="say why"):
        await erase(database, "customer:1", by=OFFICER, reason=reason)
    with pytest.raises(UsageError, match="needs a subject"):
        await _mention(database, "", NAME)


async def test_the_subject_of_an_erasure_is_itself_a_reference(database: Database) -> None:
    await _mention(database, "customer:1", NAME)
    await erase(database, "customer:1", by=OFFICER, reason="asked")
    row: dict[str, Any] | None = await database.fetch_one(
        "select * from audit_entry where kind = 'audit.erased'"
    )
    assert row is not None
    assert row["body"]["person"].startswith("hmac-sha256:")
    assert "customer:1" not in str(row)
