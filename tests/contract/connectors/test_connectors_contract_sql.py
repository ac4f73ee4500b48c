"""SQL keeps the contract of sources on real SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import anyio.to_thread
import pytest
import sqlalchemy as sa

from pilothouse.connectors.adapters.sql import SqlSource, connect
from pilothouse.connectors.testing import (
    ConnectorSuite,
    Subject,
    WriterSuite,
    WriteSubject,
    source_context,
)

NAME = "Offene Posten"
STATEMENT = "INSERT INTO releases (box, effect) VALUES (:box, :effect_id)"
TOOLS = {"release": {"statement": STATEMENT, "idempotency": "effect"}}


def fill(url: str) -> None:
    """A table with a space, mixed case, leading zeros, money, a date and a time."""
    engine = sa.create_engine(
        url.replace("postgresql:", "postgresql+psycopg:").replace("mariadb:", "mariadb+pymysql:")
    )
    posts = sa.Table(
        NAME,
        sa.MetaData(),
        sa.Column("Beleg Nr", sa.String(12), primary_key=True),
        sa.Column("kundeNr", sa.String(12)),
        sa.Column("BETRAG", sa.Numeric(12, 2)),
        sa.Column("Anzahl %", sa.Integer),
        sa.Column("buchung", sa.DateTime),
        sa.Column("bezahlt", sa.Boolean),
    )
    sa.Table("releases", posts.metadata, sa.Column("box", sa.String(20)), sa.Column("effect", sa.String(80)))
    posts.metadata.create_all(engine)
    rows = [
        {
            "Beleg Nr": f"{n:06d}",
            "kundeNr": f"00{n % 3}",
            "BETRAG": n * 1.25,
            "Anzahl %": n,
            "buchung": sa.func.current_timestamp(),
            "bezahlt": n % 2 == 0,
        }
        for n in range(12)
    ]
    with engine.begin() as connection:
        for row in rows:
            connection.execute(posts.insert().values(row))
    engine.dispose()


def opened(url: str, base: Path) -> SqlSource:
    return connect(source_context("sql", {"url": url, "tools": TOOLS}, base=base))


async def counting(url: str) -> int:
    def count() -> int:
        engine = sa.create_engine(
            url.replace("postgresql:", "postgresql+psycopg:").replace("mariadb:", "mariadb+pymysql:")
        )
        with engine.connect() as connection:
            found = connection.execute(sa.text("SELECT count(*) FROM releases")).scalar_one()
        engine.dispose()
        return found

    return await anyio.to_thread.run_sync(count)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    path = tmp_path / "posten.sqlite"
    sqlite3.connect(path).close()
    return f"sqlite:///{path}"


@pytest.fixture
def mariadb_database(mariadb_url: str) -> str:
    name = f"t_{uuid4().hex[:12]}"
    engine = sa.create_engine(mariadb_url.replace("mariadb:", "mariadb+pymysql:"))
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    engine.dispose()
    return f"{mariadb_url}{name}"


@pytest.fixture(
    params=["sqlite_url", "empty_database_url", "mariadb_database"], ids=["sqlite", "postgres", "mariadb"]
)
def filled_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    fill(url)
    return url


@pytest.fixture
async def source(filled_url: str, tmp_path: Path) -> AsyncIterator[SqlSource]:
    source = opened(filled_url, tmp_path)
    yield source
    await source.close()


class TestSqlConnector(ConnectorSuite):
    @pytest.fixture
    def subject(self, source: SqlSource) -> Subject:
        return Subject(connector=source, object=NAME)


class TestSqlWriter(WriterSuite):
    @pytest.fixture
    def writing(self, source: SqlSource, filled_url: str) -> WriteSubject:
        return WriteSubject(
            writer=source, tool="release", args={"box": "MSKU1234565"}, effects=lambda: counting(filled_url)
        )


class TestSqliteGone(ConnectorSuite):
    @pytest.fixture
    async def subject(self, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Subject]:
        fill(sqlite_url)
        source = opened(sqlite_url, tmp_path)

        async def take_away() -> None:
            await source.close()
            Path(sqlite_url.removeprefix("sqlite:///")).unlink()

        yield Subject(connector=source, object=NAME, take_away=take_away)
        await source.close()
