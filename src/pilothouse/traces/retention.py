"""Owns forgetting spans: by age, per workflow, in batches that hold no lock for long."""

from __future__ import annotations

from collections.abc import Mapping

from pilothouse.kernel import Authority, Principal, UsageError, require
from pilothouse.storage import Database, load_queries

__all__ = ["PRUNE", "prune"]

Q = load_queries("pilothouse.traces")
PRUNE = "traces:prune"
TOGETHER = 5_000


async def prune(
    database: Database,
    by: Principal,
    *,
    days: int,
    scopes: Mapping[str, int] | None = None,
    authority: Authority,
) -> int:
    """Forget spans that are older than their days; return how many.

    The journal and the audit log have retentions of their own and are not touched.

    Args:
        database: Where they are.
        by: Who asks.
        days: For every workflow and account that ``scopes`` does not name.
        scopes: Days of single workflows, and of foreign accounts as ``from.ACCOUNT``.
        authority: Says who may.

    Raises:
        DeniedError: ``policy.denied``: without ``traces:prune``.
        UsageError: ``traces.days``.
    """
    require(by, PRUNE, authority=authority)
    named = dict(scopes or {})
    wrong = [value for value in (days, *named.values()) if value < 0]
    if wrong:
        raise UsageError(f"{wrong[0]!r} days is no retention; give 0 or more", code="traces.days")
    gone = 0
    for scope, limit in ((None, days), *named.items()):
        gone += await _prune(database, scope, limit, sorted(named))
    if gone:
        await _sources(database)
    return gone


async def _prune(database: Database, scope: str | None, days: int, others: list[str]) -> int:
    params = {"scope": scope, "days": days, "others": others, "limit": TOGETHER}
    gone = 0
    while True:
        now = await database.execute(Q.prune_spans, params)
        gone += now
        if now < TOGETHER:
            return gone


async def _sources(database: Database) -> None:
    async with database.transaction() as tx:
        # Whoever stores spans holds its sources until it has committed; afterwards we see its spans.
        await tx.execute("lock table traces_source in exclusive mode")
        await tx.execute(Q.prune_sources)
