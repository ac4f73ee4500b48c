"""Stories of a server that is away, full, silent or not what it should be; and of the pool."""

from __future__ import annotations

import asyncio
import time

import pytest

from pilothouse.kernel import ConflictError, UnavailableError, UsageError
from pilothouse.storage import Database, StorageSettings, open_database
from pilothouse.storage.testing import cloned_database

CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
    " and backend_type = 'client backend'"
)


async def test_an_unreachable_server_is_named_without_its_password() -> None:
    settings = StorageSettings(database_url="postgresql://clerk:geheim@127.0.0.1:1/house", patience=0.2)
    with pytest.raises(UnavailableError, match=r"database 'house' on '127.0.0.1:1'") as caught:
        async with open_database(settings):
            pass
    assert "geheim" not in str(caught.value)
    assert caught.value.code == "storage.unreachable"


async def test_a_missing_database_is_said_at_once(postgres_url: str) -> None:
    from pilothouse.storage.testing import with_database

    began = time.monotonic()
    settings = StorageSettings(database_url=with_database(postgres_url, "nowhere"), patience=30)
    with pytest.raises(UnavailableError, match='"nowhere" does not exist'):
        async with open_database(settings):
            pass
    assert time.monotonic() - began < 5


async def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(UnavailableError, match="unreadable URL"):
        async with open_database(StorageSettings(database_url="postgresql://[broken", patience=0)):
            pass


async def test_idle_connections_that_were_cut_are_replaced_without_an_error(
    database_url: str, database: Database
) -> None:
    async with cloned_database(database_url) as other:
        await asyncio.gather(*(other.fetch_value("select pg_sleep(0.05)") for _ in range(5)))
        await database.execute(CUT)
        await asyncio.sleep(0.1)
        assert await other.fetch_value("select 1") == 1


async def test_a_statement_that_was_cut_is_an_error_unless_it_may_be_repeated(
    database_url: str, database: Database
) -> None:
    async with cloned_database(database_url) as other:

        async def cut_soon() -> None:
            await asyncio.sleep(0.2)
            await database.execute(CUT)

        cutting = asyncio.create_task(cut_soon())
        with pytest.raises(UnavailableError, match="try again"):
            await other.execute("select pg_sleep(2)")
        await cutting
        cutting = asyncio.create_task(cut_soon())
        began = time.monotonic()
        assert await other.fetch_value("select 7 from pg_sleep(1)", repeat=True) == 7
        assert time.monotonic() - began > 1.1, "it ran a second time"
        await cutting


async def test_a_transaction_that_was_cut_is_an_error_and_left_nothing(
    database_url: str, database: Database
) -> None:
    await database.execute("create table box (n int)")
    async with cloned_database(database_url) as other:
        with pytest.raises(UnavailableError):
            async with other.transaction() as tx:
                await tx.execute("insert into box values (1)")
                await database.execute(CUT)
                await tx.execute("insert into box values (2)")
        assert await other.fetch_value("select count(*) from box") == 0


async def test_a_transaction_whose_owner_froze_lets_go_of_its_locks(
    database_url: str, database: Database
) -> None:
    await database.execute("create table box (n int)")
    settings = StorageSettings(database_url=database_url, migrate=False, idle_in_transaction=0.3)
    async with open_database(settings) as frozen:
        with pytest.raises(UnavailableError, match=r"silent too long|try again"):
            async with frozen.transaction() as tx:
                await tx.execute("lock table box")
                await asyncio.wait_for(database.execute("insert into box values (1)"), 5)
                await tx.execute("insert into box values (2)")
    assert await database.fetch_value("select count(*) from box") == 1


async def test_more_tasks_than_connections_take_turns(database_url: str) -> None:
    settings = StorageSettings(database_url=database_url, migrate=False, pool_size=3)
    async with open_database(settings) as database:
        query = "select count(*) from pg_stat_activity where datname = current_database() and pid is not null"
        counts = await asyncio.gather(*(database.fetch_value(query) for _ in range(50)))
    assert max(counts) <= 3


async def test_a_cancelled_statement_leaves_the_pool_usable(database_url: str) -> None:
    settings = StorageSettings(database_url=database_url, migrate=False, pool_size=1)
    async with open_database(settings) as database:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(database.execute("select pg_sleep(30)"), 0.2)
        assert await asyncio.wait_for(database.fetch_value("select 1"), 5) == 1


async def test_a_deadlock_is_a_conflict_for_one_of_the_two(database: Database) -> None:
    await database.execute("create table box (n int primary key, v int)")
    await database.execute("insert into box values (1, 0), (2, 0)")

    async def update(first: int, second: int) -> None:
        async with database.transaction() as tx:
            await tx.execute("update box set v = v + 1 where n = %(n)s", {"n": first})
            await asyncio.sleep(0.2)
            await tx.execute("update box set v = v + 1 where n = %(n)s", {"n": second})

    ends = await asyncio.gather(update(1, 2), update(2, 1), return_exceptions=True)
    assert sorted(type(end) for end in ends if end is not None) == [ConflictError]


async def test_a_closed_database_says_so(database_url: str) -> None:
    async with cloned_database(database_url) as database:
        pass
    with pytest.raises(UnavailableError, match="was closed"):
        await database.fetch_value("select 1")


async def test_an_advisory_lock_is_held_by_one(database: Database) -> None:
    async with database.advisory_lock("sweeper") as mine, database.advisory_lock("sweeper") as theirs:
        assert mine
        assert not theirs
        async with database.advisory_lock("other") as other:
            assert other
    async with database.advisory_lock("sweeper") as again:
        assert again
        assert not again.lost
        await database.execute(CUT)
        await asyncio.sleep(0.1)
        assert again.lost
        async with database.advisory_lock("sweeper") as successor:
            assert successor
    with pytest.raises(UsageError, match="needs a name"):
        async with database.advisory_lock(""):
            pass
