"""Spans in a real database: what is flushed is there, who may read what, what is forgotten, what is away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from pilothouse.kernel import DeniedError, Principal, UnavailableError, UsageError
from pilothouse.labels import Integrity, Label, Origin
from pilothouse.storage import Database, as_reader
from pilothouse.telemetry import span
from pilothouse.traces import SpanFilter, Traces, TracesSettings, open_traces

RUN = "0192f0c0000070008000000000000001"
READER = Principal(id="olga", rights=frozenset({"traces:*"}))
OPERATOR = Principal(id="op", rights=frozenset({"*"}))


def label(*readers: str) -> Label:
    origin = Origin(source="s", object="o", key={}, field="f", version="1", read_at=datetime.now(UTC))
    return Label(readers=frozenset(readers), integrity=Integrity.RECORD, origin=origin)


async def test_own_spans_are_stored_and_read_back(database: Database) -> None:
    async with open_traces(database) as traces:
        words = {"gen_ai.operation.name": "chat", "gen_ai.prompt": "secret"}
        with (
            span("segment", trace=RUN, run=RUN, workflow="release"),
            span("chat", kind="client", attributes=words),
        ):
            pass
        assert await traces.flush() == 2
        found = await traces.find(READER)
    chat, segment = sorted(found, key=lambda one: one.name)
    assert (chat.name, segment.name) == ("chat", "segment")
    assert chat.trace == segment.trace == RUN
    assert chat.run is not None
    assert chat.run.hex == RUN
    assert chat.parent == segment.id
    assert (chat.kind, chat.workflow, chat.status) == ("client", "release", "unset")
    assert dict(chat.attributes) == {"gen_ai.operation.name": "chat"}
    assert not chat.foreign


async def test_what_ended_is_stored_at_close_and_in_the_background(database: Database) -> None:
    async with open_traces(database) as traces:
        with span("soon"):
            pass
        for _ in range(200):
            if await traces.find(READER):
                break
            await asyncio.sleep(0.05)
        assert [one.name for one in await traces.find(READER)] == ["soon"]
        with span("last"):
            pass
    assert {one.name for one in await traces.find(READER)} == {"soon", "last"}


async def test_spans_end_in_threads_too(database: Database) -> None:
    def work() -> None:
        for _ in range(100):
            with span("thread"):
                pass

    async with open_traces(database, settings=TracesSettings(gather=16)) as traces:
        await asyncio.gather(*(asyncio.to_thread(work) for _ in range(8)))
        await traces.flush()
        assert len(await traces.find(READER, SpanFilter(limit=1000))) == 800


@pytest.mark.parametrize(
    ("rights", "seen"),
    [
        (["traces:*"], {"a", "-"}),
        (["traces:flow:read"], {"a"}),
        (["traces:flow:read", "group:desk"], {"a", "closed"}),
        (["group:desk"], set()),
        (["traces:-:read"], {"-"}),
        (["*"], {"a", "closed", "-"}),
        ([], set()),
    ],
)
async def test_a_span_is_read_by_rights(database: Database, rights: list[str], seen: set[str]) -> None:
    async with open_traces(database) as traces:
        with span("a", workflow="flow"):
            pass
        with span("closed", workflow="flow") as written:
            written.label = label("group:desk")
        with span("-"):
            pass
        await traces.flush()
        found = await traces.find(Principal(id="x", rights=frozenset(rights)))
    assert {one.name for one in found} == seen


async def test_the_table_itself_hides_what_a_reader_may_not_see(database: Database) -> None:
    async with open_traces(database) as traces:
        with span("a", workflow="flow"):
            pass
        await traces.flush()
    counted = "select (select count(*) from traces_span) + (select count(*) from traces_source)"
    for acls, count in ((["traces:flow:read"], 2), (["traces:x:read"], 0), ([], 0)):
        async with as_reader(database, acls) as tx:
            assert await tx.fetch_value(counted) == count


async def test_filters_hold_together(database: Database) -> None:
    async with open_traces(database) as traces:
        for number in range(3):
            with span("chat", workflow="w", attributes={"gen_ai.request.model": f"m{number}", "n": number}):
                pass
        with pytest.raises(ValueError, match="x"), span("chat"):
            raise ValueError("x")
        await traces.flush()

        async def count(**wanted: object) -> int:
            return len(await traces.find(READER, SpanFilter(**wanted)))  # type: ignore[arg-type]

        now = datetime.now(UTC)
        assert await count(name="chat") == 4
        assert await count(errors=True) == 1
        assert await count(attributes={"gen_ai.request.model": "m1"}) == 1
        assert await count(attributes={"gen_ai.request.model": "m1", "n": "2"}) == 0
        assert await count(attributes={"n": "2"}, workflow="w") == 1
        assert await count(after=now - timedelta(minutes=5), before=now + timedelta(minutes=5)) == 4
        assert await count(before=now - timedelta(minutes=5)) == 0
        for wrong in ({"limit": 0}, {"limit": 1001}, {"trace": "x' or 1=1"}):
            with pytest.raises(UsageError, match="cannot be looked for"):
                await count(**wrong)


async def test_what_is_old_is_forgotten_by_workflow(database: Database) -> None:
    keep = {"short": 1, "long": 100, "from.bot": 0}
    async with open_traces(database, keep=keep) as traces:
        for flow in ("short", "long", "other"):
            with span(flow, workflow=flow):
                pass
        await traces.flush()
        body = (
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"'
            + b"ab" * 16
            + (b'","spanId":"0102030405060708","name":"theirs","startTimeUnixNano":"1"}]}]}]}')
        )
        writer = Principal(id="bot", rights=frozenset({"traces:write"}))
        assert (await traces.take(writer, body, "json")).size == 1
        with pytest.raises(DeniedError, match="traces:prune"):
            await traces.prune(Principal(id="x", rights=frozenset({"traces:short:read"})))
        # A retention of 0 days forgets at once.
        assert await traces.prune(OPERATOR) == 1
        async with database.transaction() as tx:
            await tx.execute("update traces_span set stored = stored - interval '50 days'")
        assert await traces.prune(OPERATOR) == 2
        assert [one.name for one in await traces.find(READER)] == ["long"]
        async with database.transaction() as tx:
            assert await tx.fetch_value("select count(*) from traces_source") == 1
        # What is forgotten may come again: its source is noted anew.
        with span("short", workflow="short"):
            pass
        await traces.flush()
        assert len(await traces.find(READER)) == 2
        with pytest.raises(UsageError, match="no retention"):
            await traces.prune(OPERATOR, days=-1)
        assert await traces.prune(OPERATOR, days=0) == 2


class Slow:
    """A database that takes its time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[object]:
        await asyncio.sleep(0.3)
        async with self._database.transaction() as tx:
            yield tx


