"""A log with its key and second device, and the hands of somebody who owns the tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from pilothouse.audit import Attached, AuditEntry, append, chain, open_audit
from pilothouse.storage import Database

Write = Callable[..., Awaitable[list[AuditEntry]]]
Tamper = Callable[..., Awaitable[None]]
TABLES = ("audit_entry", "audit_leaf", "audit_node", "audit_head")


@pytest.fixture
async def audit(database: Database, tmp_path: Path) -> AsyncIterator[Attached]:
    """The log of ``database`` opened with a key and a file as second device."""
    async with open_audit(database, data_dir=tmp_path / "data", work=False) as opened:
        yield opened


@pytest.fixture
def write(database: Database) -> Write:
    """Append entries one by one and give them their places."""

    async def written(count: int, *, placed: bool = True, **fields: object) -> list[AuditEntry]:
        made = [
            AuditEntry(kind="test.done", actor="clerk.amira", body={"n": n}, **fields)  # type: ignore[arg-type]
            for n in range(count)
        ]
        for entry in made:
            async with database.transaction() as tx:
                await append(tx, entry)
        while placed and await chain(database, wait=True):
            pass
        return made

    return written


@pytest.fixture
def tamper(database: Database) -> Tamper:
    """Do what only the owner of the tables can do, who takes the guards away first."""

    async def done(*statements: str) -> None:
        async with database.transaction() as tx:
            await tx.execute("alter table audit_leaf drop constraint if exists audit_leaf_entry_fkey")
            for table in TABLES:
                await tx.execute(f"alter table {table} disable trigger user")  # type: ignore[arg-type]
            for statement in statements:
                await tx.execute(statement)  # type: ignore[arg-type]

    return done
