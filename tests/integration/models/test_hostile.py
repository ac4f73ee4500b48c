"""Whatever a model writes, what comes back fits; and spans tell counts, never words."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import jsonschema
import pytest

from pilothouse.kernel import PilothouseError
from pilothouse.models import Answer, ModelsSettings, ToolSpec, asked
from pilothouse.models.testing import Reply, asking, gateway_to, scripted_server
from pilothouse.telemetry import SpanRecord, bind_sink

pytestmark = pytest.mark.anyio
QUICK = ModelsSettings(rounds=1, patience=0)
SETS = int(os.environ.get("HOSTILE_SETS", "250"))
"""How many sets of tools; the figure of the reference is of 1,000."""
LEAVES: list[dict[str, Any]] = [
    {"type": "string", "maxLength": 5}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"},
    {"enum": ["a", "b"]}, {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
]  # fmt: skip


def tools(lot: random.Random) -> tuple[ToolSpec, ...]:
    made: list[ToolSpec] = []
    for n in range(lot.randrange(1, 6)):
        properties = {f"p{m}": lot.choice(LEAVES) for m in range(lot.randrange(4))}
        required = sorted(lot.sample(sorted(properties), lot.randrange(len(properties) + 1)))
        made.append(
            ToolSpec(
                name=f"tool{n}",
                description="Does something.",
                parameters={"type": "object", "properties": properties, "required": required},
            )
        )
    return tuple(made)


def written(lot: random.Random, wanted: tuple[ToolSpec, ...]) -> str:
    """Return what a small or hostile model writes: now and then it fits."""
    values = ["x", "too long a text", 3, 0.5, True, None, [1, 2], [1, 2, 3], {}, "a"]
    arguments = {f"p{m}": lot.choice(values) for m in range(lot.randrange(4))}
    name = lot.choice([*(tool.name for tool in wanted), "final", "rm"])
    envelope: dict[str, Any] = {"tool": name, "arguments": arguments}
    if name == "final":
        envelope = {"tool": "final", "answer": lot.choice(["done", 3, None])}
    text = json.dumps(envelope)
    return lot.choice([text, text, text, text[: len(text) // 2], text + text, f"```json\n{text}\n```", "NaN"])


def _said(answer: Answer) -> dict[str, Any]:
    """Return what a model must have written, whole, for this answer."""
    if answer.choices:
        [choice] = answer.choices
        return {"tool": choice.tool, "arguments": choice.arguments}
    return {"tool": "final", "answer": answer.text}


async def test_of_random_tools_and_hostile_answers_only_what_fits_comes_back() -> None:
    lot = random.Random(17)
    sets = [tools(lot) for _ in range(SETS)]
    state: dict[str, Any] = {}
    fine = refused = acted = 0

    def script(_: dict[str, Any]) -> Reply:
        state["said"] = written(lot, state["tools"])
        return Reply(text=state["said"])

    async with scripted_server(script) as server:
        gateway = gateway_to(server, settings=QUICK)
        for wanted in sets:
            state["tools"] = wanted
            try:
                answer = await gateway.chat(asking(tools=wanted))
            except PilothouseError as error:
                assert error.code == "models.invalid"
                refused += 1
                continue
            fine += 1
            whole = asked(wanted, None)
            for choice in answer.choices:
                assert jsonschema.Draft202012Validator(dict(whole.tools[choice.tool])).is_valid(
                    choice.arguments
                )
                assert choice.tool in {tool.name for tool in wanted}
                acted += 1
            # What acts was written as one whole object: nothing is made from a part of one.
            assert not answer.choices or len(answer.choices) == 1
            assert answer.choices or isinstance(answer.text, str)
            assert json.loads(state["said"]) == _said(answer)
        await gateway.close()
    print(f"{SETS} tool sets: {fine} answers, all valid, {acted} of them choices; {refused} refused")
    assert fine > 20
    assert refused > 20


async def test_spans_tell_counts_and_never_words() -> None:
    seen: list[SpanRecord] = []

    class Sink:
        def emit(self, record: SpanRecord) -> None:
            seen.append(record)

    async with scripted_server([Reply(status=500), Reply(text="secret answer")]) as server:
        gateway = gateway_to(server, server)
        with bind_sink(Sink()):
            await gateway.chat(asking("secret question"))
            async for _ in gateway.stream(asking("secret question")):
                pass
        await gateway.close()
    assert [(one.name, one.kind, one.status) for one in seen] == [
        ("chat", "client", "error"), ("chat", "client", "unset"), ("chat", "client", "unset"),
    ]  # fmt: skip
    assert seen[0].message == "models.failed"
    assert seen[1].attributes["gen_ai.usage.output_tokens"]
    assert seen[1].attributes["gen_ai.operation.name"] == "chat"
    assert "secret" not in repr(seen)
