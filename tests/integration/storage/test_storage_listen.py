"""Stories of notifications and of the change feed."""

from __future__ import annotations

import asyncio

import pytest

from pilothouse.kernel import UsageError
from pilothouse.storage import Database, Feed, Notification, Subscription


async def _next(subscription: Subscription) -> Notification:
    return await asyncio.wait_for(anext(subscription), 10)


async def _notify(database: Database, channel: str, payload: str) -> None:
    async with database.transaction() as tx:
        await tx.notify(channel, payload)


async def test_two_listeners_hear_what_is_committed_and_only_that(database: Database) -> None:
    async with database.listen("boxes") as one, database.listen("boxes", "ships") as two:
        with pytest.raises(RuntimeError):
            async with database.transaction() as tx:
                await tx.notify("boxes", "never")
                raise RuntimeError
        await _notify(database, "boxes", "A")
        await _notify(database, "ships", "S")
        assert (await _next(one)).payload == "A"
        assert [(note.channel, note.payload) for note in (await _next(two), await _next(two))] == [
            ("boxes", "A"),
            ("ships", "S"),
        ]
    listeners = "select count(*) from pg_stat_activity where datname = current_database()"
    assert await database.fetch_value(listeners) <= 2, "one for listening, one for statements"


async def test_an_iterator_without_with_listens_from_its_first_step(database: Database) -> None:
    heard: list[str] = []

    async def follow() -> None:
        async for note in database.listen("boxes"):
            heard.append(note.payload)
            if note.payload == "last":
                return

    task = asyncio.create_task(follow())
    while not heard:
        await _notify(database, "boxes", "first")
        await asyncio.sleep(0.05)
    await _notify(database, "boxes", "last")
    await asyncio.wait_for(task, 10)
    assert heard[0] == "first"


async def test_a_cut_connection_comes_back_and_says_that_there_was_a_gap(database: Database) -> None:
    async with database.listen("boxes") as subscription:
        cut = (
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where query like 'listen%%' and datname = current_database()"
        )
        assert await database.fetch_value(cut) is True
        gap = await _next(subscription)
        assert gap == Notification(channel="boxes", payload="", gap=True)
        await _notify(database, "boxes", "after")
        assert (await _next(subscription)).payload == "after"


async def test_closing_ends_the_loop_of_a_listener(database_url: str) -> None:
    from pilothouse.storage.testing import cloned_database

    async with cloned_database(database_url) as database:
        subscription = database.listen("boxes")
        await subscription.__aenter__()
    assert [note async for note in subscription] == []


async def test_a_channel_that_is_no_name_is_refused(database: Database) -> None:
    with pytest.raises(UsageError, match="'boxes; drop'"):
        database.listen("boxes; drop")


async def test_a_slow_reader_gets_a_gap_instead_of_a_full_memory(database: Database) -> None:
    subscription = database.listen("boxes")
    for number in range(10_001):
        subscription.put(Notification(channel="boxes", payload=str(number)))
    async with subscription:
        assert (await _next(subscription)).gap


async def test_the_feed_is_read_in_order_from_any_position(database: Database) -> None:
    feed = Feed(database)
    async with database.listen("storage_feed") as subscription:
        async with database.transaction() as tx:
            first = await feed.append(tx, "engine.run", {"id": 1})
            second = await feed.append(tx, "effects.done", {"id": 2})
        assert (await _next(subscription)).payload == "engine.run"
    assert [event.position for event in await feed.read()] == [first, second]
    assert [event.value for event in await feed.read(after=first)] == [{"id": 2}]
    assert [event.value for event in await feed.read(topics=["engine.run"])] == [{"id": 1}]
    assert await feed.last() == second
    assert await feed.read(after=second) == []
    assert len(await feed.read(limit=1)) == 1


async def test_an_event_of_a_slower_transaction_is_not_skipped(database: Database) -> None:
    """The classic hole: a smaller number is committed after a reader has seen a greater one."""
    feed = Feed(database)
    async with database.transaction() as early:
        # `fast` begins its writing first, then `early` takes a smaller position and commits later.
        async with database.transaction() as fast:
            await fast.execute("create temporary table t on commit drop as select 1")
            slow_position = await feed.append(early, "slow", 1, notify=False)
            fast_position = await feed.append(fast, "fast", 2, notify=False)
        assert slow_position < fast_position
        seen = await feed.read()
        after = seen[-1].position if seen else 0
    seen += await feed.read(after=after)
    assert {event.topic for event in seen} == {"slow", "fast"}
    assert len(seen) == 2


async def test_a_long_transaction_of_another_database_does_not_hold_up_the_feed(
    database: Database, empty_database_url: str
) -> None:
    import psycopg

    feed = Feed(database)
    with psycopg.connect(empty_database_url) as elsewhere:
        elsewhere.execute("create table busy (n int)")  # has a transaction id and stays open
        async with database.transaction() as tx:
            await feed.append(tx, "a", 1)
        assert [event.value for event in await feed.read()] == [1]


async def test_four_writers_and_a_reader_lose_nothing_and_see_nothing_twice(database: Database) -> None:
    feed = Feed(database)
    written: list[int] = []
    seen: list[int] = []

    async def write(writer: int) -> None:
        for number in range(25):
            async with database.transaction() as tx:
                await tx.execute("select pg_current_xact_id()")
                await asyncio.sleep(0.001 * ((writer + number) % 4))
                position = await feed.append(tx, "a", number, notify=False)
                await asyncio.sleep(0.001 * ((writer * number) % 5))
            written.append(position)

    async def follow() -> None:
        while len(seen) < 100:
            seen.extend(event.position for event in await feed.read(after=seen[-1] if seen else 0))

    await asyncio.wait_for(asyncio.gather(follow(), *(write(writer) for writer in range(4))), 30)
    assert sorted(seen) == sorted(written)


async def test_old_events_are_forgotten_and_readers_go_on(database: Database) -> None:
    feed = Feed(database)
    for number in range(3):
        async with database.transaction() as tx:
            await feed.append(tx, "a", number)
    positions = [event.position for event in await feed.read()]
    now = await database.fetch_value("select clock_timestamp()")
    assert await feed.prune(now) == 2
    assert [event.value for event in await feed.read(after=positions[0])] == [2]


async def test_an_event_without_a_topic_is_refused(database: Database) -> None:
    with pytest.raises(UsageError, match="needs a topic"):
        async with database.transaction() as tx:
            await Feed(database).append(tx, "", 1)
