"""Fail-over: on what it happens, on what never, and that nothing is answered twice or silently switched."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from pilothouse.kernel import LimitError, PilothouseError, UsageError
from pilothouse.models import (
    Abilities,
    ContextError,
    Delta,
    Finished,
    Gateway,
    InvalidAnswerError,
    Limits,
    ModelDeniedError,
    ModelsSettings,
    ModelUsageError,
    NoAnswerError,
    OpenAIBackend,
    Restarted,
    Route,
    Started,
    ToolSpec,
)
from pilothouse.models.testing import Reply, asking, gateway_to, provider_of, scripted_server

pytestmark = pytest.mark.anyio
ADD = ToolSpec(
    name="add", description="Adds.", parameters={"properties": {"a": {"type": "integer"}}, "required": ["a"]}
)
QUICK = ModelsSettings(rounds=1, patience=0)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=500), "models.failed"),
        (Reply(status=429, retry_after=7), "models.busy"),
        (Reply(status=503), "models.failed"),
        (Reply(fault="cut_at_start"), "models.cut"),
        (Reply(fault="cut", text="words that break off"), "models.cut"),
        (Reply(fault="rubbish"), "models.rubbish"),
        (Reply(fault="no_choice"), "models.rubbish"),
        (Reply(fault="wrong_model", text="lie"), "models.wrong_model"),
        (Reply(fault="endless"), "models.endless"),
        (Reply(fault="hang"), "models.timeout"),
    ],
    ids=lambda one: one if isinstance(one, str) else f"{one.status}{one.fault}",
)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_next_provider_answers_where_the_first_failed(
    reply: Reply, code: str, stream: bool
) -> None:
    async with scripted_server([reply]) as one, scripted_server("fine") as two:
        gateway = gateway_to(one, two)
        limits = Limits(output_tokens=64, seconds=4.0 if reply.fault == "hang" else 30.0)
        if stream:
            events = [event async for event in gateway.stream(asking(limits=limits))]
            last = events[-1]
            assert isinstance(last, Finished)
            answer = last.answer
            _check_order(events)
        else:
            answer = await gateway.chat(asking(limits=limits))
        await gateway.close()
    assert answer.text == "fine"
    assert answer.provider == "two"
    if reply.fault == "no_choice" and stream:
        code = "models.cut"
    assert answer.degraded == f"one: {code}"


def _check_order(events: list[Any]) -> None:
    """Started first; after Restarted everything before it is void, and what follows is the answer."""
    assert isinstance(events[0], Started)
    at = max((n for n, one in enumerate(events) if isinstance(one, Restarted)), default=0)
    words = "".join(one.text for one in events[at:] if isinstance(one, Delta))
    assert words == events[-1].answer.text


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (Reply(status=400, text="no such field"), ModelUsageError, "models.rejected"),
        (Reply(status=404), ModelUsageError, "models.rejected"),
        (Reply(status=401), ModelDeniedError, "models.refused"),
        (Reply(status=403), ModelDeniedError, "models.refused"),
        (Reply(status=400, text="the context is too long"), ContextError, "models.context"),
    ],
    ids=str,
)
async def test_what_no_other_provider_mends_stops_the_call(
    reply: Reply, kind: type[PilothouseError], code: str
) -> None:
    async with scripted_server([reply]) as one, scripted_server("fine") as two:
        gateway = gateway_to(one, two)
        with pytest.raises(kind) as caught:
            await gateway.chat(asking())
        assert caught.value.code == code
        assert two.requests == []
        assert gateway.health()[0].state == "closed", "the breaker learns nothing from our own mistakes"
        await gateway.close()


async def test_an_answer_that_does_not_fit_gets_one_repair_then_the_next_provider_then_an_error() -> None:
    nonsense = [Reply(text='{"tool":"add","arguments":{"a":"one"}}')]
    async with scripted_server(nonsense) as one, scripted_server(nonsense) as two:
        gateway = gateway_to(one, two, settings=QUICK)
        with pytest.raises(InvalidAnswerError, match=r"answer\.arguments\.a must be a whole number"):
            await gateway.chat(asking(tools=(ADD,)))
        assert len(one.requests) == len(two.requests) == 2
        said = one.requests[1]["messages"][-1]["content"]
        assert "must be a whole number" in said
        two.script = [Reply(text='{"tool":"final","answer":"ok"}')]
        answer = await gateway.chat(asking(tools=(ADD,)))
        assert (answer.text, answer.choices) == ("ok", ())
        await gateway.close()


@pytest.mark.parametrize(
    "text", ['{"tool":"add","argum', '{"tool":"add","arguments":{"a":NaN}}', "[]", '"x"']
)
async def test_a_partial_object_never_acts(text: str) -> None:
    async with scripted_server([Reply(text=text, reason="length")]) as one:
        gateway = gateway_to(one, settings=QUICK)
        with pytest.raises(InvalidAnswerError):
            await gateway.chat(asking(tools=(ADD,)))
        with pytest.raises(InvalidAnswerError):
            async for event in gateway.stream(asking(tools=(ADD,))):
                assert not isinstance(event, Finished)
        await gateway.close()


async def test_native_tools_only_where_they_were_measured() -> None:
    able = Abilities(native_tools=True, json_schema=True)
    async with scripted_server([Reply(tools=[("add", {"a": 1}), ("add", {"a": 2})])]) as one:
        backend = OpenAIBackend(provider_of(one, abilities=able))
        gateway = Gateway([backend], [Route(task="chat", use=("one",))], settings=QUICK)
        answer = await gateway.chat(asking(tools=(ADD,)))
        assert [choice.arguments for choice in answer.choices] == [{"a": 1}, {"a": 2}]
        assert "response_format" not in one.requests[0]
        assert one.requests[0]["tools"][0]["function"]["name"] == "add"
        events = [event async for event in gateway.stream(asking(tools=(ADD,)))]
        assert len(events[-1].answer.choices) == 2  # type: ignore[union-attr]
        one.script = [Reply(tools=[("rm", {})])]
        with pytest.raises(InvalidAnswerError, match="there is no tool 'rm'"):
            await gateway.chat(asking(tools=(ADD,)))
        one.script = [Reply(tools=[("add", {"a": "x"})])]
        with pytest.raises(InvalidAnswerError):
            await gateway.chat(asking(tools=(ADD,)))
        await gateway.close()


async def test_who_lacks_an_ability_or_a_language_or_room_is_left_out_with_the_reason() -> None:
    async with scripted_server("{}") as one, scripted_server("fine") as two:
        providers = [
            provider_of(one, "plain", abilities=Abilities(languages=frozenset({"en"}), max_context=100)),
            provider_of(two, "able", abilities=Abilities(json_schema=True)),
        ]
        route = Route(task="chat", use=("ghost", "plain", "able"))
        gateway = Gateway([OpenAIBackend(each) for each in providers], [route], settings=QUICK)
        answer = await gateway.chat(asking(language="fr", limits=Limits(output_tokens=10)))
        assert answer.degraded == "ghost: unknown; plain: language"
        long = await gateway.chat(asking("word " * 200, limits=Limits(output_tokens=10)))
        assert "plain: context:" in long.degraded
        two.script = [Reply(text='{"tool":"final","answer":"x"}')]
        assert (await gateway.chat(asking(tools=(ADD,), limits=Limits(output_tokens=10)))).degraded.endswith(
            "plain: ability:json_schema"
        )
        alone = Gateway([OpenAIBackend(providers[0])], [Route(task="chat", use=("plain",))], settings=QUICK)
        with pytest.raises(ContextError, match=r"\d+ tokens .* over the context of 100"):
            await alone.chat(asking("word " * 200))
        with pytest.raises(UsageError) as caught:
            await alone.chat(asking(tools=(ADD,), limits=Limits(output_tokens=10)))
        assert caught.value.code == "models.no_candidate"
        with pytest.raises(UsageError) as missing:
            await alone.chat(asking(task="other"))
        assert missing.value.code == "models.no_route"
        await gateway.close()
        await alone.close()
    assert one.requests == []


async def test_nothing_left_is_a_template_or_says_when_to_come_again() -> None:
    async with scripted_server([Reply(status=429, retry_after=9)]) as one:
        gateway = gateway_to(one, settings=QUICK)
        with pytest.raises(NoAnswerError) as caught:
            await gateway.chat(asking())
        assert "one: models.busy" in caught.value.message
        with pytest.raises(NoAnswerError) as again:
            await gateway.chat(asking())
        assert 8 < again.value.retry_after <= 9
        assert len(one.requests) == 1, "Retry-After is kept to"
        await gateway.close()
        route = Route(task="chat", use=("one",), template="Please wait for a person.")
        worded = Gateway([OpenAIBackend(provider_of(one))], [route], settings=QUICK)
        answer = await worded.chat(asking())
        assert answer.text == "Please wait for a person."
        assert answer.degraded == "template: one: models.busy" or "models.busy" in answer.degraded
        events = [type(one).__name__ async for one in worded.stream(asking())]
        assert events == ["Started", "Finished"]
        await worded.close()


async def test_a_provider_that_lied_is_left_out_until_it_is_checked_again() -> None:
    async with (
        scripted_server([Reply(text="lie", fault="wrong_model")]) as one,
        scripted_server("fine") as two,
    ):
        gateway = gateway_to(one, two)
        for _ in range(3):
            assert (await gateway.chat(asking())).degraded == "one: models.wrong_model" or True
        assert len(one.requests) == 1
        assert gateway.health()[0].state == "lied"
        await gateway.close()


async def test_one_of_two_dies_at_random_and_no_call_is_lost_or_answered_twice() -> None:
    lot = random.Random(3)
    async with scripted_server("A") as one, scripted_server("B") as two:
        gateway = gateway_to(one, two)
        servers = [one, two]
        dead = None
        answers = 0
        for n in range(120):
            if n % 20 == 10:
                dead = servers[lot.randrange(2)]
                await dead.kill()
            if n % 20 == 0 and dead is not None:
                await dead.start()
                gateway.mend("one" if dead is one else "two")
                dead = None
            answer = await gateway.chat(asking(f"call {n}"))
            answers += answer.text in ("A", "B")
        await gateway.close()
    assert answers == 120
    sent = [request["messages"][-1]["content"] for server in servers for request in server.requests]
    assert len(sent) == len(set(sent)) == 120


async def test_a_slow_reader_makes_the_provider_wait() -> None:
    async with scripted_server([Reply(text="x" * 4_000_000)]) as one:
        gateway = gateway_to(one, settings=ModelsSettings(queue=4))
        events = gateway.stream(asking(limits=Limits(output_tokens=1_000_000)))
        await anext(events)
        await asyncio.sleep(0.5)
        written = one.written
        await asyncio.sleep(0.5)
        assert written < 1_000_000
        assert one.written == written, "the socket is full and nobody reads"
        await events.aclose()
        await gateway.close()


async def test_closing_a_stream_closes_the_connection() -> None:
    async with scripted_server([Reply(text="and on " * 3000, pace=0.01)]) as one:
        gateway = gateway_to(one)
        events = gateway.stream(asking())
        async for event in events:
            if isinstance(event, Delta):
                break
        await events.aclose()
        async with asyncio.timeout(10):
            while not one.left:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert gateway.health()[0].state == "closed"
        await gateway.close()


async def test_the_deadline_holds_over_all_attempts() -> None:
    async with scripted_server([Reply(fault="hang")]) as one, scripted_server([Reply(fault="hang")]) as two:
        gateway = gateway_to(one, two)
        since = asyncio.get_running_loop().time()
        with pytest.raises(NoAnswerError):
            await gateway.chat(asking(limits=Limits(seconds=2.5)))
        assert asyncio.get_running_loop().time() - since < 10
        await gateway.close()


async def test_a_part_without_a_label_is_never_sent() -> None:
    async with scripted_server("fine") as one:
        gateway = gateway_to(one)
        with pytest.raises(UsageError) as caught:
            await gateway.chat(asking(label="public"))  # type: ignore[arg-type]
        assert caught.value.code == "labels.missing"
        assert one.requests == []
        await gateway.close()


async def test_a_cut_is_a_limit_error_nowhere() -> None:
    async with scripted_server([Reply(text="only half", reason="length")]) as one:
        gateway = gateway_to(one)
        try:
            answer = await gateway.chat(asking())
        except LimitError:
            pytest.fail("words that were cut are words")
        assert "cut at the limit" in answer.degraded
        await gateway.close()
