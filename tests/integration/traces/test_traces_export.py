"""Own spans on their way out: only where the operator says, only names and counts, each at least once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pilothouse.api.testing import PROJECT, Served, make_key, served_project
from pilothouse.audit import entries
from pilothouse.kernel import Principal, UsageError
from pilothouse.storage import Database
from pilothouse.telemetry import span
from pilothouse.traces import SpanFilter, open_traces
from pilothouse.traces.adapters.collector import Collector, CollectorExport

READER = Principal(id="olga", rights=frozenset({"traces:*"}))


@pytest.fixture
async def collector(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Served]:
    """Another Pilothouse plays the collector; it is one."""
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", database_url)
    async with served_project(tmp_path) as running:
        yield running


@contextlib.asynccontextmanager
async def closing(export: CollectorExport) -> AsyncIterator[CollectorExport]:
    yield export
    await export.close()


async def test_own_spans_reach_a_collector_without_words(
    collector: Served, empty_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    from pilothouse.storage import StorageSettings, open_database

    key = await make_key(collector.studio, "pilothouse.yard", ["traces:write"])
    where = Collector(url=f"{collector.url}/v1/traces", headers={"Authorization": f"Bearer {key}"})
    assert key not in repr(where)
    async with (
        open_database(StorageSettings(database_url=empty_database_url)) as database,
        open_traces(database) as traces,
        closing(CollectorExport(database, where, lag=0, every=0)) as export,
    ):
        with span("before anybody asked"):
            pass
        await traces.flush()
        await asyncio.sleep(0.01)
        assert await export.sweep() == 0
        for number in range(600):
            with span("chat", attributes={"gen_ai.request.model": "m", "customer": f"ACME {number}"}):
                pass
        await traces.flush()
        assert await export.sweep() == 600
        assert await export.sweep() == 0
        found = await collector.studio.traces.find(READER, SpanFilter(account="pilothouse.yard", limit=1000))
        assert len(found) == 600
        assert {tuple(one.attributes) for one in found} == {("gen_ai.request.model",)}

        # Who is not there now is asked again; who refuses for good does not hold up the rest.
        with span("late"):
            pass
        await traces.flush()
        with caplog.at_level(logging.CRITICAL):
            refused = CollectorExport(database, Collector(url=f"{collector.url}/v1/traces"), lag=0, every=0)
            assert await refused.sweep() == 1
            await refused.close()


async def test_who_is_away_gets_them_later(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    async with open_traces(database) as traces:
        export = CollectorExport(database, Collector(url="http://127.0.0.1:9/v1/traces"), lag=0, every=0)
        assert await export.sweep() == 0
        with span("kept"):
            pass
        await traces.flush()
        with caplog.at_level(logging.CRITICAL):
            assert await export.sweep() == 0
        await export.close()


@pytest.mark.parametrize(
    "url", ["http://collector.example/v1/traces", "https://u:p@x.example", "ftp://x", ""]
)
def test_only_a_safe_address_is_taken(url: str) -> None:
    with pytest.raises(UsageError, match="spans cannot go to"):
        Collector(url=url)


async def test_the_project_file_names_the_collector_and_the_log_says_so(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", database_url)
    monkeypatch.setenv("COLLECTOR", "Bearer x")
    file = PROJECT + (
        '\n[traces.export]\nurl = "https://collector.example/v1/traces"\n'
        'headers = { Authorization = "secret://env/COLLECTOR" }\n'
    )
    async with served_project(tmp_path, file=file, work=True) as running:
        async with running.studio.database.transaction() as tx:
            rows = await tx.fetch_all("select body from audit_entry where kind = 'traces.exporting'")
        assert [row["body"] for row in rows] == [{"host": "collector.example"}]
        assert await entries(running.studio.database, run="none") == ()


async def test_a_secret_in_the_clear_is_refused(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", database_url)
    tables = '\n[traces.export]\nurl = "https://c.example"\nheaders = { Authorization = "Bearer x" }\n'
    with pytest.raises(UsageError, match="secret"):
        async with served_project(tmp_path, file=PROJECT + tables, work=True):
            pass
