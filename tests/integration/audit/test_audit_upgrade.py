"""A log that was a chain becomes a tree: nothing is lost, everything gets a place."""

from __future__ import annotations

import psycopg
import sqlalchemy
from alembic import command

from pilothouse.audit import AuditEntry, chain, entries, verify
from pilothouse.kernel import new_id
from pilothouse.storage import StorageSettings, migrate, open_database


def _migrate_to(url: str, revision: str) -> None:
    address = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
    with engine.connect() as link, link.begin():
        config = migrate._config(link)  # pyright: ignore[reportPrivateUsage]
        has_table = link.exec_driver_sql("select to_regclass('storage_version') is not null").scalar()
        now = link.exec_driver_sql("select version_num from storage_version").scalar() if has_table else ""
        step = command.downgrade if str(now) > revision else command.upgrade
        step(config, revision)
    engine.dispose()


async def test_what_was_chained_gets_its_place_in_the_tree_and_the_way_back_works(
    empty_database_url: str,
) -> None:
    _migrate_to(empty_database_url, "0005")
    ids = [new_id() for _ in range(3)]
    with psycopg.connect(empty_database_url, autocommit=True) as link:
        for position, id in enumerate(ids, 1):
            link.execute(
                b"insert into audit_entry (id, kind, actor, run, body) values (%s, 'test.done', 'a', 'r', "
                b"jsonb_build_object('n', %s::int))",
                [id, position],
            )
            link.execute(
                b"insert into audit_link values (%s, %s, repeat('0', 64), repeat('0', 64))", [position, id]
            )
    made = [
        AuditEntry(id=id, kind="test.done", actor="a", run="r", body={"n": n}) for n, id in enumerate(ids, 1)
    ]
    for _ in range(2):
        async with open_database(StorageSettings(database_url=empty_database_url)) as database:
            assert await chain(database) == 3
            assert [item.entry for item in await entries(database, run="r")] == made
            assert (await verify(database)).entries == 3
        _migrate_to(empty_database_url, "0005")
