"""One effect, two people, a grace: the run waits for both, and a step back in time stops it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from pilothouse import decide, effect, perform, workflow
from pilothouse.decisions import DecisionsSettings, Escalation, Inbox, Item, Quorum, find_decision
from pilothouse.effects import Door
from pilothouse.engine import Catalog, EngineSettings, open_engine
from pilothouse.engine.testing import eventually
from pilothouse.kernel import DeniedError, Principal
from pilothouse.storage import Database
from pilothouse.workflows import Resources, bind, configured, unbind

SERVICE = Principal(id="payments", kind="service", rights=frozenset({"*"}))
AMIRA, BO, CEM = (Principal(id=name, rights=frozenset({"decisions:*"})) for name in ("amira", "bo", "cem"))
BOARD = Principal(id="dora", groups=frozenset({"board"}))
QUICK = EngineSettings(executor="direct", sweep_s=0.2, beat_s=0.2, lease_s=2.0)
GRACE = 0.4
CATALOG = Catalog()
PAID: list[str] = []
CANCELLED: list[str] = []


@effect(tier=3, effect="write", steering=["invoice"], quorum=Quorum(count=2))
async def pay(invoice: str) -> str:
    PAID.append(invoice)
    return invoice


@effect(tier=3, effect="write", steering=["invoice"], apart=["pay"])
async def cancel(invoice: str) -> str:
    CANCELLED.append(invoice)
    return invoice


@workflow(version="1", catalog=CATALOG)
async def settle(invoice: str) -> str:
    call = pay.bind(invoice)
    steps = (Escalation(after=timedelta(milliseconds=300), to="board"),)
    answer = await decide(f"Pay {invoice}?", of=call, within=timedelta(days=1), escalation=steps)
    return "paid" if answer.approved and await perform(call, answer) else answer.verdict


@workflow(version="1", catalog=CATALOG)
async def stop(invoice: str) -> str:
    call = cancel.bind(invoice)
    answer = await decide(f"Cancel {invoice}?", of=call, within=timedelta(days=1))
    return "cancelled" if answer.approved and await perform(call, answer) else answer.verdict


@pytest.fixture
async def house(database: Database) -> AsyncIterator[Resources]:
    PAID.clear()
    CANCELLED.clear()
    inbox = Inbox(database, settings=DecisionsSettings(grace=GRACE))
    door = Door(database, inbox)
    async with open_engine(database, QUICK, catalog=CATALOG) as engine:
        resources = bind(Resources(engine=engine, inbox=inbox, door=door))
        ticking = asyncio.create_task(_tick(inbox))
        yield resources
        ticking.cancel()
        unbind(resources)


async def _tick(inbox: Inbox) -> None:
    while True:
        await inbox.expire()
        await asyncio.sleep(0.05)


async def _asked(inbox: Inbox, who: Principal = AMIRA) -> Item:
    async def look() -> Item | None:
        return next(iter((await inbox.list(who)).items), None)

    return await eventually(look)


def _start(invoice: str) -> dict[str, object]:
    return {"principal": SERVICE, "label": configured(f"invoices {invoice}", "1")}


async def test_two_people_pay_once_and_neither_cancels_what_they_paid(house: Resources) -> None:
    inbox, engine = house.need("inbox"), house.need("engine")
    run = await settle.start("2026-9", key="p-9", options=_start("2026-9"))
    item = await _asked(inbox)
    assert item.needed == 2
    assert (await inbox.approve(item.id, AMIRA)).verdict == "pending"
    assert (await inbox.approve(item.id, BO)).approved
    assert PAID == [], "the grace is not over"
    # Second thoughts of the one who closed it: it is asked again, and answered by somebody else.
    assert (await inbox.undo(item.id, BO)).given == 1
    assert (await inbox.approve(item.id, CEM)).approved
    assert await engine.result(run.id, within=10) == "paid"
    assert PAID == ["2026-9"]
    voices = (await find_decision(engine.database, item.id)).approvals
    assert [(one.approver, one.used_by is not None) for one in voices] == [
        (AMIRA.id, True),
        (BO.id, False),
        (CEM.id, True),
    ]

    await stop.start("2026-9", key="c-9", options=_start("2026-9"))
    item = await _asked(inbox)
    for who in (AMIRA, CEM):
        with pytest.raises(DeniedError, match="kept apart"):
            await inbox.approve(item.id, who)
    assert (await inbox.approve(item.id, BO)).approved
    await eventually(lambda: _is(CANCELLED == ["2026-9"]))


async def test_while_nobody_answers_others_are_asked_as_well(house: Resources) -> None:
    inbox, engine = house.need("inbox"), house.need("engine")
    run = await settle.start("2026-10", key="p-10", options=_start("2026-10"))
    item = await _asked(inbox, BOARD)
    assert item.also == ("board",)
    await inbox.reject(item.id, BOARD, "not this year")
    assert await engine.result(run.id, within=10) == "reject"
    assert PAID == []


async def _is(true: bool) -> bool | None:
    return true or None
