"""Forgetting: old calls go with what only they had named; what anybody still leads to stays whole."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from uuid import UUID

import pytest

from pilothouse.kernel import Principal, UsageError
from pilothouse.labels import unknown
from pilothouse.models import ChatRequest, Message, Part, PostgresKeeper, Pruned, Records, prune
from pilothouse.models.testing import Reply, asking, gateway_to, scripted_server
from pilothouse.storage import Database

pytestmark = pytest.mark.anyio
CLERK = Principal(id="clerk", rights=frozenset({"*", "reads:*"}))
AGE = "update models_call set at = at - interval '500 days', until = until - interval '500 days'"
COUNTS = (
    "select (select count(*) from models_call) as calls, (select count(*) from models_thread) as threads,"
    " (select count(*) from models_body) as bodies"
)


def said(*words: str) -> ChatRequest:
    label = unknown("clerk")
    return replace(
        asking(),
        messages=tuple(Message(role="user", parts=(Part(text=one, label=label),)) for one in words),
    )


async def counts(database: Database) -> dict[str, int]:
    found = await database.fetch_one(COUNTS)
    assert found is not None
    return dict(found)


async def test_old_calls_go_with_what_only_they_named_and_the_rest_reads_whole(database: Database) -> None:
    async with scripted_server(lambda asked: Reply(text=f"answer {len(asked['messages'])}")) as server:
        gateway = gateway_to(server, keeper=PostgresKeeper(database))
        await gateway.chat(said("only old", "and older"))
        await gateway.chat(said("shared", "begun long ago"))
        gone = await gateway.chat(said("shared", "begun long ago", "left"))
        await database.execute(AGE)
        kept = await gateway.chat(said("shared", "begun long ago", "gone on with today"))
        await gateway.close()
    done = await prune(database, keep_days=400, batch=1)
    # Two old messages and "left" are nobody's any more, and one answer: "answer 3" is today's too.
    assert done == Pruned(calls=3, threads=2, bodies=4)
    assert await prune(database, keep_days=400) == Pruned()
    records = Records(database)
    whole = await records.conversation(UUID(kept.call), CLERK)
    assert [one.parts[0].text for one in whole] == [
        "shared", "begun long ago", "gone on with today", "answer 3",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="no model call"):
        await records.conversation(UUID(gone.call), CLERK)


async def test_a_conversation_of_which_all_was_forgotten_can_go_on(database: Database) -> None:
    async with scripted_server("fine") as server:
        gateway = gateway_to(server, keeper=PostgresKeeper(database))
        await gateway.chat(said("a", "b", "c"))
        await database.execute(AGE)
        assert (await prune(database, keep_days=400)).threads == 1
        assert await counts(database) == {"calls": 0, "threads": 0, "bodies": 0}
        # This process still believes that all of it is stored.
        answer = await gateway.chat(said("a", "b", "c", "d"))
        await gateway.close()
    whole = await Records(database).conversation(UUID(answer.call), CLERK)
    assert [one.parts[0].text for one in whole] == ["a", "b", "c", "d", "fine"]


async def test_pruning_beside_calls_never_takes_what_they_name(database: Database) -> None:
    lot = random.Random(3)
    async with scripted_server("fine") as server:
        # Several processes: what one of them remembers, another does not.
        gateways = [gateway_to(server, keeper=PostgresKeeper(database)) for _ in range(3)]
        live = True

        async def pruning() -> int:
            gone = 0
            while live:
                done = await prune(database, keep_days=400, batch=3)
                gone += done.threads + done.bodies
                await asyncio.sleep(0)
            return gone

        work = asyncio.create_task(pruning())
        for _ in range(120):
            words = [f"w{lot.randrange(2)}" for _ in range(lot.randrange(1, 9))]
            await lot.choice(gateways).chat(said(*words))
            if lot.random() < 0.3:
                # Old enough to go; the memories that point at it are as old as a day in truth.
                await database.execute(AGE)
                for gateway in gateways:
                    gateway._engines.keeper._bodies._known.clear()  # type: ignore[attr-defined]
        live = False
        assert await work > 20
        for gateway in gateways:
            await gateway.close()
    records = Records(database)
    for row in await database.fetch_all("select id from models_call where at > now() - interval '1 day'"):
        assert len(await records.conversation(row["id"], CLERK)) >= 2
