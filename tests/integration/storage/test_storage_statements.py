"""Stories of statements, transactions and errors on a real database."""

from __future__ import annotations

import pytest

from pilothouse.kernel import DataError, UsageError
from pilothouse.storage import ConstraintError, Database, Jsonb, Tx


async def _table(database: Database) -> None:
    await database.execute(
        "create table box (id text primary key, teu int check (teu > 0), note jsonb,"
        " owner text not null default 'x')"
    )


async def test_a_committed_row_is_read_back_as_a_dict(database: Database) -> None:
    await _table(database)
    async with database.transaction() as tx:
        touched = await tx.execute(
            "insert into box (id, teu, note) values (%(id)s, 2, %(note)s)",
            {"id": "A", "note": Jsonb({"k": [1]})},
        )
    assert touched == 1
    row = await database.fetch_one("select id, teu, note from box")
    assert row == {"id": "A", "teu": 2, "note": {"k": [1]}}
    assert await database.fetch_one("select * from box where id = 'B'") is None
    assert await database.fetch_value("select teu from box where id = 'B'") is None


async def test_an_exception_in_the_block_leaves_nothing(database: Database) -> None:
    await _table(database)
    with pytest.raises(RuntimeError, match="thought better"):
        async with database.transaction() as tx:
            await tx.execute("insert into box (id) values ('A')")
            raise RuntimeError("thought better of it")
    assert await database.fetch_value("select count(*) from box") == 0


async def test_a_batch_is_inserted_in_one_go(database: Database) -> None:
    await _table(database)
    async with database.transaction() as tx:
        await tx.execute_many("insert into box (id) values (%(id)s)", [{"id": str(n)} for n in range(100)])
    assert await database.fetch_value("select count(*) from box") == 100


@pytest.mark.parametrize(
    ("statement", "kind", "code"),
    [
        ("insert into box (id) values ('A')", ConstraintError, "storage.unique"),
        ("insert into box (id, teu) values ('B', 0)", ConstraintError, "storage.check"),
        ("insert into box (id, owner) values ('B', null)", ConstraintError, "storage.not_null"),
        ("insert into box (id, teu) values ('B', 'many'::text::int)", DataError, "storage.value"),
        ("insert into boxes (id) values ('B')", UsageError, "storage.sql"),
        ("do $$ begin raise exception 'no changes here'; end $$", DataError, "storage.refused"),
    ],
)
async def test_each_error_says_what_the_reader_should_do(
    database: Database, statement: str, kind: type[Exception], code: str
) -> None:
    await _table(database)
    await database.execute("insert into box (id) values ('A')")
    with pytest.raises(kind) as caught:
        await database.execute(statement)  # type: ignore[arg-type]
    assert caught.value.code == code  # type: ignore[attr-defined]
    assert await database.fetch_value("select count(*) from box") == 1, "the connection is usable afterwards"


async def test_a_broken_constraint_is_named(database: Database) -> None:
    await _table(database)
    await database.execute("insert into box (id) values ('A')")
    with pytest.raises(ConstraintError, match="box_pkey") as caught:
        await database.execute("insert into box (id) values ('A')")
    assert (caught.value.constraint, caught.value.kind) == ("box_pkey", "unique")


async def test_a_savepoint_survives_an_error_inside_a_transaction(database: Database) -> None:
    await _table(database)

    async def try_twice(tx: Tx) -> None:
        await tx.execute("insert into box (id) values ('A') on conflict do nothing")

    async with database.transaction() as tx:
        await try_twice(tx)
        await try_twice(tx)
    assert await database.fetch_value("select count(*) from box") == 1
