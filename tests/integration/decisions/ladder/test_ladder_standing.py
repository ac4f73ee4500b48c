"""Standing and the rung held in an intent, on a real database."""

from __future__ import annotations

import pytest

from pilothouse.decisions import Inbox
from pilothouse.decisions.ladder import Ladder, Rung, Unit
from pilothouse.kernel import DeniedError, UsageError
from pilothouse.storage import Database

UNIT = Unit(action="book_slot", tier=1, site="north", version="v1")


async def test_an_unknown_unit_stands_at_approve(database: Database) -> None:
    ladder = Ladder(database, Inbox(database))
    standing = await ladder.standing(UNIT)
    assert (standing.rung, standing.n, standing.k, standing.review, standing.bound) == (2, 0, 0, 1.0, 1.0)
    async with database.transaction() as tx:
        await ladder.require_rung(tx, UNIT, Rung.APPROVE)
        with pytest.raises(DeniedError, match=r"ladder\.below"):
            await ladder.require_rung(tx, UNIT, Rung.SAMPLED)


async def test_the_lot_needs_its_key_and_is_the_same_in_every_process(database: Database) -> None:
    first, second = Ladder(database, Inbox(database)), Ladder(database, Inbox(database))
    with pytest.raises(UsageError, match=r"ladder\.no_key"):
        first.drawn("e-1", 0.5)
    await first.standing(UNIT)
    await second.standing(UNIT)
    lots = [first.drawn(f"e-{i}", 0.5) for i in range(64)]
    assert lots == [second.drawn(f"e-{i}", 0.5) for i in range(64)]
    assert len(set(lots)) == 2
    assert all(first.drawn(f"e-{i}", 1.0) for i in range(64))
    assert not any(first.drawn(f"e-{i}", 0.0) for i in range(64))
