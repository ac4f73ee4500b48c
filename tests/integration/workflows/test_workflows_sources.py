"""Sources, schedules and types as authors use them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from pilothouse import effect, patched, perform, schedule, sleep, source, step, trigger, wait_for, workflow
from pilothouse.connectors import Query, Row
from pilothouse.decisions import Inbox
from pilothouse.effects import Door
from pilothouse.engine import Catalog, EngineSettings, WaitRef, open_engine
from pilothouse.engine.testing import eventually
from pilothouse.kernel import Principal, UnavailableError, UsageError
from pilothouse.labels import Integrity
from pilothouse.storage import Feed
from pilothouse.workflows import Resources, bind, bound, effect_call, said, unbind

QUICK = EngineSettings(executor="direct", sweep_s=0.2, beat_s=0.2, lease_s=2.0)
CATALOG = Catalog()
CLERK = Principal(id="clerk", rights=frozenset({"*"}))


class FakeSources:
    """One source that is down the first time, and notes who asks."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.written: list[tuple[str, dict[str, Any], str]] = []

    async def read(self, principal: Principal, name: str, query: Query) -> list[Row]:
        self.asked.append((principal.id, name))
        if len(self.asked) == 1:
            raise UnavailableError(f"source {name!r} is down", code="sources.down", retry_after=0.0)
        row = {"container": query.where["container"][0], "amount": Decimal("12.50"), "due": date(2026, 1, 5)}
        return [
            Row(
                source=name, object=query.object, key={"container": str(row["container"])}, values=row,
                read_at=datetime.now(UTC), version="1", integrity=Integrity.RECORD,
            )
        ]  # fmt: skip

    async def write(
        self, principal: Principal, name: str, tool: str, args: dict[str, Any], *, effect_id: str
    ):
        self.written.append((tool, args, effect_id))
        return {"number": 7}


class Size(enum.Enum):
    SMALL = "20"
    LARGE = "40"


@dataclass(frozen=True, kw_only=True)
class Bill:
    amount: Decimal
    due: date
    size: Size


class Request(BaseModel):
    container: str
    sizes: list[Size] = [Size.SMALL]


@step
async def bill(request: Request) -> Bill:
    (row,) = await source("receivables").read(Query(object="bills", where={"container": [request.container]}))
    return Bill(amount=row["amount"], due=row["due"], size=request.sizes[0])


@step
async def rows(container: str) -> list[Row]:
    return await source("receivables").read(Query(object="bills", where={"container": [container]}))


@effect(tier=1, effect="write", accepts=Integrity.UNTRUSTED, idempotent_by_effect_id=True)
async def note(container: str) -> dict[str, Any]:
    assert effect_call().tool == "note"
    return await source("community").write("note", {"container": container})


@workflow(catalog=CATALOG)
async def pay(request: Request) -> list[Any]:
    found = await bill(request)
    (row,) = await rows(request.container)
    done = await perform(note.bind(container=request.container))
    if await patched("cents"):
        return [found, row["amount"], done.result]
    return []


@workflow(catalog=CATALOG)
async def reads_in_the_open() -> Any:
    return await source("receivables").read(Query(object="bills"))


@schedule("0 6 * * *", timezone="Europe/Amsterdam", args={"n": 3}, catalog=CATALOG)
@workflow(catalog=CATALOG)
async def morning(n: int) -> int:
    return n


@trigger("gate.passed", catalog=CATALOG)
@workflow(catalog=CATALOG)
async def passed(container: str) -> str:
    return container


@workflow(catalog=CATALOG)
async def quiet() -> Any:
    await sleep(timedelta(seconds=0.01))
    return (await wait_for("arrived", within=timedelta(seconds=0.1))).name


@pytest.fixture
async def house(database):
    inbox = Inbox(database)
    door = Door(database, inbox)
    sources = FakeSources()

    def ready(engine):
        bind(Resources(engine=engine, sources=sources, inbox=inbox, door=door))

    async with open_engine(database, QUICK, catalog=CATALOG, ready=ready) as engine:
        yield engine.resources
        unbind(engine.resources)


async def test_a_source_is_read_with_the_rights_of_the_run_and_asked_again_when_down(house):
    run = await pay.start(
        Request(container="MSCU1"), key="1", options={"principal": CLERK, "label": said(CLERK, "1")}
    )
    found, amount, receipt = await house.engine.result(run.id, within=10)
    assert found == Bill(amount=Decimal("12.50"), due=date(2026, 1, 5), size=Size.SMALL)
    assert (amount, receipt) == (Decimal("12.50"), {"number": 7})
    assert house.sources.asked == [("clerk", "receivables")] * 3
    assert house.sources.written == [("note", {"container": "MSCU1"}, f"{run.id}:2")]


async def test_reading_in_the_workflow_itself_is_refused(house):
    run = await reads_in_the_open.start(key="1")
    with pytest.raises(UsageError, match="move the reading into a @step"):
        await house.engine.result(run.id, within=5)


async def test_writing_and_reading_outside_of_tool_and_run_are_refused(house):
    with pytest.raises(UsageError, match="do it in an @effect"):
        await source("community").write("note", {})
    with pytest.raises(UsageError, match=r"outside a run use Sources\.read"):
        await source("receivables").read(Query(object="bills"))
    with pytest.raises(UsageError, match="only inside a tool"):
        effect_call()


async def test_a_schedule_and_a_trigger_without_a_key_start_their_workflows(house):
    await house.engine.database.execute("update engine_schedule set last = engine_now() - interval '2 days'")
    (run,) = await eventually(lambda: house.engine.runs(workflow="morning"))
    assert await house.engine.result(run.id, within=5) == 3
    feed = Feed(house.engine.database)
    for container in ("A", "B", "A"):
        async with house.engine.database.transaction() as tx:
            await feed.append(tx, "gate.passed", {"container": container})

    async def three():
        return len(await house.engine.runs(workflow="passed")) == 3

    await eventually(three)


async def test_nobody_comes_in_time_and_an_answer_is_no_signal(house):
    run = await quiet.start(key="1")
    assert await house.engine.result(run.id, within=5) is None
    with pytest.raises(UsageError):
        async with house.engine.database.transaction() as tx:
            await house.engine.resume(WaitRef(run=run.id, key="7"), None, tx=tx)


def test_nothing_works_before_it_is_bound():
    with pytest.raises(UsageError, match="nothing is bound"):
        bound()


async def test_plain_json_from_outside_becomes_the_declared_types_or_is_refused(house):
    given = {"request": {"container": "MSCU1", "sizes": ["40"]}}
    run = await house.engine.start("pay", given, key="json", principal=CLERK, label=said(CLERK, "json"))
    found, _, _ = await house.engine.result(run.id, within=10)
    assert found.size is Size.LARGE
    for wrong, words in (
        ({"request": {"sizes": ["40"]}}, "container Field required"),
        ({"request": {"container": "A", "sizes": ["99"]}}, "sizes.0"),
        ({"request": "A"}, "is not Request"),
        ({}, "missing a required argument"),
    ):
        with pytest.raises(UsageError, match=words):
            await house.engine.start("pay", wrong, key="wrong", principal=CLERK)
    with pytest.raises(UsageError, match="n='3' is not int"):
        await house.engine.start("morning", {"n": "3"}, key="wrong", principal=CLERK)
