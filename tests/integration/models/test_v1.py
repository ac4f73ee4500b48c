"""A public OpenAI client against ``/v1``: words, streams, tools, structured answers, embeddings, refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from pilothouse.api.testing import make_key, served_project
from pilothouse.app import Studio
from pilothouse.models.testing import Reply, ScriptedServer, scripted_server

pytestmark = pytest.mark.anyio
PROJECT = """
[project]
name = "served"
operator = "owner"

[principals.owner]
rights = ["*"]

[models.providers.site]
url = "{url}"
model = "scripted"
abilities = ["json_schema"]

[models.providers.cloud]
url = "{url}"
model = "scripted"
leaves = true

[models.routes.chat]
use = ["site"]

[models.routes.far]
use = ["cloud"]
"""
ADD: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
    },
}
HELLO: Any = [{"role": "user", "content": "Hello"}]


@dataclass
class Rig:
    client: openai.AsyncOpenAI
    server: ScriptedServer
    studio: Studio
    url: str


@pytest.fixture
async def rig(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", database_url)
    monkeypatch.setenv("PILOTHOUSE_DATA_DIR", str(tmp_path / "data"))
    async with (
        scripted_server("Good morning.") as server,
        served_project(tmp_path, file=PROJECT.format(url=server.url)) as served,
    ):
        key = await make_key(served.studio, "client", {"models:call", "effects:models.call"})
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key=key, max_retries=0) as client:
            yield Rig(client, server, served.studio, served.url)


async def test_models_are_the_routes(rig: Rig) -> None:
    assert [one.id async for one in await rig.client.models.list()] == ["chat", "far"]


async def test_words_whole_and_piece_by_piece(rig: Rig) -> None:
    create = rig.client.chat.completions.create
    whole = await create(model="chat", messages=HELLO)
    assert whole.choices[0].message.content == "Good morning."
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None
    assert whole.usage.total_tokens > 0
    stream = await create(model="chat", messages=HELLO, stream=True, stream_options={"include_usage": True})
    chunks = [one async for one in stream]
    words = [one.choices[0].delta.content or "" for one in chunks if one.choices]
    assert "".join(words) == "Good morning."
    assert len(words) > 3
    assert chunks[-1].usage is not None
    rows = await rig.studio.database.fetch_all("select principal, caller, outcome from models_call")
    assert rows == [{"principal": "client", "caller": "api.openai", "outcome": "ok"}] * 2


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_come_back_as_tool_calls_and_their_results_go_in(rig: Rig, stream: bool) -> None:
    rig.server.script = [
        Reply(text='{"tool":"add","arguments":{"a":4}}'),
        Reply(text='{"tool":"final","answer":"It is 4."}'),
    ]
    messages: list[Any] = [*HELLO]
    create = rig.client.chat.completions.create
    if stream:
        chunks = [
            one async for one in await create(model="chat", messages=messages, tools=[ADD], stream=True)
        ]
        deltas = [one.choices[0].delta.tool_calls for one in chunks if one.choices[0].delta.tool_calls]
        call = deltas[0][0]
        assert chunks[-1].choices[0].finish_reason == "tool_calls"
        assert not any(one.choices[0].delta.content for one in chunks), "no half envelopes"
    else:
        found = await create(model="chat", messages=messages, tools=[ADD])
        assert found.choices[0].message.tool_calls
        call = found.choices[0].message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"a": 4}
    asked = {"name": "add", "arguments": call.function.arguments}
    messages.append(
        {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": asked}]}
    )
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "4"})
    last = await create(model="chat", messages=messages, tools=[ADD])
    assert last.choices[0].message.content == "It is 4."
    assert rig.server.requests[-1]["messages"][-1]["content"] == "Result of add:\n4"


async def test_a_structured_answer_is_validated_before_a_client_sees_it(rig: Rig) -> None:
    rig.server.script = [Reply(text="{"), Reply(text='{"port": "Rotterdam"}')]
    schema = {"type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"]}
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    found = await rig.client.chat.completions.create(model="chat", messages=HELLO, response_format=wanted)
    assert json.loads(found.choices[0].message.content or "") == {"port": "Rotterdam"}
    assert len(rig.server.requests) == 2, "one repair"


async def test_what_a_client_sends_is_for_itself_alone_and_does_not_leave(rig: Rig) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        await rig.client.chat.completions.create(model="far", messages=HELLO)
    assert caught.value.code == "models.denied"
    assert rig.server.requests == []


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"model": "nobody", "messages": HELLO}, 404, "no route"),
        ({"model": "chat", "messages": []}, 400, "messages"),
        ({"model": "chat", "messages": HELLO, "n": 2}, 400, "n is 2"),
        ({"model": "chat", "messages": HELLO, "max_tokens": 10**9}, 400, "max_tokens"),
        ({"model": "chat", "messages": [{"role": "wizard", "content": "x"}]}, 400, "role"),
        ({"model": "chat", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, "text"),
    ],
)
async def test_bad_input_names_the_field(rig: Rig, body: dict[str, Any], status: int, says: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        await rig.client.chat.completions.create(**body)
    assert caught.value.status_code == status
    assert says in caught.value.message


async def test_without_a_key_or_a_right_nothing_is_said(rig: Rig) -> None:
    async with openai.AsyncOpenAI(base_url=f"{rig.url}/v1", api_key="ph_key_no.no", max_retries=0) as nobody:
        with pytest.raises(openai.AuthenticationError):
            await nobody.models.list()
    key = await make_key(rig.studio, "reader", {"sources:x:read"})
    async with openai.AsyncOpenAI(base_url=f"{rig.url}/v1", api_key=key, max_retries=0) as reader:
        with pytest.raises(openai.PermissionDeniedError):
            await reader.chat.completions.create(model="chat", messages=HELLO)
    assert rig.server.requests == []


async def test_a_client_that_leaves_stops_the_generation(rig: Rig) -> None:
    rig.server.script = [Reply(text="and on " * 5000, pace=0.01)]
    stream = await rig.client.chat.completions.create(model="chat", messages=HELLO, stream=True)
    async for _ in stream:
        if rig.server.written > 5:
            break
    await stream.close()
    async with asyncio.timeout(20):
        while not rig.server.left:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        while await rig.studio.database.fetch_value("select outcome from models_call") != "cancelled":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert rig.server.written < 5000


async def test_a_stream_that_breaks_after_words_ends_with_an_error_not_with_two_halves(rig: Rig) -> None:
    rig.server.script = [Reply(text="half of it and the rest", fault="cut"), Reply(text="other words")]
    with pytest.raises(openai.APIError) as caught:
        async for _ in await rig.client.chat.completions.create(model="chat", messages=HELLO, stream=True):
            pass
    assert caught.value.message
