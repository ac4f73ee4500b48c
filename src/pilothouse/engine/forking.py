"""Owns forks: a new run that shares the first entries of another, sealed from the world unless allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pilothouse.engine.journal import PostgresPayloads, Q, principal_text, run_of
from pilothouse.engine.registry import Catalog
from pilothouse.engine.running.values import dump
from pilothouse.engine.types import Run
from pilothouse.kernel import Principal, UsageError, new_id, require
from pilothouse.storage import Database, Row, Tx

__all__ = ["LIVE_FORK", "fork_run"]

LIVE_FORK = "engine:fork:live"


async def fork_run(
    database: Database,
    catalog: Catalog,
    run: UUID,
    *,
    principal: Principal,
    from_key: str | None,
    overrides: Mapping[str, Any],
    sealed: bool,
) -> Run:
    """Copy the entries before ``from_key`` into a new run and make it ready.

    Args:
        database: Where the run is.
        catalog: Must offer its workflow.
        run: The original.
        principal: Who forks; a live fork needs the right ``engine:fork:live``.
        from_key: First key that is run again; None copies everything that is recorded.
        overrides: Other outputs for copied keys.
        sealed: Effects and answers come from the recording; what was never recorded stops the run.

    Raises:
        DeniedError: ``policy.denied`` for a live fork without the right.
        UsageError: ``engine.unknown_run``, ``engine.unknown_key``.
    """
    if not sealed:
        require(principal, LIVE_FORK)
    row = await database.fetch_one(Q.find_run, {"id": run})
    if row is None:
        raise UsageError(f"there is no run {run}; see `pilothouse runs`", code="engine.unknown_run")
    definition = catalog.find(row["workflow"])
    texts = {key: dump(value, path=f"override of {key}") for key, value in overrides.items()}
    kept = {key: await PostgresPayloads(database).keep(text) for key, text in texts.items()}
    async with database.transaction() as tx:
        await _check_key(tx, run, from_key)
        fork = await tx.fetch_one(Q.insert_run, _fork_row(row, definition.version, principal, sealed))
        assert fork is not None
        await tx.execute(Q.copy_entries, {"fork": fork["id"], "run": run, "from_key": from_key})
        for key, (output, ref) in kept.items():
            params = {"run": fork["id"], "key": key, "output": output, "output_ref": ref}
            if await tx.fetch_value(Q.override_entry, params) is None:
                raise UsageError(f"{key!r} is not before {from_key!r}", code="engine.unknown_key")
        await tx.notify("engine_ready", fork["queue"])
    return run_of(fork)


async def _check_key(tx: Tx, run: UUID, key: str | None) -> None:
    if key is not None and await tx.fetch_one(Q.find_entry, {"run": run, "key": key}) is None:
        raise UsageError(
            f"run {run} has no entry {key!r}; see `pilothouse show {run}`", code="engine.unknown_key"
        )


def _fork_row(row: Row, version: str, principal: Principal, sealed: bool) -> dict[str, Any]:
    ident = new_id()
    return {
        "id": ident,
        "workflow": row["workflow"],
        "version": version,
        "key": f"fork:{ident}",
        "args": row["args"],
        "principal": principal_text(principal),
        "root": row["root"],
        "origin": row["id"],
        "parent": None,
        "parent_key": None,
        "parent_index": None,
        "queue": row["queue"],
        "partition": row["partition"],
        "priority": row["priority"],
        "dedup": None,
        "deadline": None,
        "sealed": sealed,
        "label": row["label"],
        "owner": None,
    }
