"""Owns signing heads: when one is due, never over a tree that does not grow from the last one signed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pilothouse.audit.devices.mirror import tell, told
from pilothouse.audit.leaves import head_line, stamp
from pilothouse.audit.tree import roots
from pilothouse.audit.types import SignedHead
from pilothouse.kernel import DataError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.audit.devices.attached import Attached
    from pilothouse.audit.heads.keys import Signer
    from pilothouse.storage import Database, Tx

__all__ = ["head_of_row", "heads", "last_head", "sign"]

Q = load_queries("pilothouse.audit")


def head_of_row(row: dict[str, Any]) -> SignedHead:
    """Return the noun of a stored row."""
    return SignedHead(
        size=row["size"],
        root=row["root"].hex(),
        at=row["at"],
        key=row["key"].hex(),
        signature=row["signature"].hex(),
    )


async def heads(database: Database) -> tuple[SignedHead, ...]:
    """Return every signed head, smallest tree first."""
    return tuple(map(head_of_row, await database.fetch_all(Q.heads)))


async def last_head(source: Database | Tx, key: str) -> SignedHead | None:
    """Return the newest head that ``key`` signed."""
    row = await source.fetch_one(Q.last_head, {"key": bytes.fromhex(key)})
    return None if row is None else head_of_row(row)


async def sign(database: Database, state: Attached, *, now: bool = False) -> SignedHead | None:
    """Sign the tree if a head is due and return it; None if none is, or another process is at it.

    Args:
        database: The database.
        state: Whose key and second device.
        now: Do not wait until a head is due; only until there is something new.

    Raises:
        DataError: ``audit.forked``: the tree does not grow from the last one this key signed.
        UnavailableError: ``audit.device``: the second device did not take the head; the database has it.
    """
    if state.signer is None:
        return None
    works = state.device is not None and state.refused is None
    remembered = (await told(state)).head if works else None
    async with database.transaction() as tx:
        if now:
            await tx.execute(Q.await_sequencer)
        elif not await tx.fetch_value(Q.try_sequencer):
            return None
        head = await _signed(tx, state, state.signer, remembered, now=now)
        if head is None:
            return None
        await tx.execute(
            Q.insert_head,
            {
                "size": head.size,
                "root": bytes.fromhex(head.root),
                "at": head.at,
                "key": bytes.fromhex(head.key),
                "signature": bytes.fromhex(head.signature),
            },
        )
    if works:
        await tell(state, [head_line(head)])
    return head


async def _signed(
    tx: Tx, state: Attached, signer: Signer, remembered: SignedHead | None, *, now: bool
) -> SignedHead | None:
    size: int = await tx.fetch_value(Q.size)
    at: datetime = await tx.fetch_value(Q.now)
    last = await last_head(tx, signer.public)
    if not _due(state, last, size, at, now=now):
        return None
    for known in (last, remembered):
        if known is not None and known.key == signer.public:
            await _require_growth(tx, known, size)
    (root,) = await roots(tx, [(0, size)])
    return signer.head(size=size, root=root, at=stamp(at))


def _due(state: Attached, last: SignedHead | None, size: int, at: datetime, *, now: bool) -> bool:
    if last is None or size <= last.size:
        return size > (0 if last is None else last.size)
    age = at - datetime.fromisoformat(last.at)
    return (
        now
        or size - last.size >= state.settings.head_entries
        or age >= timedelta(seconds=state.settings.head_every)
    )


async def _require_growth(tx: Tx, known: SignedHead, size: int) -> None:
    if known.size <= size:
        (root,) = await roots(tx, [(0, known.size)])
        if root.hex() == known.root:
            return
    raise DataError(
        f"the log does not grow from the {known.size} entries signed at {known.at}: it was rewritten or cut; "
        "nothing is signed; run `pilothouse audit verify`",
        code="audit.forked",
    )
