"""Owns the one switch: everything, or one scope, at most at ``APPROVE`` before the next effect starts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.ladder.moves import CHANNEL
from pilothouse.decisions.ladder.types import Drop
from pilothouse.kernel import ConflictError, Principal, UsageError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["ALL", "drop", "lift", "switches"]

Q = load_queries("pilothouse.decisions.ladder")
ALL: Final = "*"
SCOPES: Final = ("action", "site", "version")
SHOWN: Final = 500


async def drop(database: Database, scope: str, *, by: Principal, reason: str) -> int:
    """Hold the units of a scope at ``APPROVE``; return how many changed.

    Raises:
        UsageError: ``ladder.scope``.
    """
    # Somebody may hold what this waits for and wait for what this holds; the switch must not lose.
    with contextlib.suppress(ConflictError):
        return await _switch(database, scope, dropped=True, by=by, reason=reason)
    return await _switch(database, scope, dropped=True, by=by, reason=reason)


async def lift(database: Database, scope: str, *, by: Principal, reason: str) -> int:
    """Let the units of a scope go that no other switch holds; return how many changed.

    Raises:
        UsageError: ``ladder.scope``.
    """
    return await _switch(database, scope, dropped=False, by=by, reason=reason)


async def switches(database: Database) -> tuple[Drop, ...]:
    """Return every switch that was ever touched."""
    rows = await database.fetch_all(Q.switches)
    return tuple(Drop(**row) for row in rows)


async def _switch(database: Database, scope: str, *, dropped: bool, by: Principal, reason: str) -> int:
    """Switch one scope, after the intents that have read a rung; whatever reads one later sees it."""
    kind, _, name = scope.partition(":")
    if scope != ALL and (kind not in SCOPES or not name):
        raise UsageError(
            f"there is no scope {scope!r}; use '*', 'action:<a>', 'site:<s>' or 'version:<v>'",
            code="ladder.scope",
        )
    async with database.transaction() as tx:
        await tx.execute(Q.lock_switch)
        await tx.execute(Q.touch_switch, {"scope": scope, "dropped": dropped, "by": by.id, "reason": reason})
        changed = await tx.execute(Q.apply_switch)
        kind = "ladder.dropped" if dropped else "ladder.lifted"
        body = {"scope": scope, "reason": reason[:SHOWN], "units": changed}
        await append(tx, AuditEntry(kind=kind, actor=by.id, body=body))
        await tx.notify(CHANNEL)
    return changed
