"""Owns writing and reading the log: append inside the caller's transaction, then look entries up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from pilothouse.audit.devices import attached
from pilothouse.audit.leaves import check_body, entry_line, entry_of, jcs, plain
from pilothouse.audit.offline import leaf_hash
from pilothouse.audit.types import AuditEntry, ChainedEntry
from pilothouse.kernel import PilothouseError, UnavailableError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["append", "append_many", "entries", "record"]

Q = load_queries("pilothouse.audit")
log = logging.getLogger(__name__)


async def append(tx: Tx, entry: AuditEntry) -> UUID:
    """Store ``entry`` in the caller's transaction and return its id; it exists if and only if that commits.

    The sequencer gives it its place in the tree within a second (``settle`` waits for it), so that
    writers never queue for the end of the log.

    Raises:
        LimitError: ``audit.too_large``.
        UsageError: ``audit.text`` or ``wire.type``: the body cannot be stored.
    """
    from pilothouse.storage import Jsonb

    fields = _fields(entry)
    label = fields["label"]
    values = {
        **fields,
        "body": Jsonb(fields["body"]),
        "label": None if label is None else Jsonb(label),
    }
    await tx.execute(Q.append_entry, values)
    return entry.id


async def append_many(tx: Tx, entries: Sequence[AuditEntry]) -> tuple[UUID, ...]:
    """Store many entries in one statement: for whoever groups work, at a fraction of the cost of each alone.

    Raises:
        LimitError: ``audit.too_large``; nothing is stored.
        UsageError: ``audit.text`` or ``wire.type``; nothing is stored.
    """
    from pilothouse.storage import Jsonb

    rows = [_texts(_fields(entry)) for entry in entries]
    if rows:
        await tx.execute(Q.append_entries, {"rows": Jsonb(rows)})
    return tuple(entry.id for entry in entries)


async def record(
    database: Database, entry: AuditEntry, *, within: float = 5.0
) -> Literal["database", "device"]:
    """Store an entry that must not be lost and needs only one of the two devices: refusals, logins, halts.

    The database is tried first; when it refuses or does not answer within ``within`` seconds the second
    device takes the entry, and the sequencer brings it into the tree as soon as the database is back.

    Raises:
        UnavailableError: ``audit.no_device``: neither took it.
        LimitError: ``audit.too_large``.
        UsageError: ``audit.text`` or ``wire.type``.
    """
    fields = _fields(entry)
    try:
        async with asyncio.timeout(within), database.transaction() as tx:
            await append(tx, entry)
        return "database"
    except (PilothouseError, TimeoutError) as error:
        refusal = error
    devices = attached(database)
    if devices is None or devices.device is None:
        raise UnavailableError(
            f"{entry.kind!r} could not be recorded: {refusal!r}; there is no second device",
            code="audit.no_device",
        ) from refusal
    body = jcs(plain({**fields, "at": datetime.now(UTC)}))
    line = entry_line(body, leaf_hash(body).hex(), None)
    try:
        await asyncio.to_thread(devices.device.append, [line])
    except OSError as error:
        raise UnavailableError(
            f"{entry.kind!r} could not be recorded: the database says {refusal!r}, "
            f"the second device {error!r}",
            code="audit.no_device",
        ) from error
    log.error("the database did not take an audit entry (%s); the second device has it", refusal)
    return "device"


async def entries(
    database: Database,
    *,
    proposals: Sequence[UUID] = (),
    effect: str | None = None,
    run: str | None = None,
    limit: int = 1000,
) -> tuple[ChainedEntry, ...]:
    """Return the entries that belong to any of the given, in the order they happened."""
    rows = await database.fetch_all(
        Q.entries_of,
        {"proposals": list(proposals) or None, "effect": effect, "run": run, "limit": limit},
    )
    return tuple(entry_of(row) for row in rows)


def _fields(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "actor": entry.actor,
        "run": entry.run,
        "proposal": entry.proposal,
        "approval": entry.approval,
        "effect": entry.effect,
        "refs": list(entry.refs),
        "body": check_body(entry),
        "label": None if entry.label is None else dict(entry.label),
        "policy": entry.policy,
    }


def _texts(fields: dict[str, Any]) -> dict[str, Any]:
    ids = {name: None if fields[name] is None else str(fields[name]) for name in ("proposal", "approval")}
    return {**fields, **ids, "id": str(fields["id"])}
