"""Owns what training asks of the server that will serve the adapter: its tokens, and its figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pilothouse.learning.adapters.lora_types import Example, LoraJob, Score

if TYPE_CHECKING:
    import httpx2

    from pilothouse.models.runtime import LocalRuntime, Weights

__all__ = ["ProgressCall", "figures", "tokens"]

_END = "<|im_end|>"
ProgressCall = Callable[[str, int, int], None]


async def tokens(job: LoraJob, base: Weights) -> tuple[list[dict[str, list[int]]], int]:
    """Let the server that will serve the adapter make the tokens: no second tokenizer, no second template."""
    from pilothouse.models.runtime import LocalRuntime

    made: list[dict[str, list[int]]] = []
    async with LocalRuntime(base, context=max(4096, job.longest)) as runtime, _client(runtime) as client:
        for one in job.train:
            # As in a call: control tokens in somebody's words have no power.
            asked = {"messages": [{"role": "user", "content": one.prompt.replace("<|", "< |")}]}
            shown = (await client.post("/apply-template", json=asked)).raise_for_status().json()["prompt"]
            prompt = await _ids(client, shown, special=True)
            completion = await _ids(client, one.completion, special=False)
            completion += await _ids(client, _END, special=True)
            if len(prompt) + len(completion) <= job.longest:
                made.append({"prompt": prompt, "completion": completion})
    return made, len(job.train) - len(made)


async def _ids(client: httpx2.AsyncClient, text: str, *, special: bool) -> list[int]:
    asked = {"content": text, "add_special": False, "parse_special": special}
    answer = (await client.post("/tokenize", json=asked)).raise_for_status().json()
    return cast("list[int]", answer["tokens"])


async def figures(job: LoraJob, base: Weights, adapter: Path, report: ProgressCall) -> dict[str, Any]:
    """Measure the held-out cases with the adapter off and on, in one process; known and new layouts apart."""
    from pilothouse.models.runtime import Adapter, LocalRuntime

    seen = {one.layout for one in job.train}
    cases = {"known": [c for c in job.held_out if c.layout in seen]}
    cases["new"] = [c for c in job.held_out if c.layout not in seen]
    made: dict[str, Any] = {}
    runtime = LocalRuntime(base, adapters=[Adapter(name=job.name, path=adapter)])
    async with runtime, _client(runtime) as client:
        for moment, name in (("before", None), ("after", job.name)):
            lora = runtime.lora(name)
            made[moment] = {
                kind: asdict(await _score(job, client, some, lora, report)) for kind, some in cases.items()
            }
    return made


async def _score(
    job: LoraJob,
    client: httpx2.AsyncClient,
    cases: Sequence[Example],
    lora: list[dict[str, float]],
    report: ProgressCall,
) -> Score:
    exact = right = total = 0
    for number, case in enumerate(cases, 1):
        said = await _answer(job, client, case, lora)
        report("measure", number, len(cases))
        exact += _same(said, case.completion)
        wanted, got = _fields(case.completion), _fields(said)
        total += len(wanted)
        right += sum(name in got and got[name] == value for name, value in wanted.items())
    return Score(n=len(cases), exact=exact, fields=right, of_fields=total)


async def _answer(job: LoraJob, client: httpx2.AsyncClient, case: Example, lora: Any) -> str:
    asked: dict[str, Any] = {
        "messages": [{"role": "user", "content": case.prompt}],
        "temperature": 0,
        "max_tokens": max(64, len(case.completion)),
        "lora": lora,
    }
    if job.schema is not None:
        named = {"name": "answer", "schema": job.schema, "strict": True}
        asked["response_format"] = {"type": "json_schema", "json_schema": named}
    answer = (await client.post("/v1/chat/completions", json=asked)).raise_for_status().json()
    return str(answer["choices"][0]["message"]["content"])


def _same(said: str, wanted: str) -> bool:
    fields = _fields(wanted)
    return fields == _fields(said) if fields else said.strip() == wanted.strip()


def _fields(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _client(runtime: LocalRuntime) -> httpx2.AsyncClient:
    import httpx2

    return httpx2.AsyncClient(transport=runtime.transport, base_url="http://localhost", timeout=600)
