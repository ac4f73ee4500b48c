"""Owns checking the chain, in the database or in an export, and writing that export."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, cast

from pilothouse.audit.links import Walk, jcs, plain
from pilothouse.audit.types import Broken, Head, Verification
from pilothouse.kernel import DataError, loads
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["export", "verify", "verify_lines"]

Q = load_queries("pilothouse.audit")
PAGE = 2000


async def verify(database: Database, *, head: Head | None = None, grace: float = 60.0) -> Verification:
    """Walk the whole chain and name the first entry that does not hold.

    Args:
        database: The database.
        head: A head noted elsewhere; without one a chain cut at its end looks shorter, not broken.
        grace: Seconds after which an entry without a place in the chain counts as broken.
    """
    walk = Walk(head)
    async for row in _links(database):
        if not walk.follow(row["position"], row["prev"], row["hash"], _entry(row)):
            break
    walk.finish()
    rest: dict[str, Any] | None = await database.fetch_one(Q.unchained, {"grace": grace})
    pending, oldest = (rest["pending"], rest["oldest"]) if rest else (0, None)
    broken = walk.broken
    if broken is None and oldest is not None:
        broken = Broken(
            position=walk.head.position + 1,
            entry=str(oldest),
            why=f"committed more than {grace:g} s ago and never chained; is a sequencer running?",
        )
    return Verification(entries=walk.head.position, head=walk.head, pending=pending, broken=broken)


async def export(database: Database) -> AsyncIterator[str]:
    """Yield the chain as JSON lines: ``position``, ``entry``, ``prev``, ``hash``, in RFC 8785 form."""
    async for row in _links(database):
        line = {"position": row["position"], "prev": row["prev"], "hash": row["hash"], "entry": _entry(row)}
        yield jcs(line).decode()


def verify_lines(lines: Iterable[str], *, head: Head | None = None) -> Verification:
    """Check an export without any server."""
    walk = Walk(head)
    for line in lines:
        if not _follow_line(walk, line):
            break
    walk.finish()
    return Verification(entries=walk.head.position, head=walk.head, pending=0, broken=walk.broken)


def _follow_line(walk: Walk, line: str) -> bool:
    try:
        row = cast("dict[str, Any]", loads(line))
        return walk.follow(int(row["position"]), str(row["prev"]), str(row["hash"]), row["entry"])
    except (DataError, LookupError, TypeError, ValueError, AttributeError) as error:
        walk.broken = Broken(
            position=walk.head.position + 1,
            entry=None,
            why=f"{line[:80]!r} is no line of an export: {error!r}",
        )
        return False


def _entry(row: dict[str, Any]) -> dict[str, Any] | None:
    return None if row["id"] is None else plain(row)


async def _links(database: Database) -> AsyncIterator[dict[str, Any]]:
    after = 0
    while True:
        rows = await database.fetch_all(Q.links_after, {"after": after, "limit": PAGE})
        for row in rows:
            yield row
        if len(rows) < PAGE:
            return
        after = rows[-1]["position"]
