"""Stories of foreign databases: what people store there, and what goes wrong with them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import anyio
import anyio.to_thread
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from pilothouse.connectors import (
    OutcomeUnknownError,
    Query,
    SourceConflictError,
    SourceDataError,
    SourceDeniedError,
    SourceLimitError,
    SourceUnavailableError,
    SourceUsageError,
)
from pilothouse.connectors.adapters.sql import SqlSource, connect
from pilothouse.connectors.testing import source_context
from pilothouse.kernel import encode

Open = Callable[..., SqlSource]


@pytest.fixture
async def open_source(tmp_path: Path) -> AsyncIterator[Open]:
    opened: list[SqlSource] = []

    def open_it(url: str, *, timeout: float = 5.0, timezone: Any = None, **options: Any) -> SqlSource:
        context = source_context(
            "sql", {"url": url, **options}, base=tmp_path, timeout=timeout, timezone=timezone
        )
        opened.append(connect(context))
        return opened[-1]

    yield open_it
    for source in opened:
        await source.close()


async def run_sql(url: str, *statements: str) -> None:
    def work() -> None:
        driver = url.replace("postgresql:", "postgresql+psycopg:").replace("mariadb:", "mariadb+pymysql:")
        engine = sa.create_engine(driver, poolclass=sa.NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    await anyio.to_thread.run_sync(work)


@pytest.fixture
def postgres(empty_database_url: str) -> str:
    return empty_database_url


@pytest.fixture
async def mariadb(mariadb_url: str) -> str:
    name = f"t_{uuid4().hex[:12]}"
    await run_sql(mariadb_url, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    return f"{mariadb_url}{name}"


async def test_odd_names_and_a_value_that_is_an_attack_are_only_data(
    postgres: str, open_source: Open
) -> None:
    await run_sql(
        postgres,
        'CREATE SCHEMA "Terminal A"',
        'CREATE TABLE "Terminal A"."Stück, (a:b) 100%%" ("Key ""x""" text PRIMARY KEY, "select" int)',
        """INSERT INTO "Terminal A"."Stück, (a:b) 100%%" VALUES ('x''; DROP TABLE t; --', 1)""",
    )
    source = open_source(postgres)
    query = Query(
        "Terminal A.Stück, (a:b) 100%",
        where={'Key "x"': ["x'; DROP TABLE t; --", "y"], "select": ["1"]},
        order_by=("-select",),
    )
    rows = await source.read(query)
    assert [row["select"] for row in rows] == [1]


async def test_postgres_types_arrive_as_wire_types(postgres: str, open_source: Open) -> None:
    await run_sql(
        postgres,
        "CREATE TYPE state AS ENUM ('held', 'free')",
        "CREATE DOMAIN bl AS text",
        """CREATE TABLE t (id uuid PRIMARY KEY, state state, bl bl, codes text[], doc jsonb, at timestamptz,
           local timestamp, day date, sum numeric, nan numeric, raw bytea, net inet, span interval, ok bool,
           clock time, reach int4range)""",
        """INSERT INTO t VALUES ('6f9619ff-8b86-d011-b42d-00c04fc964ff', 'held', 'BL1', '{a,b}',
           '{"a": [1.5]}',
           '2026-01-05 07:00+01', '2026-01-05 07:00', '2026-01-05', 12.50, 'NaN', '\\x00ff', '10.0.0.1',
           '90 minutes', true, '07:30', '[1,5)')""",
    )
    source = open_source(postgres)
    where = {
        "id": "6f9619ff-8b86-d011-b42d-00c04fc964ff", "state": ["held", "no such state"], "ok": "true",
        "at": "2026-01-05T06:00:00+00:00", "local": "2026-01-05T07:00:00", "sum": "12.5",
        "net": "10.0.0.1/32",
    }  # fmt: skip
    [row] = await source.read(Query("t", where=where))
    assert row.values == {
        "id": UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff"), "state": "held", "bl": "BL1", "codes": ["a", "b"],
        "doc": {"a": [1.5]}, "at": datetime(2026, 1, 5, 6, tzinfo=UTC), "local": "2026-01-05T07:00:00",
        "day": date(2026, 1, 5), "sum": Decimal("12.50"), "nan": "NaN", "raw": b"\x00\xff", "net": "10.0.0.1",
        "span": "1:30:00", "ok": True, "clock": "07:30:00", "reach": row["reach"],
    }  # fmt: skip
    assert isinstance(row["reach"], str)
    encode(row)


