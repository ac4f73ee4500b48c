"""Row security: a reader's transaction sees what his ACL ids cover, the system sees everything."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import LiteralString, cast
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse.kernel import PilothouseError, UsageError
from pilothouse.storage import Database, StorageSettings, as_reader, open_database, run_migrations
from pilothouse.storage import readers as wall

PROPOSAL = "insert into decisions_proposal (id, subject, body) values (%(id)s, 's', '{}')"
ITEM = """
insert into decisions_item (proposal, topic, title, verdict, tier, asked_of, readers)
values (%(id)s, 't', 't', 'v', 1, 'desk', %(readers)s::text[])
"""
APPROVAL = """
insert into decisions_approval (id, proposal, subject, approver, verdict, reason, at, not_before, expiry,
    asked)
values (gen_random_uuid(), %(id)s, 's', 'amira', 'approve', '', now(), now(), now(), 'x')
"""
ENTRY = "insert into audit_entry (id, kind, actor, label) values (%(id)s, 'k', 'a', %(label)s::jsonb)"
TABLES = {
    "decisions_item": "proposal",
    "decisions_proposal": "id",
    "decisions_approval": "proposal",
    "audit_entry": "id",
}


async def put(database: Database, acls: list[str]) -> UUID:
    given = {"id": uuid4(), "readers": acls}
    label = json.dumps({"readers": acls})
    async with database.transaction() as tx:
        await tx.execute(PROPOSAL, given)
        await tx.execute(ITEM, given)
        await tx.execute(APPROVAL, given)
        await tx.execute(ENTRY, {"id": given["id"], "label": label})
    return cast("UUID", given["id"])


async def seen(database: Database, table: str, acls: list[str]) -> set[UUID]:
    query = cast("LiteralString", f"select {TABLES[table]} as id from {table}")
    async with as_reader(database, acls) as tx:
        return {row["id"] for row in await tx.fetch_all(query)}


@pytest.fixture(params=["superuser", "common"])
async def owned(request: pytest.FixtureRequest, empty_database_url: str) -> AsyncIterator[Database]:
    """A database of a superuser, and one of an account without any privilege."""
    url = empty_database_url
    if request.param == "superuser":
        split = urlsplit(url)
        url = urlunsplit(split._replace(netloc=split.netloc.replace("pilothouse", "postgres", 1)))
    run_migrations(url)
    async with open_database(StorageSettings(database_url=url, migrate=False, patience=5)) as database:
        yield database


@pytest.fixture
async def by_superuser(empty_database_url: str) -> AsyncIterator[Database]:
    split = urlsplit(empty_database_url)
    url = urlunsplit(split._replace(netloc=split.netloc.replace("pilothouse", "postgres", 1)))
    run_migrations(url)
    async with open_database(StorageSettings(database_url=url, migrate=False, patience=5)) as database:
        yield database


@pytest.mark.parametrize("table", TABLES)
async def test_a_reader_sees_what_his_acls_cover(owned: Database, table: str) -> None:
    public, desk, both = [await put(owned, readers) for readers in ([], ["a"], ["a", "b"])]
    assert await seen(owned, table, []) == {public}
    assert await seen(owned, table, ["a"]) == {public, desk}
    assert await seen(owned, table, ["b"]) == {public}
    assert await seen(owned, table, ["b", "a", "c"]) == {public, desk, both}


async def test_the_system_goes_on_seeing_and_writing_everything(owned: Database) -> None:
    hidden = await put(owned, ["a"])
    async with as_reader(owned, []):
        pass
    query = "update decisions_item set title = 'new' where proposal = %(id)s"
    assert await owned.execute(query, {"id": hidden}) == 1
    # The setting ends with its transaction, on a pooled connection too.
    for _ in range(20):
        assert await owned.fetch_value("select count(*) from audit_entry") == 1


async def test_an_entry_without_a_label_is_for_whoever_may_read_the_log(owned: Database) -> None:
    await owned.execute(ENTRY, {"id": uuid4(), "label": None})
    assert len(await seen(owned, "audit_entry", [])) == 1


@pytest.mark.parametrize(
    "query",
    [
        "insert into audit_entry (id, kind, actor) values (gen_random_uuid(), 'k', 'a')",
        "update decisions_item set title = 'x'",
        "delete from decisions_item",
    ],
)
async def test_a_reader_writes_nothing(owned: Database, query: LiteralString) -> None:
    await put(owned, [])
    with pytest.raises(PilothouseError):
        async with as_reader(owned, ["a"]) as tx:
            await tx.execute(query)


async def test_a_superuser_reads_as_a_role_to_which_other_tables_are_closed(by_superuser: Database) -> None:
    with pytest.raises(UsageError, match="permission denied"):
        async with as_reader(by_superuser, ["a"]) as tx:
            await tx.fetch_all("select * from decisions_seed")


async def test_an_account_that_goes_round_the_wall_is_told_so(
    by_superuser: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall, "_ENTER", wall._ENTER.replace("'pilothouse_reader' else", "'none' else"))
    with pytest.raises(UsageError, match=r"bypasses row security.*storage\.reader"):
        async with as_reader(by_superuser, ["a"]):
            raise AssertionError("let in")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shapes=st.lists(
        st.lists(st.sampled_from(["a", "b", 'c"', "d,e", "{}"]), unique=True, max_size=3), max_size=4
    ),
    acls=st.lists(st.sampled_from(["a", "b", 'c"', "d,e", "{}"]), max_size=4),
)
def test_any_acls_and_any_rows(database_url: str, shapes: list[list[str]], acls: list[str]) -> None:
    with psycopg.connect(database_url, autocommit=False) as link:
        cursor = link.cursor()
        rows = {uuid4(): shape for shape in shapes}
        for number, shape in rows.items():
            cursor.execute(PROPOSAL.encode(), {"id": number})
            cursor.execute(ITEM.encode(), {"id": number, "readers": shape})
        cursor.execute(wall._ENTER.encode(), {"acls": acls})
        found = {row[0] for row in cursor.execute(b"select id from decisions_proposal").fetchall()}
        link.rollback()
    assert found == {number for number, shape in rows.items() if set(shape) <= set(acls)}
