"""The author's view end to end: steps, a person's decision, one effect through the door."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel

from pilothouse import (
    Evidence,
    child,
    decide,
    effect,
    gather,
    perform,
    step,
    trigger,
    wait_for,
    workflow,
)
from pilothouse.decisions import Inbox
from pilothouse.effects import Door
from pilothouse.engine import Catalog, EngineSettings, open_engine
from pilothouse.engine.testing import eventually
from pilothouse.kernel import ConflictError, Principal, UsageError
from pilothouse.labels import Integrity, Label, Labelled, Origin
from pilothouse.storage import Feed
from pilothouse.workflows import Resources, bind, configured, effect_call, unbind

SERVICE = Principal(id="release-service", kind="service", rights=frozenset({"*"}))
CLERK = Principal(id="clerk.amira", rights=frozenset({"*"}), groups=frozenset({"desk"}))
QUICK = EngineSettings(executor="direct", sweep_s=0.2, beat_s=0.2, lease_s=2.0)

# The event comes from a system of our own whose words a person configured.
LISTED = {"principal": SERVICE, "label": configured("discharge list", "1")}

CATALOG = Catalog()
WORLD: dict[str, str] = {}
RELEASED: list[tuple[str, str]] = []


class Box(BaseModel):
    id: str
    weight: int


class Outcome(BaseModel):
    box: Box
    released: bool
    by: str = ""
    why: str = ""


@step
async def lookup(container: str) -> Box:
    return Box(id=container, weight=21_500)


@step
async def customs(box: Box) -> Evidence:
    origin = Origin(
        source="customs", object="CUSRES", key={"container": box.id}, field="status", version="1",
        read_at=datetime.now(UTC),
    )  # fmt: skip
    label = Label(readers=frozenset(), integrity=Integrity.RECORD, origin=origin)
    return Evidence.of("customs.status", Labelled(value=WORLD[box.id], label=label))


@effect(tier=3, steering=["container"], idempotent_by_effect_id=True, phrase="{container} was released")
async def release_container(container: str) -> dict[str, str]:
    RELEASED.append((container, effect_call().effect_id))
    return {"released": container}


@workflow(version="3", catalog=CATALOG)
async def release(container: str) -> Outcome:
    box = await lookup(container)
    for _ in range(3):
        (status,) = await gather(customs(box))
        answer = await decide(
            f"Release {box.id}?", of=release_container.bind(box.id), evidence=[status], who="desk",
            within=timedelta(days=90), unless="hold",
        )  # fmt: skip
        if not answer.approved:
            return Outcome(box=box, released=False, by=answer.by, why=answer.reason)
        try:
            done = await perform(release_container.bind(box.id), answer)
        except ConflictError:
            continue
        return Outcome(box=box, released=done.state == "done", by=answer.by)
    return Outcome(box=box, released=False, why="the evidence keeps moving")


class Reread:
    async def reread(self, evidence):
        label = evidence.label
        return Labelled(value=WORLD[label.origin.key["container"]], label=label)


@pytest.fixture
async def house(database):
    WORLD.clear()
    RELEASED.clear()
    inbox = Inbox(database)
    door = Door(database, inbox, rereader=Reread())
    async with open_engine(database, QUICK, catalog=CATALOG) as engine:
        resources = bind(Resources(engine=engine, inbox=inbox, door=door))
        yield resources
        unbind(resources)


async def asked(house, n: int = 1):
    async def look():
        page = await house.inbox.list(CLERK)
        return page.items if len(page.items) >= n else None

    return await eventually(look)


async def test_a_clerk_releases_a_box_and_it_leaves_once(house):
    WORLD["MSCU1"] = "cleared"
    run = await release.start("MSCU1", key="m-1:MSCU1", options=LISTED)
    (item,) = await asked(house)
    assert (await house.engine.get(run.id)).state == "parked"
    await house.inbox.approve(item.id, CLERK)
    outcome = await house.engine.result(run.id, within=10)
    assert outcome == Outcome(box=Box(id="MSCU1", weight=21_500), released=True, by="clerk.amira")
    # lookup 0, gather 1 (its one step 1.0.0), decide 2, perform 3
    assert [("MSCU1", f"{run.id}:3")] == RELEASED


async def test_evidence_that_moved_reaches_the_author_who_asks_again(house):
    WORLD["MSCU2"] = "cleared"
    run = await release.start("MSCU2", key="m-2", options=LISTED)
    (item,) = await asked(house)
    WORLD["MSCU2"] = "cleared with conditions"
    await house.inbox.approve(item.id, CLERK)

    async def second():
        page = await house.inbox.list(CLERK)
        return [found for found in page.items if found.id != item.id]

    (again,) = await eventually(second)
    await house.inbox.approve(again.id, CLERK)
    assert (await house.engine.result(run.id, within=10)).released
    assert [container for container, _ in RELEASED] == ["MSCU2"]
    errors = [entry async for entry in house.engine.history(run.id) if entry.outcome == "error"]
    assert len(errors) == 1
    assert "customs.status" in errors[0].error


async def test_a_rejection_and_a_late_hold_release_nothing(house):
    WORLD["A"] = WORLD["B"] = "cleared"
    first = await release.start("A", key="a", options=LISTED)
    second = await release.start("B", key="b", options=LISTED)
    items = await asked(house, 2)
    by_title = {item.title: item for item in items}
    await house.inbox.reject(by_title["Release A?"].id, CLERK, "seal is broken")
    async with house.engine.database.transaction() as tx:
        await house.engine.signal(second.id, "hold", {"by": "customs"}, event="m-9", tx=tx)
    rejected = await house.engine.result(first.id, within=10)
    held = await house.engine.result(second.id, within=10)
    assert (rejected.released, rejected.why) == (False, "seal is broken")
    assert (held.released, held.why) == (False, "signal 'hold' came first")
    assert RELEASED == []
    assert (await house.inbox.list(CLERK)).items == ()


@workflow(catalog=CATALOG)
async def square(n: int) -> int:
    return n * n


@workflow(catalog=CATALOG)
async def squares(count: int) -> list[int]:
    return await gather(*(child(square, n) for n in range(count)))


@trigger(
    "discharge.listed",
    key=lambda value: value["message"],
    args=lambda value: {"n": value["n"]},
    catalog=CATALOG,
)
@workflow(catalog=CATALOG)
async def on_list(n: int) -> int:
    return n


@workflow(catalog=CATALOG)
async def patient() -> str:
    signal = await wait_for("arrived", "cancelled", within=timedelta(days=1))
    return f"{signal.name}: {signal.value}"


async def test_children_signals_and_triggers_speak_the_authors_language(house):
    run = await squares.start(5, key="5")
    assert await house.engine.result(run.id, within=10) == [0, 1, 4, 9, 16]
    waiting = await patient.start(key="p")
    await eventually(lambda: house.engine.waits(waiting.id))
    async with house.engine.database.transaction() as tx:
        await house.engine.signal(waiting.id, "arrived", "berth 4", event="1", tx=tx)
    assert await house.engine.result(waiting.id, within=10) == "arrived: berth 4"
    feed = Feed(house.engine.database)
    for _ in range(3):
        async with house.engine.database.transaction() as tx:
            await feed.append(tx, "discharge.listed", {"message": "m-1", "n": 7})
    runs = await eventually(lambda: house.engine.runs(workflow="on_list"))
    await asyncio.sleep(0.5)
    assert len(await house.engine.runs(workflow="on_list")) == len(runs) == 1


async def test_mistakes_of_authors_are_named(house):
    with pytest.raises(UsageError, match="is a workflow"):
        square(3)
    with pytest.raises(UsageError, match="changes the world"):
        release_container("MSCU1")
    with pytest.raises(UsageError, match="n='three' is not int"):
        await square.start("three", key="x")
    with pytest.raises(UsageError, match="missing a required argument"):
        await square.start(key="x")
