"""SQL of an asker against servers with settings, schemas and names of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio.to_thread
import pytest
import sqlalchemy as sa

from pilothouse.connectors import Query, SourceLimitError, Sources, SourceUnavailableError, SourceUsageError
from pilothouse.kernel import DeniedError, Principal
from pilothouse.labels import typed

WHO = Principal(id="amira", rights=frozenset({"sources:db:*"}), groups=frozenset({"hh", "1-a"}))
WORDS = typed("amira", "run")


async def run_sql(driver: str, *statements: str) -> None:
    def work() -> None:
        engine = sa.create_engine(driver, poolclass=sa.NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.execution_options(no_parameters=True).exec_driver_sql(statement)
        engine.dispose()

    await anyio.to_thread.run_sync(work)


def opened(url: str, base: Path, labels: dict[str, Any] | None = None, **more: Any) -> Sources:
    declared: dict[str, Any] = {"kind": "sql", "url": url, "readers": [], "labels": labels or {}, **more}
    return Sources.from_config({"sources": {"db": declared}}, base=base)


async def asked(sources: Sources, text: str) -> Sequence[tuple[Any, ...]]:
    return [tuple(row.values.values()) for row in await sources.select(WHO, "db", text)]


async def refused(sources: Sources, text: str) -> None:
    with pytest.raises(DeniedError, match=r"policy\.sql"):
        await sources.select(WHO, "db", text)


async def test_mariadb_reads_quotes_and_backslashes_as_we_wrote_them_whatever_its_mode(
    mariadb_url: str, tmp_path: Path
) -> None:
    name = f"mode_{uuid4().hex[:8]}"
    driver = mariadb_url.replace("mariadb:", "mariadb+pymysql:")
    await run_sql(
        driver,
        f"CREATE DATABASE {name}",
        f"CREATE TABLE {name}.salary (pay int)",
        f"INSERT INTO {name}.salary VALUES (4711)",
        f"CREATE TABLE {name}.ship (id int primary key, name varchar(40), at timestamp, there datetime)",
        rf"INSERT INTO {name}.ship VALUES (1, 'back\\slash', '2026-01-05 07:00:00', '2026-01-05 07:00:00')",
        "SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT'",
        "SET GLOBAL time_zone = '+00:00'",
    )
    try:
        labels = {"salary": {"readers": ["group:hr"]}}
        async with opened(mariadb_url + name, tmp_path, labels, timezone="Europe/Berlin", pool=1) as sources:
            assert await asked(sources, r"select id from ship where name = 'back\\slash'") == [(1,)]
            evil = r"select name from ship where name = 'x\\' union select pay from salary -- '"
            assert await _nothing_of_salary(sources, evil)
            both = await asked(sources, "select there from ship")
            assert str(both[0][0]) == "2026-01-05 06:00:00+00:00"
            # The one connection still quotes as its server does.
            read = await sources.read(WHO, "db", Query("ship"))
            assert (read[0]["id"], read[0]["there"]) == (1, both[0][0])
            stamps = await sources.select(WHO, "db", "select at from ship")
            assert stamps[0]["at"] == read[0]["at"]
        async with opened(f"{mariadb_url}{name}?charset=latin1", tmp_path) as sources:
            with pytest.raises(SourceUsageError, match="utf8mb4"):
                await sources.select(WHO, "db", "select 1 as a")
    finally:
        await run_sql(driver, "SET GLOBAL sql_mode = DEFAULT", "SET GLOBAL time_zone = 'SYSTEM'")


async def _nothing_of_salary(sources: Sources, text: str) -> bool:
    try:
        return (4711,) not in await asked(sources, text)
    except DeniedError:
        return True


async def test_postgres_schemas_names_and_settings(empty_database_url: str, tmp_path: Path) -> None:
    driver = empty_database_url.replace("postgresql:", "postgresql+psycopg:")
    name = sa.make_url(driver).database
    await run_sql(
        driver,
        "CREATE SCHEMA hr",
        "CREATE TABLE staff (id int primary key, name text)",
        "INSERT INTO staff VALUES (1, 'public one')",
        "CREATE TABLE hr.staff (id int primary key, name text)",
        "INSERT INTO hr.staff VALUES (2, 'secret one')",
        "CREATE TABLE hr.pay (id int primary key, pay int)",
        'CREATE TABLE "Open Posts" (id int primary key, "Beleg: Nr %" uuid)',
        """INSERT INTO "Open Posts" VALUES (1, '6f9619ff-8b86-d011-b42d-00c04fc964ff')""",
        'CREATE TABLE "Twice" (id int)',
        "CREATE TABLE twice (id int)",
        'CREATE TABLE "a.b" (id int)',
        f'ALTER DATABASE "{name}" SET standard_conforming_strings = off',
        f'ALTER DATABASE "{name}" SET escape_string_warning = off',
    )
    labels = {"hr.staff": {"readers": ["group:hr"]}, "hr.pay": {"readers": ["group:hr"]}}
    async with opened(empty_database_url, tmp_path, labels) as sources:
        assert await asked(sources, "select name from staff") == [("public one",)]
        assert await asked(sources, "select name from public.staff") == [("public one",)]
        assert len(await asked(sources, 'select "Beleg: Nr %" from "Open Posts"')) == 1
        assert await asked(sources, r"select id from staff where name = '\' union select 2 --'") == [(2,)]
        for text in (
            "select * from hr.staff",
            "select * from pay",
            'select * from "a.b"',
            "select * from hr.pay",
        ):
            await refused(sources, text)
        # Two tables that differ in case are told apart by no text of ours; so neither is there.
        await refused(sources, "select * from twice")
        await refused(sources, 'select * from "Twice"')
    qualified = {"public.staff": {"fields": {"name": {"readers": ["group:hr"]}}}}
    async with opened(empty_database_url, tmp_path, qualified, schemas=["public", "hr"]) as sources:
        assert await asked(sources, "select name from staff") == [(None,)]
    async with opened(empty_database_url, tmp_path) as sources:
        assert await asked(sources, "select s.name from hr.staff s") == [("secret one",)]
        assert await asked(sources, "select pay.id from pay") == []


async def test_acl_ids_of_rows_come_of_several_fields_and_are_bounded(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "yard.sqlite") as link:
        link.execute("CREATE TABLE slots (id integer, lane text, name text)")
        link.execute(
            "INSERT INTO slots VALUES (1, 'a', 'mine'), (1, 'b', 'his'), (1.5, 'a', 'odd'), (NULL, 'a', '')"
        )
        link.execute("CREATE TABLE many (id integer)")
        link.executemany("INSERT INTO many VALUES (?)", [(number,) for number in range(501)])
    link.close()
    labels = {"slots": {"row": "group:{id}-{lane}"}, "many": {"row": "group:{id}"}}
    async with opened("sqlite:///yard.sqlite", tmp_path, labels) as sources:
        rows = await sources.select(WHO, "db", "select name from slots", label=WORDS)
        assert [row["name"] for row in rows] == ["mine"]
        assert rows[0].readers == {"group:1-a"}
        with pytest.raises(SourceLimitError, match="more than 500 ACL ids"):
            await asked(sources, "select * from many")


async def test_a_source_for_its_caller_alone_and_one_that_is_down(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "yard.sqlite") as link:
        link.execute("CREATE TABLE t (id integer)")
        link.execute("INSERT INTO t VALUES (1)")
    link.close()
    own = Sources.from_config(
        {"sources": {"db": {"kind": "sql", "url": "sqlite:///yard.sqlite"}}}, base=tmp_path
    )
    async with own:
        assert (await own.select(WHO, "db", "select id from t"))[0].readers == {"user:amira"}
    async with opened("postgresql://nobody@127.0.0.1:1/none", tmp_path) as sources:
        with pytest.raises(SourceUnavailableError):
            await asked(sources, "select 1 as a")
