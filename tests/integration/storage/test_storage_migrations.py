"""Stories of the schema: it grows to its head, goes back to nothing, once, whoever asks."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from pilothouse.kernel import UnavailableError, UsageError
from pilothouse.storage import (
    Database,
    StorageSettings,
    migrate,
    open_database,
    revert_migrations,
    run_migrations,
    schema_version,
)

OURS = """
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'v', 'm', 'S', 'p')
  and not exists (select 1 from pg_depend d where d.objid = c.oid and d.deptype = 'e')
order by 1
"""


def _tables(url: str) -> list[str]:
    with psycopg.connect(url) as link:
        return [row[0] for row in link.execute(OURS.encode()).fetchall()]


def test_an_empty_database_grows_to_the_head_and_back_to_nothing(empty_database_url: str) -> None:
    assert schema_version(empty_database_url) is None
    assert run_migrations(empty_database_url) is True
    first = _tables(empty_database_url)
    assert "storage_feed" in first
    assert schema_version(empty_database_url) == migrate.head()
    assert run_migrations(empty_database_url) is False, "nothing left to do"
    revert_migrations(empty_database_url)
    assert _tables(empty_database_url) == ["storage_version"]
    assert run_migrations(empty_database_url) is True, "and it grows again"
    assert _tables(empty_database_url) == first


def test_functions_and_types_go_back_too(empty_database_url: str) -> None:
    """What a downgrade forgets would make the next upgrade fail, or lie about."""
    left = """
    select proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'public'
      and not exists (select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    """
    run_migrations(empty_database_url)
    revert_migrations(empty_database_url)
    with psycopg.connect(empty_database_url) as link:
        assert link.execute(left.encode()).fetchall() == []


def test_the_head_read_from_file_names_is_alembics_head() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.head()]


def test_every_table_carries_the_name_of_its_part(database_url: str) -> None:
    parts = (
        "storage_", "engine_", "audit_", "decisions_", "effects_", "ladder_", "registry_", "models_",
        "traces_", "agents_", "documents_",
    )  # fmt: skip
    assert [name for name in _tables(database_url) if not name.startswith(parts)] == []


def test_many_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        done = list(threads.map(run_migrations, [empty_database_url] * 6))
    assert sorted(done) == [False] * 5 + [True]


def test_a_schema_of_a_newer_program_is_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url) as link:
        link.execute("update storage_version set version_num = '9999'")
    with pytest.raises(UsageError, match="start the newer program"):
        run_migrations(database_url)


def test_a_server_without_an_extension_says_which(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "EXTENSIONS", ("vector", "telepathy"))
    with pytest.raises(UsageError, match="lacks the extension 'telepathy'"):
        run_migrations(empty_database_url)
    assert _tables(empty_database_url) == [], "nothing half done"


def test_a_migration_that_hangs_elsewhere_is_reported(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_LOCK_LIMIT", "200ms")
    with psycopg.connect(empty_database_url) as busy:
        busy.execute("select pg_advisory_xact_lock(%s)", [migrate._LOCK])
        with pytest.raises(UnavailableError, match="another process has been migrating"):
            run_migrations(empty_database_url)


async def test_opening_migrates_and_may_be_told_not_to(empty_database_url: str) -> None:
    async with open_database(StorageSettings(database_url=empty_database_url, migrate=False)):
        assert schema_version(empty_database_url) is None
    async with open_database(StorageSettings(database_url=empty_database_url)):
        assert schema_version(empty_database_url) == migrate.head()


def test_a_migrated_database_is_opened_without_alembic(database_url: str) -> None:
    story = (
        "import asyncio, sys; from pilothouse.storage import *\n"
        "async def main():\n"
        "    async with open_database(StorageSettings()): pass\n"
        "asyncio.run(main()); print('alembic' in sys.modules, 'sqlalchemy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", story],
        env={"PILOTHOUSE_DATABASE_URL": database_url, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "False"]


async def test_the_extensions_work(database: Database) -> None:
    assert await database.fetch_value("select '[1,2]'::vector <-> '[1,3]'::vector") == 1
    assert await database.fetch_value("select similarity('hapag', 'hapag lloyd') > 0.3") is True
    assert await database.fetch_value("select count(*) from pg_extension where extname = 'btree_gist'") == 1
