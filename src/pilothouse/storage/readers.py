"""Owns reads on behalf of somebody: a transaction in which row security hides what his ACL ids do not cover.

The queries filter first; this is the second wall, for the query that forgets. Revision 0012 makes it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from pilothouse.storage.database import Database, Tx

__all__ = ["as_reader"]

_ENTER = """
select
    set_config('transaction_read_only', 'on', true),
    set_config('pilothouse.acls', %(acls)s::text[]::text, true),
    set_config('role', case
        when exists (select from pg_roles
            where rolname = 'pilothouse_reader' and pg_has_role(session_user, oid, 'MEMBER'))
        then 'pilothouse_reader' else 'none' end, true)
"""
_ESCAPES = "select rolsuper or rolbypassrls as escapes from pg_roles where rolname = current_user"


@asynccontextmanager
async def as_reader(database: Database, acls: Iterable[str]) -> AsyncGenerator[Tx]:
    """Open a read-only transaction that sees rows whose every ACL id is among ``acls``.

    Args:
        database: The open database.
        acls: What the principal satisfies today, resolved once; none means public rows only.

    Raises:
        UsageError: ``storage.reader``: the account of the database bypasses row security.
    """
    async with database.transaction() as tx:
        await tx.fetch_one(_ENTER, {"acls": sorted(set(acls))})
        if await tx.fetch_value(_ESCAPES):
            raise UsageError(
                "the account of the database bypasses row security and role 'pilothouse_reader' is missing; "
                "run `create role pilothouse_reader nologin` and grant it to the account, then migrate",
                code="storage.reader",
            )
        yield tx