async def test_a_key_that_cannot_be_in_the_column_is_not_there(postgres: str, open_source: Open) -> None:
    await run_sql(postgres, "CREATE TABLE t (id int PRIMARY KEY, u uuid)", "INSERT INTO t VALUES (7, NULL)")
    source = open_source(postgres)
    assert [row["id"] for row in await source.read(Query("t", where={"id": ["x", "7", "1.5"]}))] == [7]
    assert await source.read(Query("t", where={"u": ["no uuid"]})) == []
    assert len(await source.read(Query("t", where={"u": [None]}))) == 1


async def test_a_row_changes_its_version_when_it_changes(
    postgres: str, mariadb: str, open_source: Open
) -> None:
    for url in (postgres, mariadb):
        await run_sql(
            url,
            "CREATE TABLE t (id int PRIMARY KEY, state varchar(9))",
            "INSERT INTO t VALUES (1, 'a'), (2, 'a')",
        )
        source = open_source(url)
        before = {row["id"]: row.version for row in await source.read(Query("t"))}
        await run_sql(url, "UPDATE t SET state = 'b' WHERE id = 1")
        after = {row["id"]: row.version for row in await source.read(Query("t", fields=("id",)))}
        assert before[1] != after[1]
        assert before[2] == after[2]


async def test_local_times_of_mariadb_get_the_zone_of_the_source(mariadb: str, open_source: Open) -> None:
    await run_sql(
        mariadb,
        "CREATE TABLE t (id int PRIMARY KEY, paid datetime, stamp timestamp NULL, took time, f int)",
        "SET time_zone = '+00:00'",
        "INSERT INTO t VALUES (1, '2026-01-05 07:00:00', '2026-01-05 06:00:00', '26:30:00', 1)",
    )
    [row] = await open_source(mariadb, timezone=ZoneInfo("Europe/Amsterdam")).read(Query("t"))
    assert row["paid"] == row["stamp"] == datetime(2026, 1, 5, 6, tzinfo=UTC)
    [bare] = await open_source(mariadb).read(Query("t", where={"paid": "2026-01-05T07:00:00"}))
    assert (bare["paid"], bare["stamp"]) == ("2026-01-05T07:00:00", row["stamp"])
    encode(bare)


async def test_five_hundred_keys_are_one_statement(postgres: str, open_source: Open) -> None:
    await run_sql(
        postgres,
        "CREATE TABLE t (bl text PRIMARY KEY)",
        "INSERT INTO t SELECT 'BL' || n FROM generate_series(1, 900) n",
    )
    source = open_source(postgres)
    await source.read(Query("t", limit=1))
    statements: list[str] = []
    engine = source._engine  # pyright: ignore[reportPrivateUsage] - counting statements is the point
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    rows = await source.read(Query("t", where={"bl": [f"BL{n}" for n in range(1, 501)]}))
    assert len(rows) == 500
    assert len([text for text in statements if "FROM" in text]) == 1
    assert "BL1" not in statements[-1]


async def test_reading_cannot_write(postgres: str, mariadb: str, open_source: Open, tmp_path: Path) -> None:
    lite = f"sqlite:///{tmp_path}/x.sqlite"
    for url in (postgres, mariadb, lite):
        await run_sql(url, "CREATE TABLE t (id int PRIMARY KEY)")
        source = open_source(url)
        await source.read(Query("t"))
        work = source._in_transaction  # pyright: ignore[reportPrivateUsage] - the session itself is tested
        with pytest.raises(
            (SourceDataError, SourceUnavailableError, SourceDeniedError), match=r"(?i)read.?only|query_only"
        ):
            await anyio.to_thread.run_sync(
                work, lambda link: link.exec_driver_sql("INSERT INTO t VALUES (1)")
            )


