"""The embedded models behind the gateway: a project's route, its fair turns, what a call cost, ``/v1``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from pilothouse.api.testing import Served, make_key, served_project
from pilothouse.kernel import Principal
from pilothouse.models import ChatRequest, ChildBackend, Gateway, Limits, Provider, Route
from pilothouse.models.adapters.onnx_minilm import OnnxMiniLM
from pilothouse.models.runtime import CALLER_HEADER, LocalRuntime
from pilothouse.models.testing import asking, gateway_to, scripted_server
from pilothouse.registry.packs import Packs

pytestmark = pytest.mark.anyio
PROJECT = """
[project]
name = "small"
operator = "owner"

[principals.owner]
rights = ["*"]

[models.providers.here]
kind = "local"

[models.routes.chat]
use = ["here"]
"""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"port": {"enum": ["Rotterdam", "Antwerp"]}, "boxes": {"type": "integer", "maximum": 99}},
    "required": ["port", "boxes"],
}
SHORT = Limits(output_tokens=4, seconds=120)


@pytest.fixture
async def runtime(model_packs: Packs) -> AsyncIterator[LocalRuntime]:
    async with LocalRuntime(model_packs.open("smollm2")) as opened:
        yield opened


@pytest.fixture
async def served(
    tmp_path: Path, database_url: str, model_packs: Packs, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Served]:
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", database_url)
    monkeypatch.setenv("PILOTHOUSE_DATA_DIR", str(tmp_path / "data"))
    async with served_project(tmp_path, file=PROJECT) as running:
        yield running


def gateway_on(runtime: LocalRuntime) -> Gateway:
    provider = Provider(name="here", model="smollm2", kind="local", same_model=False)
    return Gateway([ChildBackend(provider, lambda: runtime)], [Route(task="chat", use=("here",))])


def of(agent: str, words: str) -> ChatRequest:
    return asking(words, principal=Principal(id="amira", agent=Principal(id=agent)), limits=SHORT)


async def test_callers_of_the_gateway_take_turns_before_the_local_model(runtime: LocalRuntime) -> None:
    gateway, served = gateway_on(runtime), list[str]()

    async def call(agent: str, n: int) -> None:
        await gateway.chat(of(agent, f"I am {agent} {n}."))
        served.append(agent)

    await gateway.chat(of("first", "Wake up."))
    async with runtime.lane.turn("test"):
        tasks = [asyncio.create_task(call("grüße", n)) for n in range(4)]
        await _until(lambda: runtime.lane.waiting == 4)
        tasks.append(asyncio.create_task(call("modest", 0)))
        await _until(lambda: runtime.lane.waiting == 5)
    await asyncio.gather(*tasks)
    assert served.index("modest") <= 1
    await gateway.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_waiting_for_others_costs_no_processor_time(runtime: LocalRuntime, stream: bool) -> None:
    gateway = gateway_on(runtime)

    async def cost(n: int) -> float:
        request = of(f"agent{n}", f"Tell me story number {n}.")
        if not stream:
            return (await gateway.chat(request)).usage.cpu_seconds
        *_, last = [event async for event in gateway.stream(request)]
        return last.answer.usage.cpu_seconds  # type: ignore[union-attr]

    costs = await asyncio.gather(*(cost(n) for n in range(5)))
    spent = runtime.cpu_seconds()
    assert all(one > 0 for one in costs)
    assert sum(costs) <= spent + 0.02 * len(costs), "clocks tick in hundredths"
    await gateway.close()


async def test_nobody_else_is_told_who_asks() -> None:
    async with scripted_server("fine") as server:
        gateway = gateway_to(server)
        await gateway.chat(of("agent", "Hello"))
        await gateway.close()
    assert CALLER_HEADER not in server.headers[0]
    assert "amira" not in str(server.headers)


async def test_a_project_that_names_only_the_embedded_model_gets_answers_that_fit(served: Served) -> None:
    studio = served.studio
    request = asking(
        "Four boxes wait in Antwerp. Where, and how many?",
        schema=SCHEMA,
        principal=studio.principal,
        limits=Limits(output_tokens=100, seconds=120),
    )
    answer = await studio.models.chat(request)
    assert isinstance(answer.value, dict)
    assert answer.value["port"] in {"Rotterdam", "Antwerp"}
    assert isinstance(answer.value["boxes"], int)
    assert (answer.provider, answer.degraded) == ("here", "")
    assert answer.label == request.label
    assert answer.usage.cpu_seconds > 0
    row = await studio.database.fetch_one("select outcome, local, effect, cpu_seconds from models_call")
    assert row is not None
    assert (row["outcome"], row["local"], row["effect"]) == ("ok", True, "")
    assert row["cpu_seconds"] == answer.usage.cpu_seconds


async def test_openai_clients_get_words_and_vectors_of_the_embedded_models(
    served: Served, model_packs: Packs
) -> None:
    key = await make_key(served.studio, "client", {"models:call"})
    async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key=key, max_retries=0) as client:
        said = await client.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "Say hello."}], max_tokens=8
        )
        assert said.choices[0].message.content
        texts = ["The container is held.", "The box must not be released.", "Lunch is at noon."]
        found = await client.embeddings.create(model="minilm", input=texts)
    encoder = OnnxMiniLM(model_packs.open("minilm"))
    assert found.model == f"minilm@{encoder.version[:12]}"
    for one, row in zip(found.data, await encoder.encode(texts), strict=True):
        assert one.embedding == pytest.approx([float(x) for x in row], abs=1e-6)
    encoder.close()


async def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