async def test_a_flush_that_is_stopped_halfway_still_ends(database: Database) -> None:
    slow = Slow(database)
    async with open_traces(slow, settings=TracesSettings(every=0.001)):  # type: ignore[arg-type]
        with span("s"):
            pass
        # The background has begun to store it, and is stopped in the middle.
        await asyncio.sleep(0.1)
    assert await database.fetch_value("select count(*) from traces_span") == 1


class Away:
    """A database that does not answer for a while."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.away = False

    def transaction(self) -> object:
        if self.away:
            raise UnavailableError("the database is away")
        return self._database.transaction()


async def test_own_spans_wait_for_a_database_that_is_away(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    away = Away(database)
    settings = TracesSettings(every=3600, buffer=100)
    traces = Traces(away, settings=settings)  # type: ignore[arg-type]
    with caplog.at_level(logging.CRITICAL):
        async with traces.gathering():
            away.away = True
            for number in range(150):
                with span(f"s{number}"):
                    pass
            with pytest.raises(UnavailableError):
                await traces.flush()
            away.away = False
            # The newest hundred: what did not fit was dropped, oldest first.
            assert await traces.flush() == 100
    found = await Traces(database).find(READER, SpanFilter(limit=1000))
    assert {one.name for one in found} == {f"s{number}" for number in range(50, 150)}


async def test_many_who_store_share_transactions_and_one_bad_batch_hurts_nobody(database: Database) -> None:
    writer = Principal(id="bot", rights=frozenset({"traces:write"}))

    def body(id: int) -> bytes:
        span = f'{{"traceId":"{"ab" * 16}","spanId":"{id:016x}","name":"s","startTimeUnixNano":"1"}}'
        return f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}'.encode()

    traces = Traces(database, settings=TracesSettings(requests=1000))
    # Every tenth was sent before.
    ids = [1 + number // 2 if number % 10 == 0 else 1000 + number for number in range(200)]
    await asyncio.gather(*(traces.take(writer, body(id), "json") for id in ids))
    await asyncio.gather(*(traces.take(writer, body(id), "json") for id in ids[:50]))
    assert len(await traces.find(READER, SpanFilter(limit=1000))) == len(set(ids))