async def test_a_slow_view_ends_in_time(postgres: str, open_source: Open, tmp_path: Path) -> None:
    lite = f"sqlite:///{tmp_path}/x.sqlite"
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n"
    await run_sql(postgres, "CREATE VIEW slow AS SELECT 1 AS n FROM (SELECT pg_sleep(30)) s")
    await run_sql(lite, f"CREATE VIEW slow AS {endless}")
    for url in (postgres, lite):
        start = time.monotonic()
        with pytest.raises(SourceUnavailableError, match=r"slow|no answer") as caught:
            await open_source(url, timeout=0.4).read(Query("slow"))
        assert caught.value.code == "sources.timeout"
        assert time.monotonic() - start < 5


async def test_a_slow_mariadb_query_ends_in_time(mariadb: str, open_source: Open) -> None:
    numbers = " UNION ALL ".join(["SELECT 1"] * 30)
    crossed = ", ".join(f"({numbers}) t{n}" for n in range(8))
    await run_sql(mariadb, f"CREATE VIEW slow AS SELECT count(*) AS n FROM {crossed}")
    with pytest.raises(SourceUnavailableError, match=r"slow|no answer") as caught:
        await open_source(mariadb, timeout=0.5).read(Query("slow"))
    assert caught.value.code == "sources.timeout"


async def test_a_column_that_appears_is_found_and_one_that_goes_is_named(
    postgres: str, open_source: Open
) -> None:
    await run_sql(postgres, "CREATE TABLE t (id int PRIMARY KEY, seal text)", "INSERT INTO t VALUES (1, 'S')")
    source = open_source(postgres)
    assert (await source.read(Query("t")))[0]["seal"] == "S"
    await run_sql(postgres, "ALTER TABLE t RENAME COLUMN seal TO seal_no")
    assert (await source.read(Query("t")))[0]["seal_no"] == "S"
    with pytest.raises(SourceDataError, match="did you mean 'seal_no'"):
        await source.read(Query("t", where={"seal": "S"}))
    await run_sql(postgres, "CREATE TABLE late (id int PRIMARY KEY)")
    assert await source.read(Query("late")) == []
    await run_sql(postgres, "DROP TABLE t")
    with pytest.raises(SourceDataError, match="'tested'"):
        await source.read(Query("t"))


