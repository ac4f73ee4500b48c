"""Owns the pure run: gather, check, decide and pack a call's consignments, without durability."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from pilothouse_port.bindings import Bindings, Reader, gather, list_consignments
from pilothouse_port.decide import decide, run_checks
from pilothouse_port.pack import Pack, make_pack
from pilothouse_port.policy import PolicyTable
from pilothouse_port.types import Consignment, Facts

__all__ = ["evaluate", "judge", "local_time"]

GATHERED = 500


def local_time(bindings: Bindings, at: datetime) -> datetime:
    """Return ``at`` in the port's own zone, in which days are counted."""
    zone = ZoneInfo(bindings.model.timezone)
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)


def judge(facts: Facts, table: PolicyTable, *, at: datetime, lookups: float = 0.0, number: int = 0) -> Pack:
    """Return the pack for facts: a pure function, so a replay gives the same pack.

    Args:
        facts: What was read.
        table: The approved rows.
        at: The time asked about, in the port's zone.
        lookups: Its share of the batch's queries.
        number: Its place in the batch.
    """
    results = run_checks(facts, (), table, at=at)
    verdict = decide(results, (), table, facts=facts, at=at)
    return make_pack(facts, results, verdict, lookups=lookups, number=number)


async def evaluate(
    bindings: Bindings,
    reader: Reader,
    *,
    at: datetime,
    consignments: Sequence[Consignment] | None = None,
    texts: bool = True,
) -> list[Pack]:
    """Return the packs of all consignments on the discharge list, or of those given.

    Args:
        bindings: The port as configured.
        reader: Reads with the asker's rights.
        at: The time asked about.
        consignments: Leave out to read the discharge list.
        texts: False ignores texts: the structured-facts-only baseline.

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
        packs += [
            judge(facts, bindings.table, at=local, lookups=share, number=start + place)
            for place, facts in enumerate(got.facts)
        ]
    return packs
