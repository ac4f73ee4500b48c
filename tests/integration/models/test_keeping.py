"""What is kept of calls: attempts, bodies once, budgets that hold, answers that come back byte by byte."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from pilothouse.kernel import Principal
from pilothouse.labels import unknown
from pilothouse.models import (
    Answer,
    BudgetError,
    BudgetRule,
    Budgets,
    Gateway,
    Limits,
    Message,
    ModelsSettings,
    OpenAIBackend,
    Part,
    PostgresKeeper,
    Price,
    ReplayMissError,
    Route,
    ToolSpec,
)
from pilothouse.models.keeping.bodies import unpacked
from pilothouse.models.testing import Reply, asking, gateway_to, provider_of, scripted_server
from pilothouse.storage import Database

pytestmark = pytest.mark.anyio
ADD = ToolSpec(
    name="add", description="Adds.", parameters={"properties": {"a": {"type": "integer"}}, "required": ["a"]}
)


async def test_every_attempt_is_a_call_also_the_failed_and_the_repaired(database: Database) -> None:
    replies = [Reply(text="nonsense"), Reply(text='{"tool":"add","arguments":{"a":1}}')]
    async with scripted_server([Reply(status=500)]) as one, scripted_server(replies) as two:
        gateway = gateway_to(one, two, keeper=PostgresKeeper(database))
        answer = await gateway.chat(asking(tools=(ADD,), run="run-1", call_id="run-1:4"))
        await gateway.close()
    rows = await database.fetch_all("select * from models_call order by number")
    assert [(row["provider"], row["outcome"], row["code"]) for row in rows] == [
        ("one", "failed", "models.failed"),
        ("two", "invalid", "models.invalid"),
        ("two", "ok", ""),
    ]
    assert {row["call"] for row in rows} == {"run-1:4"}
    assert rows[1]["raw"] == "nonsense"
    assert rows[2]["repair"]
    assert str(rows[2]["id"]) == answer.call
    assert rows[2]["degraded"] == answer.degraded == "one: models.failed"
    assert rows[2]["prompt_tokens"] > 0


async def test_a_recorded_answer_comes_back_byte_by_byte_and_opens_no_socket(database: Database) -> None:
    replies = [
        Reply(text="Grüße, 世界"),
        Reply(text='{"n": 1.50, "s": "x"}'),
        Reply(text='{"tool":"add","arguments":{"a":1}}'),
        Reply(text='{"tool":"final","answer":"three"}'),
    ]
    schema = {"properties": {"n": {"type": "number"}, "s": {"type": "string"}}}
    requests = [asking("a"), asking("b", schema=schema), asking("c", tools=(ADD,)), asking("d", tools=(ADD,))]
    async with scripted_server(replies) as server:
        gateway = gateway_to(server, keeper=PostgresKeeper(database))
        said = [await gateway.chat(one) for one in requests]
        await server.kill()
        again = gateway_to(server, keeper=PostgresKeeper(database), replay="recorded")
        assert [await again.chat(one) for one in requests] == said
        events = [type(one).__name__ async for one in again.stream(requests[0])]
        assert events == ["Started", "Delta", "Finished"]
        with pytest.raises(ReplayMissError) as caught:
            await again.chat(asking("e"))
        assert caught.value.code == "models.replay_miss"
        with pytest.raises(ReplayMissError):
            await again.chat(replace(requests[0], principal=Principal(id="other")))
        await gateway.close()
        await again.close()


async def test_a_cache_answers_the_same_rights_only(database: Database) -> None:
    async with scripted_server([Reply(text="one"), Reply(text="two"), Reply(text="three")]) as server:
        provider = provider_of(server)
        route = Route(task="chat", use=("one",), cache_seconds=60)
        gateway = Gateway([OpenAIBackend(provider)], [route], keeper=PostgresKeeper(database))
        first = await gateway.chat(asking())
        assert (await gateway.chat(asking())).text == first.text == "one"
        other = asking(label=unknown("somebody"))
        assert (await gateway.chat(other)).text == "two"
        assert (await gateway.chat(replace(asking(), principal=Principal(id="other")))).text == "three"
        await gateway.close()


async def test_a_conversation_costs_its_unique_bytes(database: Database) -> None:
    label = unknown("clerk")
    async with scripted_server(
        lambda asked: Reply(text=f"answer {len(asked['messages'])} " + "x" * 400)
    ) as server:
        gateway = gateway_to(server, keeper=PostgresKeeper(database))
        messages: tuple[Message, ...] = ()
        for n in range(60):
            said = Message(role="user", parts=(Part(text=f"question {n} " + "y" * 400, label=label),))
            messages = (*messages, said)
            answer = await gateway.chat(replace(asking(), messages=messages))
            messages = (*messages, Message(role="assistant", parts=(Part(text=answer.text, label=label),)))
        await gateway.close()
    unique = sum(len(part.text.encode()) for message in messages for part in message.parts)
    # As said: these words would be next to nothing compressed.
    bodies = await database.fetch_all("select body from models_body")
    stored = sum(len(unpacked(bytes(row["body"]))) for row in bodies)
    packed = await database.fetch_value("select sum(length(body)) from models_body")
    assert packed < stored
    chained = await database.fetch_value(
        "select sum(64 + length(bodies) + length(labels)) from models_thread"
    )
    assert (stored + chained) / unique < 1.3, "small messages: hashes weigh"
    assert stored / unique < 1.2
    assert await database.fetch_value("select count(*) from models_body") == 121, "120 messages, one label"
    keeper = PostgresKeeper(database)
    [row] = await database.fetch_all("select thread from models_call order by at desc limit 1")
    assert row["thread"] is not None
    assert keeper is not None


async def test_a_budget_stops_the_call_that_would_go_over_it_and_names_its_scope(database: Database) -> None:
    rules = (
        BudgetRule(scope="principal", unit="tokens", most=Decimal(3000), per="day"),
        BudgetRule(scope="group", unit="money", most=Decimal("0.01"), name="desk"),
        BudgetRule(scope="run", unit="wall_seconds", most=Decimal(10_000)),
    )
    budgets = Budgets(database, rules)
    async with scripted_server("fine") as server:
        provider = provider_of(server, price=Price(prompt=Decimal(1), output=Decimal(1)))
        backend = OpenAIBackend(provider)
        gateway = Gateway(
            [backend], [Route(task="chat", use=("one",))], keeper=PostgresKeeper(database, budgets=budgets)
        )
        clerk = Principal(id="clerk", groups=frozenset({"desk", "other"}))
        request = replace(asking(run="r1"), principal=clerk)
        await gateway.chat(request)
        states = {(one.scope, one.name): one for one in await budgets.states()}
        assert states["principal", "clerk"].used > 0
        assert states["group", "desk"].used > 0
        assert ("group", "other") not in states
        assert all(one.reserved == 0 for one in states.values())
        with pytest.raises(BudgetError, match=r"principal 'clerk', 3000 tokens a day"):
            await gateway.chat(replace(request, limits=Limits(output_tokens=4000)))
        after = {(one.scope, one.name): one for one in await budgets.states()}
        assert after == states, "a refusal reserves nothing anywhere"
        assert len(server.requests) == 1
        with pytest.raises(BudgetError, match="its own limit"):
            await gateway.chat(replace(request, limits=Limits(money=Decimal("0.000001"))))
        await gateway.close()


async def test_writers_at_once_never_go_over_a_limit(database: Database) -> None:
    rules = (
        BudgetRule(scope="project", unit="tokens", most=Decimal(20_000)),
        BudgetRule(scope="caller", unit="tokens", most=Decimal(8_000)),
    )
    budgets = Budgets(database, rules)
    keeper = PostgresKeeper(database, budgets=budgets)
    async with scripted_server(lambda _: Reply(text="fine", delay=0.01)) as server:
        gateway = gateway_to(server, keeper=keeper)

        async def one(n: int) -> bool:
            request = asking(caller=f"agent@{n % 4}", limits=Limits(output_tokens=900, seconds=30))
            try:
                await gateway.chat(request)
            except BudgetError:
                return False
            return True

        async def watch() -> None:
            while True:
                for state in await budgets.states():
                    assert state.reserved + state.used <= state.most
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        fine = await asyncio.gather(*(one(n) for n in range(200)))
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await gateway.close()
    assert 0 < sum(fine) < 200
    assert sum(fine) == len(server.requests)
    assert all(state.reserved == 0 and state.over == 0 for state in await budgets.states())


async def test_what_a_provider_uses_beyond_its_reservation_is_shown(database: Database) -> None:
    budgets = Budgets(database, (BudgetRule(scope="project", unit="tokens", most=Decimal(200)),))
    settings = ModelsSettings()
    told: list[object] = []
    async with scripted_server([Reply(text="w" * 1200)]) as server:
        keeper = PostgresKeeper(database, budgets=budgets, settings=settings, warn=told.append)
        gateway = gateway_to(server, keeper=keeper)
        await gateway.chat(asking(limits=Limits(output_tokens=100)))
        await gateway.close()
    [state] = await budgets.states()
    assert state.used > 200
    assert state.over == state.used - 200
    assert told, "80 % was passed"


async def test_a_call_that_died_is_lost_and_settled_at_its_estimate(database: Database) -> None:
    budgets = Budgets(database, (BudgetRule(scope="project", unit="tokens", most=Decimal(100_000)),))
    settings = ModelsSettings(lease_grace=0)
    keeper = PostgresKeeper(database, budgets=budgets, settings=settings)
    async with scripted_server([Reply(fault="hang")]) as server:
        gateway = gateway_to(server, keeper=keeper)
        work = asyncio.create_task(gateway.chat(asking(limits=Limits(seconds=30))))
        while not server.requests:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        # What a killed process leaves behind: an open row and a reservation, both past their time.
        await database.execute("update models_call set until = clock_timestamp()")
        await database.execute("update models_reservation set until = clock_timestamp()")
        assert await keeper.sweep() == 1
        [state] = await budgets.states()
        assert state.reserved == 0
        assert state.lost == state.used > 0
        assert await database.fetch_value("select outcome from models_call") == "lost"
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        [after] = await budgets.states()
        assert after == state, "it is not settled twice"
        await gateway.close()


async def test_an_answer_is_one_of_ours(database: Database) -> None:
    async with scripted_server("x") as server:
        gateway = gateway_to(server, keeper=PostgresKeeper(database))
        assert isinstance(await gateway.chat(asking()), Answer)
        await gateway.close()
