"""Owns the log of an open database as a whole: its key, its second device, the work that never ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.audit.devices import Attached, FileDevice, attach, attached, detach
from pilothouse.audit.devices.mirror import adopt, mirror
from pilothouse.audit.heads import load_signer, sign
from pilothouse.audit.log import append
from pilothouse.audit.sequencer import BATCH, chain, settle
from pilothouse.audit.types import AuditEntry
from pilothouse.kernel import DataError, PilothouseError, UnavailableError

if TYPE_CHECKING:
    from pilothouse.audit.settings import AuditSettings
    from pilothouse.storage import Database

__all__ = ["confirm", "keep_chained", "open_audit", "public_key", "require_device"]

KEY = "audit.key"
LOOK = 10
LAST = 5.0
log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def open_audit(
    database: Database, *, data_dir: Path, settings: AuditSettings | None = None, work: bool = True
) -> AsyncGenerator[Attached]:
    """Give ``database`` its key and its second device while the block runs; at the end sign what is new.

    The key is made on the first start: ``audit.key`` in ``data_dir``, 0600, its public half beside it. The
    second device is a file named after the key in a folder beside ``data_dir``.

    Args:
        database: The open database.
        data_dir: Folder of the project's data.
        settings: Other places and intervals.
        work: Sign a head at the end; only whoever also runs :func:`keep_chained` should.

    Raises:
        UsageError: ``audit.key``: the key cannot be used.
    """
    from pilothouse.audit.settings import AuditSettings

    settings = settings or AuditSettings()
    signer = await asyncio.to_thread(load_signer, settings.key or data_dir / KEY)
    state = Attached(settings=settings, signer=signer)
    if signer is not None:
        state.keys = frozenset({signer.public})
    file = settings.file or _beside(data_dir, state)
    if file is not None:
        state.device = FileDevice(file)
    before = attached(database)
    attach(database, state)
    try:
        yield state
    finally:
        if work:
            await _last_words(database, state)
        detach(database, before)


async def keep_chained(database: Database, *, every: float = 0.5) -> None:
    """Place entries for ever, every ``every`` seconds; where :func:`open_audit` is open also mirror and sign.

    Each process runs it; one at a time places, each brings its own second device up to the last place.
    """
    rounds = 0
    while True:
        placed = await _round(database, look=rounds % LOOK == 0)
        rounds += 1
        if placed < BATCH:
            await asyncio.sleep(every)


async def confirm(database: Database, entry: UUID, *, tier: int) -> None:
    """Wait until the log holds a committed intent as firmly as an effect of ``tier`` needs.

    Tier 4 waits for its place in the tree and offers it to the second device; from the setting
    ``file_tier`` on the second device must have taken it.

    Raises:
        UnavailableError: ``audit.device``: the second device must take it and does not; do not send.
        DataError: ``audit.forked``: the second device and the database disagree; do not send.
    """
    state = attached(database)
    must = state is not None and tier >= state.settings.file_tier
    if tier == 4 or must:
        await settle(database, entry)
    if state is None or not (tier == 4 or must):
        return
    try:
        await mirror(database, state)
    except UnavailableError as error:
        if must:
            raise
        log.error("an effect of tier %s goes out while the second device refuses: %s", tier, error)


async def require_device(database: Database, *, tier: int) -> None:
    """Fail before an effect is begun while the second device refuses and ``tier`` needs it.

    The first device needs no question: the intent's own transaction fails when it does not take the entry.

    Raises:
        UnavailableError: ``audit.device``.
        DataError: ``audit.forked``.
    """
    state = attached(database)
    if state is not None and tier >= state.settings.file_tier:
        await mirror(database, state)


def public_key(database: Database) -> str | None:
    """Return the key that signs the heads of this process; None where it signs none."""
    state = attached(database)
    return None if state is None or state.signer is None else state.signer.public


def _beside(data_dir: Path, state: Attached) -> Path | None:
    if state.signer is None:
        return None
    return data_dir.with_name(data_dir.name + "-audit") / f"log-{state.signer.public[:12]}.jsonl"


async def _round(database: Database, *, look: bool) -> int:
    """Do everything that is due once; whatever fails is said once and tried again."""
    state = attached(database)
    placed = 0
    said: PilothouseError | None = None
    try:
        placed = await chain(database)
        if state is not None:
            await _beside_the_database(database, state, look=look or placed > 0)
    except PilothouseError as error:
        said = error
    except Exception:
        # Whatever it is, the next entries need their places too.
        log.exception("a round of the audit log failed; it is tried again")
    _say(state, said)
    return placed


async def _beside_the_database(database: Database, state: Attached, *, look: bool) -> None:
    refused, fault = state.refused, await _levelled(database, state)
    # A second device that is away does not keep the heads from being signed.
    if look:
        await sign(database, state)
    if refused is None and state.refused is not None:
        await _tell(database, "audit.device_refused", state.refused)
    if refused is not None and state.refused is None:
        await _tell(database, "audit.device_back", refused)
    if fault is not None:
        raise fault


async def _levelled(database: Database, state: Attached) -> PilothouseError | None:
    """Bring database and second device level; return why they are not."""
    try:
        await adopt(database, state)
        await mirror(database, state)
    except PilothouseError as error:
        return error
    return None


async def _tell(database: Database, kind: str, why: str) -> None:
    async with database.transaction() as tx:
        await append(tx, AuditEntry(kind=kind, actor="system", body={"why": why[:500]}))


def _say(state: Attached | None, error: PilothouseError | None) -> None:
    code = None if error is None else error.code
    if state is not None:
        if state.said == code:
            return
        state.said = code
    if isinstance(error, DataError):
        log.critical("the audit log is not as it was: %s", error)
    elif error is not None:
        log.warning("the audit log waits: %s", error)


async def _last_words(database: Database, state: Attached) -> None:
    """Leave nothing without place, copy and signature; a database that is away is not waited for."""
    try:
        async with asyncio.timeout(LAST):
            fault = await _finished(database, state)
    except (PilothouseError, TimeoutError) as error:
        fault = error
    if fault is not None:
        log.warning("the audit log was closed with something left to do: %r", fault)


async def _finished(database: Database, state: Attached) -> PilothouseError | None:
    fault = await _levelled(database, state)
    while await chain(database, wait=True):
        pass
    fault = fault or await _levelled(database, state)
    await sign(database, state, now=True)
    return fault
