"""Owns the export: the log as lines that a stranger can check with one file and no server."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.audit.devices import attached
from pilothouse.audit.devices.mirror import PAGE, line_of
from pilothouse.audit.heads import heads, sign
from pilothouse.audit.leaves import head_line, jcs, stamp
from pilothouse.audit.offline import FIRST
from pilothouse.audit.sequencer import chain
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.audit.devices import Attached
    from pilothouse.audit.types import SignedHead
    from pilothouse.storage import Database

__all__ = ["export", "offline_verifier"]

Q = load_queries("pilothouse.audit")


async def export(database: Database) -> AsyncIterator[str]:
    """Yield the lines of a bundle: format, entries with the heads over them in between, and a seal.

    What is committed is placed first. Where this process holds the key, a head over everything is signed
    and the seal covers every byte before it; else the bundle ends without one, and the verifier says so.

    Raises:
        DataError: ``audit.forked``: the log does not grow from what was signed before; see ``verify``.
    """
    while await chain(database, wait=True):
        pass
    state = attached(database)
    if state is not None:
        await sign(database, state, now=True)
    digest = hashlib.sha256()
    async for line in _lines(database, state):
        digest.update(line + b"\n")
        yield line.decode()
    seal = await _seal(database, state, digest.hexdigest())
    if seal is not None:
        yield seal


def offline_verifier() -> str:
    """Return the source of the verifier that needs nothing but Python."""
    return Path(__file__).with_name("offline.py").read_text(encoding="utf-8")


async def _seal(database: Database, state: Attached | None, digest: str) -> str | None:
    if state is None or state.signer is None:
        return None
    at: datetime = await database.fetch_value(Q.now)
    return jcs({"seal": state.signer.seal(digest, stamp(at))}).decode()


async def _lines(database: Database, state: Attached | None) -> AsyncIterator[bytes]:
    key = state.signer.public if state is not None and state.signer is not None else None
    known = await heads(database)
    ends = [head.size for head in known if key is None or head.key == key]
    size: int = max(ends) if ends else await database.fetch_value(Q.size)
    # What other processes sign meanwhile belongs to the next export.
    signed = deque(head for head in known if head.size <= size)
    yield FIRST
    after = 0
    while after < size:
        rows = await database.fetch_all(Q.leaves_after, {"after": after, "limit": min(PAGE, size - after)})
        for row in rows:
            # Heads go after the entries they cover, also where those are gone.
            for line in _heads_before(signed, row["position"]):
                yield line
            record = line_of(row)
            if record is not None:
                yield record.line
        if not rows:
            break
        after = rows[-1]["position"]
    for head in signed:
        yield head_line(head).line


def _heads_before(signed: deque[SignedHead], position: int) -> list[bytes]:
    found: list[bytes] = []
    while signed and signed[0].size < position:
        found.append(head_line(signed.popleft()).line)
    return found
