"""Owns the pure run: gather, check, decide and pack a call's consignments, without durability."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from pilothouse_port.bindings import Bindings, Reader, gather, list_consignments
from pilothouse_port.decide import decide, run_checks
from pilothouse_port.pack import Pack, make_pack
from pilothouse_port.policy import PolicyTable
from pilothouse_port.reading import PortReader, Readout, read_facts
from pilothouse_port.types import Consignment, Facts

__all__ = ["evaluate", "judge", "local_time"]

GATHERED = 500


def local_time(bindings: Bindings, at: datetime) -> datetime:
    """Return ``at`` in the port's own zone, in which days are counted."""
    zone = ZoneInfo(bindings.model.timezone)
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)


def judge(
    facts: Facts,
    table: PolicyTable,
    *,
    at: datetime,
    readout: Readout | None = None,
    lookups: float = 0.0,
    number: int = 0,
) -> Pack:
    """Return the pack for facts: a pure function, so a replay gives the same pack.

    Args:
        facts: What was read.
        table: The approved rows.
        at: The time asked about, in the port's zone.
        readout: What the texts say; without it they stay unread.
        lookups: Its share of the batch's queries.
        number: Its place in the batch.
    """
    left, claims = (readout.facts, readout.claims) if readout else (facts, ())
    results = run_checks(left, claims, table, at=at)
    verdict = decide(results, claims, table, facts=left, at=at)
    return make_pack(
        left,
        results,
        verdict,
        texts=facts.unread,
        language=readout.language if readout else "en",
        lookups=lookups,
        number=number,
    )


async def evaluate(
    bindings: Bindings,
    reader: Reader,
    *,
    at: datetime,
    consignments: Sequence[Consignment] | None = None,
    texts: bool = True,
    texts_reader: PortReader | None = None,
) -> list[Pack]:
    """Return the packs of all consignments on the discharge list, or of those given.

    Args:
        bindings: The port as configured.
        reader: Reads with the asker's rights.
        at: The time asked about.
        consignments: Leave out to read the discharge list.
        texts: False ignores texts: the structured-facts-only baseline.
        texts_reader: Reads them; without one they stay unread.

    Raises:
        UnavailableError, DataError: The discharge list cannot be read.
    """
    local = local_time(bindings, at)
    wanted = await list_consignments(bindings, reader) if consignments is None else consignments
    packs: list[Pack] = []
    for start in range(0, len(wanted), GATHERED):
        chunk = wanted[start : start + GATHERED]
        got = await gather(bindings, reader, chunk, at=local, texts=texts)
        share = got.lookups / max(1, len(chunk))
        read = [
            (facts, await read_facts(facts, texts_reader) if texts_reader else None) for facts in got.facts
        ]
        packs += [
            judge(facts, bindings.table, at=local, readout=readout, lookups=share, number=start + place)
            for place, (facts, readout) in enumerate(read)
        ]
    return packs