async def test_a_database_that_is_down_refuses_or_hangs_up_is_a_typed_error(
    postgres: str, mariadb: str, open_source: Open
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for scheme in ("postgresql", "mariadb"):
            with pytest.raises(SourceUnavailableError, match="'tested'"):
                await open_source(f"{scheme}://nobody@127.0.0.1:{port}/x", timeout=1).read(Query("t"))
    await run_sql(mariadb, "CREATE OR REPLACE USER clerk@'127.0.0.1' IDENTIFIED BY 'right'")
    wrong = mariadb.replace("root@", "clerk:wrong@")
    with pytest.raises(SourceDeniedError, match="refused us") as denied:
        await open_source(wrong).read(Query("t"))
    assert "wrong" not in str(denied.value)
    database = urlsplit(postgres).path.removeprefix("/")
    with pytest.raises(SourceUnavailableError, match="does not exist"):
        await open_source(postgres.replace(database, "no_such_database")).read(Query("t"))


async def test_a_server_that_accepts_and_says_nothing_is_slow(open_source: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        accepted: list[socket.socket] = []
        thread = threading.Thread(target=lambda: accepted.append(server.accept()[0]))
        thread.start()
        with pytest.raises(SourceUnavailableError, match="'tested'"):
            await open_source(f"postgresql://x@127.0.0.1:{port}/x", timeout=1).read(Query("t"))
        thread.join(5)
        for link in accepted:
            link.close()


async def test_a_table_we_may_not_see_is_denied(postgres: str, open_source: Open) -> None:
    await run_sql(
        postgres, "CREATE TABLE secret (id int PRIMARY KEY)", "REVOKE ALL ON secret FROM CURRENT_USER"
    )
    with pytest.raises(SourceDeniedError, match="permission denied"):
        await open_source(postgres).read(Query("secret"))


async def test_files_that_are_no_database(tmp_path: Path, open_source: Open) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"this is a letter, not a database" * 40)
    with pytest.raises(SourceDataError, match="no readable database"):
        await open_source("sqlite:///broken.sqlite").read(Query("t"))
    with pytest.raises(SourceUnavailableError, match=r"gone\.sqlite"):
        await open_source("sqlite:///gone.sqlite").read(Query("t"))
    assert not (tmp_path / "gone.sqlite").exists()


async def test_sqlite_keeps_what_people_typed(tmp_path: Path, open_source: Open) -> None:
    url = f"sqlite:///{tmp_path}/x.sqlite"
    await run_sql(
        url,
        'CREATE TABLE "Customer Terms" ("Customer No" TEXT PRIMARY KEY, "Since" DATE, "Limit" DECIMAL, x)',
        """INSERT INTO "Customer Terms" VALUES ('00042', '05.01.2026', 'on request', 7)""",
        """INSERT INTO "Customer Terms" VALUES ('7', NULL, 12.5, '7')""",
        'CREATE VIEW terms AS SELECT "Customer No" AS no, x FROM "Customer Terms"',
    )
    source = open_source(url, objects={"terms": {"key": ["no"]}})
    [row] = await source.read(Query("Customer Terms", where={"Customer No": "00042"}))
    assert (row["Since"], row["Limit"], row.key) == ("05.01.2026", "on request", {"Customer No": "00042"})
    assert len(await source.read(Query("terms", where={"x": ["7"]}))) == 2
    assert [row.key for row in await source.read(Query("terms", where={"no": "7"}))] == [{"no": "7"}]
    assert [item.key for item in await source.objects()] == [("Customer No",), ("no",)]


async def test_too_many_rows_are_an_error_not_a_cut(postgres: str, open_source: Open) -> None:
    await run_sql(postgres, "CREATE TABLE t AS SELECT n FROM generate_series(1, 20) n")
    source = open_source(postgres, max_rows=10)
    with pytest.raises(SourceLimitError, match="more than 10"):
        await source.read(Query("t"))
    assert len(await source.read(Query("t", limit=10, order_by=("-n",)))) == 10


TOOLS = {
    "release": {
        "statement": "INSERT INTO releases (box, effect) VALUES (:box, :effect_id)",
        "idempotency": "effect",
    },
    "block": {
        "statement": "UPDATE boxes SET blocked = :blocked WHERE box = :box",
        "args": {"blocked": "boolean"},
    },
}


async def test_two_writers_with_one_effect_write_once(
    postgres: str, mariadb: str, open_source: Open, tmp_path: Path
) -> None:
    lite = f"sqlite:///{tmp_path}/x.sqlite"
    for url in (postgres, mariadb, lite):
        await run_sql(url, "CREATE TABLE releases (box varchar(20), effect varchar(80))")
        first, second = open_source(url, tools=TOOLS), open_source(url, tools=TOOLS)
        results: list[object] = []

        async def send(source: SqlSource, results: list[object] = results) -> None:
            results.append((await source.write("release", {"box": "X"}, effect_id="e-1"))["repeated"])

        async with anyio.create_task_group() as group:
            for source in (first, second, first, second):
                group.start_soon(send, source)
        assert sorted(map(str, results)) == ["False", "True", "True", "True"]
        assert len(await first.read(Query("releases"))) == 1


async def test_a_write_that_changes_nothing_is_a_conflict(postgres: str, open_source: Open) -> None:
    await run_sql(
        postgres,
        "CREATE TABLE boxes (box text PRIMARY KEY, blocked bool)",
        "INSERT INTO boxes VALUES ('A', false)",
    )
    source = open_source(postgres, tools=TOOLS)
    assert await source.write("block", {"box": "A", "blocked": True}, effect_id="e") == {
        "rows": 1,
        "repeated": False,
    }
    with pytest.raises(SourceConflictError, match="changed no row"):
        await source.write("block", {"box": "B", "blocked": True}, effect_id="e")
    for wrong in ({"box": "A"}, {"box": "A", "blocked": "yes"}, {"box": "A", "blocked": True, "x": 1}):
        with pytest.raises(SourceUsageError):
            await source.write("block", wrong, effect_id="e")
    assert (await source.read(Query("boxes")))[0]["blocked"] is True


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"url": "not a url"}, "no database URL"),
        ({"url": "oracle://x/y"}, "not supported"),
        ({"url": "sqlite://"}, "needs a file"),
        ({"url": "sqlite:///x", "poool": 3}, "poool"),
        (
            {
                "url": "sqlite:///x",
                "tools": {"a": {"statement": "INSERT INTO t VALUES (:x)", "idempotency": "e"}},
            },
            ":effect_id",
        ),
        (
            {
                "url": "sqlite:///x",
                "tools": {"a": {"statement": "DELETE FROM t WHERE e = :effect_id", "idempotency": "e"}},
            },
            "name the table",
        ),
        (
            {"url": "sqlite:///x", "tools": {"a": {"statement": "DELETE FROM t", "args": {"y": "string"}}}},
            "'y'",
        ),
    ],
)
async def test_a_wrong_declaration_says_what_is_wrong(
    open_source: Open, options: dict[str, Any], why: str
) -> None:
    url = options.pop("url")
    with pytest.raises(SourceUsageError, match=why):
        await open_source(url, **options).read(Query("t"))


