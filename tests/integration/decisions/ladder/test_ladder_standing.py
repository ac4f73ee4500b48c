"""Standing and the rung held in an intent, on a real database."""

from __future__ import annotations

import asyncio

import pytest

from pilothouse.decisions import Inbox
from pilothouse.decisions.ladder import Ladder, LadderPolicy, Rung, Unit
from pilothouse.decisions.ladder.moves import ensure
from pilothouse.kernel import DataError, DeniedError, Principal, UsageError
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


async def test_two_who_register_a_unit_at_once_spend_once(database: Database) -> None:
    policy = LadderPolicy()
    async with database.transaction() as tx:
        await ensure(tx, UNIT, policy)
        second = asyncio.create_task(_register(database, policy))
        done, _ = await asyncio.wait({second}, timeout=0.2)
        assert not done
    await second
    assert await database.fetch_value("select tests from ladder_class") == 1
    assert await database.fetch_value("select count(*) from ladder_unit") == 1


async def _register(database: Database, policy: LadderPolicy) -> None:
    async with database.transaction() as tx:
        await ensure(tx, UNIT, policy)


async def test_the_policy_in_force_is_told(database: Database) -> None:
    policy = LadderPolicy(alpha=0.01)
    assert Ladder(database, Inbox(database), policy=policy).policy is policy


async def test_moves_are_never_changed(database: Database) -> None:
    ladder = Ladder(database, Inbox(database))
    ida = Principal(id="owner.ida", rights=frozenset({"ladder:change"}))
    await ladder.choose(UNIT, Rung.SHADOW, by=ida, reason="new")
    for statement in ("update ladder_move set by = 'me'", "delete from ladder_move"):
        with pytest.raises(DataError, match="append-only"):
            await database.execute(statement)


async def test_only_whoever_may_change_the_ladder_may_report_a_case(database: Database) -> None:
    ladder = Ladder(database, Inbox(database))
    ida = Principal(id="owner.ida", rights=frozenset({"ladder:change"}))
    assert await ladder.report(UNIT, "c-1", wrong=True, source="complaint", by=ida)
    with pytest.raises(DeniedError, match=r"policy\.denied"):
        await ladder.report(UNIT, "c-2", wrong=False, source="me", by=Principal(id="agent", kind="service"))
    assert (await ladder.standing(UNIT)).k == 1
