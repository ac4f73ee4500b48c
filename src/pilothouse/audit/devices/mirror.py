"""Owns keeping the second device level with the database, both ways, and saying so when it cannot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast
from uuid import UUID

from pilothouse.audit.leaves import entry_line, jcs, plain
from pilothouse.audit.offline import ENTRY, leaf_hash
from pilothouse.kernel import DataError, PilothouseError, UnavailableError, UsageError, loads
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.audit.devices.attached import Attached
    from pilothouse.audit.ports import AuditDevice
    from pilothouse.audit.types import Record, Tail
    from pilothouse.storage import Database

__all__ = ["PAGE", "adopt", "line_of", "mirror", "tell", "told"]

Q = load_queries("pilothouse.audit")
T = TypeVar("T")
PAGE = 1000
log = logging.getLogger(__name__)


def line_of(row: dict[str, Any]) -> Record | None:
    """Return the line of a placed row; None if its entry is gone."""
    return None if row["id"] is None else entry_line(jcs(plain(row)), row["hash"].hex(), row["position"])


def _sound_lines(rows: list[dict[str, Any]], after: int) -> list[Record]:
    """Return the lines up to the first that is gone, out of place or not what was placed."""
    lines: list[Record] = []
    for position, row in enumerate(rows, after + 1):
        if row["id"] is None or row["position"] != position:
            break
        body = jcs(plain(row))
        if leaf_hash(body) != row["hash"]:
            break
        lines.append(entry_line(body, row["hash"].hex(), position))
    return lines


async def mirror(database: Database, state: Attached) -> int:
    """Bring the second device up to the last placed entry; return how many lines it took.

    Raises:
        UnavailableError: ``audit.device``: it does not take lines.
        DataError: ``audit.forked``: the database no longer holds what the second device does.
    """
    taken = 0
    while state.device is not None:
        tail = await told(state)
        rows = await database.fetch_all(Q.leaves_after, {"after": max(tail.position - 1, 0), "limit": PAGE})
        if tail.position:
            _require_same(tail, rows)
            rows = rows[1:]
        lines = _sound_lines(rows, tail.position)
        if lines:
            await tell(state, lines)
        taken += len(lines)
        if len(lines) < len(rows):
            _refuse(tail.position + len(lines) + 1)
        if len(rows) < PAGE - 1:
            break
    return taken


async def adopt(database: Database, state: Attached) -> int:
    """Store the entries that the second device took alone while the database was away; return how many."""
    if state.device is None:
        return 0
    loose = [line for line in (await told(state)).loose if line not in state.seen]
    for line in loose:
        state.seen.add(line)
        try:
            await _adopted(database, line)
        except UnavailableError:
            state.seen.discard(line)
            raise
        except (PilothouseError, LookupError, TypeError, ValueError) as error:
            log.error("an entry of the second device cannot be adopted: %r: %r", line[:200], error)
    return len(loose)


async def _adopted(database: Database, line: bytes) -> None:
    from pilothouse.storage import Jsonb

    found = ENTRY.fullmatch(line)
    if found is None or leaf_hash(found[1]).hex() != found[2].decode():
        raise ValueError("its content does not give its hash")
    entry = cast("dict[str, Any]", loads(found[1]))
    values = {
        **entry,
        "id": UUID(entry["id"]),
        "at": datetime.fromisoformat(entry["at"]),
        "body": Jsonb(entry["body"]),
        "label": None if entry["label"] is None else Jsonb(entry["label"]),
    }
    await database.execute(Q.adopt_entry, values)


def _require_same(tail: Tail, rows: list[dict[str, Any]]) -> None:
    if not rows or rows[0]["position"] != tail.position or rows[0]["hash"].hex() != tail.hash:
        _refuse(tail.position)


def _refuse(position: int) -> NoReturn:
    raise DataError(
        f"the database no longer holds entry {position} as it was placed: it was rewritten, cut, or is "
        "another database; run `pilothouse audit verify`, keep the second device as it is and start another",
        code="audit.forked",
    )


async def told(state: Attached) -> Tail:
    """Return how far the second device has come.

    Raises:
        UnavailableError: ``audit.device``.
    """
    return await _asked(state, lambda device: device.tail())


async def tell(state: Attached, lines: list[Record]) -> None:
    """Make the second device keep ``lines``.

    Raises:
        UnavailableError: ``audit.device``.
    """
    await _asked(state, lambda device: device.append(lines))


async def _asked(state: Attached, verb: Callable[[AuditDevice], T]) -> T:
    """Do something with the device in a thread; keep in mind whether it works."""
    if state.device is None:
        raise UsageError("there is no second device; open the log with open_audit", code="audit.no_device")
    try:
        answer = await asyncio.to_thread(verb, state.device)
    except OSError as error:
        state.refused = str(error)
        raise UnavailableError(
            f"the second device of the audit log refuses: {error}; free its disk or give it another place",
            code="audit.device",
        ) from error
    state.refused = None
    return answer
