"""Labels in the journal: through steps, gathers, children, signals, parks, restarts, forks and new runs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from pilothouse import child, continue_as, decide, effect, gather, perform, source, step, wait_for, workflow
from pilothouse.connectors import Query, Row, promised_label
from pilothouse.decisions import Inbox
from pilothouse.effects import Door, sources_of
from pilothouse.engine import Catalog, EngineSettings, open_engine
from pilothouse.engine.testing import eventually
from pilothouse.kernel import DeniedError, Principal
from pilothouse.labels import Integrity, Label, unknown
from pilothouse.workflows import Resources, bind, configured, said, unbind

QUICK = EngineSettings(executor="direct", sweep_s=0.2, beat_s=0.2, lease_s=2.0)
CATALOG = Catalog()
AMIRA = Principal(id="amira", rights=frozenset({"*"}))
BEN = Principal(id="ben", rights=frozenset({"*"}))
TYPED = {"principal": AMIRA, "label": said(AMIRA, "1")}
DECLARED = {
    "mail": promised_label("mail", "", frozenset({"acl:desk"}), Integrity.UNTRUSTED),
    "book": promised_label("book", "", frozenset(), Integrity.RECORD),
}
SENT: list[dict[str, Any]] = []


class Shelf:
    """Two sources: one that anybody writes into, one of record."""

    def promised(self, source: str, object: str | None = None, *, reader: str | None = None) -> Label:
        return DECLARED[source]

    async def read(self, principal: Principal, name: str, query: Query) -> list[Row]:
        label = DECLARED[name]
        keys = [str(key) for key in query.conditions["key"]]
        return [
            Row(
                source=name, object=query.object, key={"key": key}, version="1", read_at=datetime.now(UTC),
                values={"text": f"{name}:{key}"}, readers=label.readers, integrity=label.integrity,
            )
            for key in keys
        ]  # fmt: skip


@step
async def letter(key: str) -> str:
    (row,) = await source("mail").read(Query("letters", where={"key": [key]}))
    return str(row["text"])


@step
async def record(key: str) -> str:
    (row,) = await source("book").read(Query("entries", where={"key": [key]}))
    return str(row["text"])


@step
async def nothing(keys: int) -> int:
    rows = await source("mail").read(Query("letters", where={"key": []}))
    return len(rows) + keys


@effect(tool="labels.note", tier=1, effect="write", accepts=Integrity.RECORD, steering=["who"],
        idempotent_by_effect_id=True)  # fmt: skip
async def note(who: str, text: str) -> None:
    SENT.append({"who": who, "text": text})


@effect(tool="labels.order", tier=3, effect="write", steering=["what"], audience=("acl:desk",),
        idempotent_by_effect_id=True)  # fmt: skip
async def order(what: str, text: str) -> None:
    SENT.append({"what": what, "text": text})


async def both(key: str) -> str:
    return f"{await letter(key)} {await record(key)}"


@workflow(name="labels.inner", catalog=CATALOG)
async def inner(a: str, b: str) -> str:
    await wait_for("go")
    return await record(b)


@workflow(name="labels.outer", catalog=CATALOG)
async def outer(key: str) -> list[str]:
    clean = await child(inner, "x", b=key)
    got = await gather(both(key), record(key))
    news = await wait_for("news")
    first = await perform(note.bind(clean, "hello"))
    return [clean, *got, news.value, first.state]


@workflow(name="labels.asks", catalog=CATALOG)
async def asks(key: str) -> str:
    text = await letter(key)
    call = order.bind(await record(key), text)
    answer = await decide("Order it?", of=call)
    return (await perform(call, answer)).state if answer.approved else "no"


@workflow(name="labels.unasked", catalog=CATALOG)
async def unasked(key: str) -> str:
    return (await perform(note.bind(key, await letter(key)))).state


@workflow(name="labels.loop", catalog=CATALOG)
async def loop(n: int, text: str) -> None:
    if n:
        continue_as(n=n - 1, text=await letter(text))


@workflow(name="labels.empty", catalog=CATALOG)
async def empty(n: int) -> int:
    return await nothing(n)


@asynccontextmanager
async def opened(database):
    inbox = Inbox(database)
    door = Door(database, inbox)

    def ready(engine):
        bind(Resources(engine=engine, sources=Shelf(), inbox=inbox, door=door))

    async with open_engine(database, QUICK, catalog=CATALOG, ready=ready) as engine:
        try:
            yield engine.resources
        finally:
            unbind(engine.resources)


@pytest.fixture
async def house(database):
    SENT.clear()
    async with opened(database) as resources:
        yield resources


def label_in(text: str | None) -> Label:
    from pilothouse.engine.running.labelling import label_from

    assert text is not None
    return label_from(text)


async def entries(engine, run):
    return {f"{e.key} {e.name}": label_in(e.label) async for e in engine.history(run) if e.label}


async def signal(engine, run, name, value, **more):
    async with engine.database.transaction() as tx:
        await engine.signal(run, name, value, event=name, tx=tx, **more)


async def test_labels_survive_children_gathers_signals_and_a_restart(database):
    SENT.clear()
    async with opened(database) as one:
        run = await outer.start("k", key="1", options=TYPED)
        kid = (await eventually(lambda: one.engine.runs(parent=run.id)))[0]
        await signal(one.engine, kid.id, "go", None, label=configured("go", "1"))
        assert await one.engine.result(kid.id, within=10) == "book:k"

        async def waits():
            return (await one.engine.get(run.id)).state == "parked" and await one.engine.waits(run.id)

        (wait,) = await eventually(waits)
        assert wait.subject == "news"
    async with opened(database) as two:
        await signal(two.engine, run.id, "news", "from outside")
        assert (await two.engine.result(run.id, within=10))[0] == "book:k"
        ended, kid = await two.engine.get(run.id), await two.engine.get(kid.id)
        found = await entries(two.engine, run.id)
    assert label_in(kid.result_label).integrity is Integrity.RECORD
    assert found["1.1.0 record"].integrity is Integrity.RECORD
    assert found["1.0.0 letter"].readers == {"acl:desk"}
    assert found["1.0 gather"].integrity is Integrity.UNTRUSTED
    assert sources_of(found["1.0 gather"]) >= {"mail", "book"}
    assert sources_of(found["3 perform labels.note"]) >= {"book", "effects"}
    result = label_in(ended.result_label)
    assert result.integrity is Integrity.UNTRUSTED
    assert result.readers == {"acl:desk", "user:amira"}
    assert SENT == [{"who": "book:k", "text": "hello"}]


async def test_a_question_shows_the_label_of_every_argument_and_why_it_is_asked(house):
    run = await asks.start("k", key="1", options=TYPED)

    async def listed():
        return (await house.inbox.list(BEN)).items

    (item,) = await eventually(listed)
    proposal = (await house.inbox.show(item.id, BEN)).proposal
    assert proposal.labels["what"].integrity is Integrity.RECORD
    assert proposal.labels["text"].integrity is Integrity.UNTRUSTED
    assert proposal.labels["text"].readers == {"acl:desk"}
    assert proposal.labels["pc"].integrity is Integrity.OPERATOR
    assert set(proposal.asks) == {"sink.steering:what", "sink.content:text", "effects.rung:approve"}
    await house.inbox.approve(item.id, BEN)
    assert await house.engine.result(run.id, within=10) == "done"
    assert SENT == [{"what": "book:k", "text": "mail:k"}]


async def test_what_must_be_asked_and_was_not_fails_and_says_so(house):
    run = await unasked.start("k", key="1", options=TYPED)
    with pytest.raises(DeniedError, match=r"ask with decide") as caught:
        await house.engine.result(run.id, within=10)
    assert caught.value.code == "effects.needs_approval"
    assert set(caught.value.reasons) == {"sink.content:text", "sink.secrecy:acl:desk"}
    assert SENT == []


async def test_a_run_that_begins_with_nothing_known_is_untrusted_and_its_principals_alone(house):
    run = await unasked.start("k", key="2", options={"principal": AMIRA})
    with pytest.raises(DeniedError) as caught:
        await house.engine.result(run.id, within=10)
    assert {"sink.steering:who", "sink.pc", "sink.secrecy:user:amira"} <= set(caught.value.reasons)


async def test_a_run_that_goes_on_as_another_takes_its_labels_along(house):
    await loop.start(2, "k", key="1", options=TYPED)

    async def ended():
        runs = await house.engine.runs(workflow="labels.loop")
        return len(runs) == 3 and all(run.state == "done" for run in runs) and runs

    last, *_ = await eventually(ended)
    from pilothouse.engine.running.labelling import run_labels

    labels = run_labels(last.label)
    assert labels.pc.integrity is Integrity.OPERATOR
    assert labels.of("n").integrity is Integrity.OPERATOR
    assert labels.of("text").integrity is Integrity.UNTRUSTED


async def test_a_fork_keeps_what_was_recorded_with_its_labels(house):
    run = await unasked.start("k", key="3", options=TYPED)
    with pytest.raises(DeniedError):
        await house.engine.result(run.id, within=10)
    fork = await house.engine.fork(run.id, principal=AMIRA)
    with pytest.raises(DeniedError):
        await house.engine.result(fork.id, within=10)
    assert (await house.engine.get(fork.id)).label == (await house.engine.get(run.id)).label
    assert (await entries(house.engine, fork.id))["0 letter"].integrity is Integrity.UNTRUSTED


async def test_an_empty_result_is_worth_what_the_source_promises(house):
    run = await empty.start(1, key="1", options=TYPED)
    assert await house.engine.result(run.id, within=10) == 1
    label = label_in((await house.engine.get(run.id)).result_label)
    assert (label.integrity, label.readers) == (Integrity.UNTRUSTED, {"acl:desk"})


async def test_a_run_started_by_a_body_knows_what_the_body_has_seen(house):
    @step
    async def starts(key: str) -> None:
        await letter(key)
        await empty.start(3, key="inner", options={"principal": AMIRA})

    @workflow(name="labels.starts", catalog=CATALOG)
    async def begins(key: str) -> None:
        await starts(key)

    run = await begins.start("k", key="1", options=TYPED)
    await house.engine.result(run.id, within=10)
    (begun,) = await house.engine.runs(workflow="labels.empty")
    from pilothouse.engine.running.labelling import run_labels

    assert "mail" in sources_of(run_labels(begun.label).pc)
    assert run_labels(begun.label).pc != unknown("amira")


async def test_a_step_of_the_engine_itself_is_unknown_and_counts_among_what_was_seen(house):
    from pilothouse import engine

    @workflow(name="labels.raw", catalog=CATALOG)
    async def raw(key: str) -> str:
        async def body() -> str:
            return "from anywhere"

        return str(await engine.step("raw", body))

    run = await raw.start("k", key="1", options=TYPED)
    await house.engine.result(run.id, within=10)
    label = label_in((await house.engine.get(run.id)).result_label)
    assert (label.integrity, label.readers) == (Integrity.UNTRUSTED, {"user:amira"})
