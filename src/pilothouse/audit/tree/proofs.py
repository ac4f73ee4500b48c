"""Owns proofs for a stranger: that an entry stands in the log, and that the log only grew."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.audit.devices.attached import attached
from pilothouse.audit.heads import last_head, sign
from pilothouse.audit.leaves import jcs, plain
from pilothouse.audit.sequencer import settle
from pilothouse.audit.tree.nodes import roots
from pilothouse.audit.tree.ranges import growth, inclusion
from pilothouse.audit.types import Growth, Head, Proof, SignedHead
from pilothouse.kernel import UsageError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["find_entries", "prove", "prove_growth"]

Q = load_queries("pilothouse.audit")


async def find_entries(database: Database, end: str) -> tuple[UUID, ...]:
    """Return the entries whose id is ``end`` or ends with it; at most five."""
    wanted = end.strip().lower()
    if not wanted or not set(wanted) <= set("0123456789abcdef-"):
        return ()
    rows = await database.fetch_all(Q.ids_like, {"end": wanted})
    return tuple(row["id"] for row in rows)


async def prove(database: Database, entry: UUID, *, size: int | None = None) -> Proof:
    """Return the proof that ``entry`` stands in the log, under a signed head where this process can sign.

    Args:
        database: The database.
        entry: Its id.
        size: Prove against the tree of this size, such as that of a head noted elsewhere.

    Raises:
        DataError: ``audit.unknown``, or ``audit.damaged``: a hash of the tree is gone.
        UsageError: ``audit.size``: the entry came later than that size, or the log is smaller.
    """
    position = await settle(database, entry)
    head = await _head(database, position) if size is None else None
    within = size or (head.size if head else await database.fetch_value(Q.size))
    await _require(database, position, within)
    ranges = [(0, within), *inclusion(position - 1, within)]
    root, *path = await roots(database, ranges)
    row = await database.fetch_one(Q.leaf, {"id": entry})
    return Proof(
        entry=jcs(plain(row or {})).decode(),
        position=position,
        size=within,
        path=tuple(step.hex() for step in path),
        root=root.hex(),
        head=head,
    )


async def prove_growth(database: Database, old: int, new: int) -> Growth:
    """Return the proof that the log of ``new`` entries begins with the ``old`` first ones, unchanged.

    Raises:
        UsageError: ``audit.size``: there are fewer entries, or ``old`` is not between 1 and ``new``.
        DataError: ``audit.damaged``: a hash of the tree is gone.
    """
    await _require(database, old, new)
    before, after, *path = await roots(database, [(0, old), (0, new), *growth(old, new)])
    return Growth(
        old=Head(size=old, root=before.hex()),
        new=Head(size=new, root=after.hex()),
        path=tuple(step.hex() for step in path),
    )


async def _head(database: Database, position: int) -> SignedHead | None:
    """Return the newest head of our key, signing one if the entry came after it."""
    state = attached(database)
    if state is None or state.signer is None:
        return None
    last = await last_head(database, state.signer.public)
    if last is not None and last.size >= position:
        return last
    return await sign(database, state, now=True)


async def _require(database: Database, old: int, new: int) -> None:
    size: int = await database.fetch_value(Q.size)
    if not 0 < old <= new <= size:
        raise UsageError(
            f"no proof from {old} within {new} entries: the log has {size}; take sizes up to that",
            code="audit.size",
        )