async def test_a_server_that_hung_up_is_reached_again(postgres: str, mariadb: str, open_source: Open) -> None:
    cut = {
        postgres: "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        mariadb: "",
    }
    for url, statement in cut.items():
        await run_sql(url, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
        source = open_source(url)
        identify = "SELECT CONNECTION_ID()" if url == mariadb else "SELECT pg_backend_pid()"
        work = source._in_transaction  # pyright: ignore[reportPrivateUsage] - names the session to cut
        session = await anyio.to_thread.run_sync(
            work, lambda link, q=identify: link.exec_driver_sql(q).scalar()
        )
        await run_sql(url, statement or f"KILL {session}")
        assert len(await source.read(Query("t"))) == 1


async def test_hundreds_of_tables_are_described_within_the_time(
    postgres: str, mariadb: str, open_source: Open
) -> None:
    for url in (postgres, mariadb):
        tables = [f"CREATE TABLE t{n} (id int PRIMARY KEY, bl varchar(20) NOT NULL)" for n in range(120)]
        await run_sql(url, *tables)
        found = await open_source(url).objects()
        assert len(found) == 120
        assert all(schema.key == ("id",) and len(schema.fields) == 2 for schema in found)


async def test_a_connection_that_breaks_while_committing_leaves_the_outcome_unknown(
    postgres: str, open_source: Open
) -> None:
    await run_sql(
        postgres,
        "CREATE TABLE releases (box text, effect text)",
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON releases DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION die()",
    )
    source = open_source(postgres, tools=TOOLS)
    with pytest.raises(OutcomeUnknownError, match="probe before sending again"):
        await source.write("release", {"box": "A"}, effect_id="e-1")
    assert await source.read(Query("releases")) == []


async def test_a_row_that_is_there_already_is_a_conflict(
    postgres: str, mariadb: str, open_source: Open
) -> None:
    plain = {"add": {"statement": "INSERT INTO boxes (box) VALUES (:box)"}}
    for url in (postgres, mariadb):
        await run_sql(url, "CREATE TABLE boxes (box varchar(20) NOT NULL, UNIQUE (box))")
        source = open_source(url, tools=plain)
        await source.write("add", {"box": "A"}, effect_id="e-1")
        with pytest.raises(SourceConflictError, match="has this row already"):
            await source.write("add", {"box": "A"}, effect_id="e-2")
        assert [row.key for row in await source.read(Query("boxes"))] == [{"box": "A"}]
        with pytest.raises(SourceUsageError, match="did you mean 'add'"):
            await source.write("ad", {"box": "A"}, effect_id="e-3")


async def test_only_the_declared_schemas_are_shown(postgres: str, open_source: Open) -> None:
    await run_sql(
        postgres,
        *(f"CREATE SCHEMA {name}" for name in ("ect", "apmt")),
        *(f"CREATE TABLE {name}.yard (id int PRIMARY KEY)" for name in ("ect", "apmt", "public")),
        "COMMENT ON TABLE ect.yard IS 'Boxes in the yard'",
    )
    everything = await open_source(postgres).objects()
    assert [schema.name for schema in everything] == ["apmt.yard", "ect.yard", "yard"]
    some = await open_source(postgres, schemas=["ect", "public"]).objects()
    assert [schema.name for schema in some] == ["ect.yard", "public.yard", "yard"]
    assert some[0].documentation == "Boxes in the yard"
    with pytest.raises(SourceDataError, match="did you mean 'apmt'"):
        await open_source(postgres, schemas=["ampt"]).objects()
