"""One real run with a person in it: its timeline, its graph, and who may see which of it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from pilothouse.api.testing import Served, make_key, served_project
from pilothouse.engine import Run
from pilothouse.kernel import DeniedError, Principal, UsageError
from pilothouse.labels import typed
from pilothouse.telemetry import outgoing, parse_traceparent
from pilothouse.traces import SpanFilter, Timeline

FLOWS = """
import asyncio
from pilothouse import decide, effect, perform, step, workflow
from pilothouse.telemetry import outgoing, span

SAID = []


@step
async def ask(to: str) -> str:
    with span("chat", kind="client", attributes={"gen_ai.operation.name": "chat"}) as written:
        SAID.append(outgoing())
        written.attributes |= {
            "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 3,
            "pilothouse.cost": "0.25",
        }
    return "asked"


@step
async def breaks() -> str:
    raise ValueError("the value 4711 is wrong")


@effect(tool="post_notice", effect="write", tier=2, steering=["to"])
async def post_notice(to: str) -> str:
    return to


@workflow
async def notice(to: str) -> str:
    await ask(to)
    try:
        await breaks()
    except Exception:
        pass
    call = post_notice.bind(to=to)
    answer = await decide(f"Notice to {to}?", of=call, who="desk", verdict="POST")
    return (await perform(call, answer)).state if answer.approved else "no"
"""
PROJECT = """
[project]
name = "served"
modules = ["traced_flows"]
operator = "owner"

[principals.owner]
rights = ["*"]

[principals.clerk]
groups = ["desk"]
"""
OWNER = Principal(id="owner", rights=frozenset({"*"}))
CLERK = Principal(id="clerk", groups=frozenset({"desk"}))


@pytest.fixture
async def server(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", database_url)
    (tmp_path / "traced_flows.py").write_text(FLOWS)
    sys.modules.pop("traced_flows", None)
    async with served_project(tmp_path, file=PROJECT, work=True) as running:
        yield running


async def started(server: Served) -> Run:
    run = await server.studio.engine.start(
        "notice", {"to": "ACME"}, key="1", principal=OWNER, label=typed("owner", "k")
    )
    return await server.studio.settle(run.id, within=30)


async def answered(server: Served, run: Run) -> UUID:
    from pilothouse.decisions import InboxFilter

    inbox = server.studio.inbox
    [item] = (await inbox.list(CLERK, InboxFilter(run=str(run.id)))).items
    view = await inbox.show(item.id, CLERK)
    await inbox.approve(item.id, CLERK, screen=view.screen)
    assert await server.studio.engine.result(run.id, within=60) == "done"
    await server.studio.traces.flush()
    return item.id


def words(line: Timeline) -> list[tuple[str, str, str]]:
    return [(one.kind, one.name, one.outcome) for one in line.moments]


async def told(server: Served, run: UUID, who: Principal = OWNER) -> Timeline:
    studio = server.studio
    return await studio.traces.timeline(who, studio.engine, run, inbox=studio.inbox)


async def test_a_run_is_one_story(server: Served) -> None:
    run = await started(server)
    await server.studio.traces.flush()
    waiting = await told(server, run.id)
    assert waiting.state == "parked"
    assert words(waiting)[-1] == ("wait", "waits for a person", "open")

    proposal = await answered(server, run)
    line = await told(server, run.id)
    assert [one for one in words(line) if one[0] != "span"] == [
        ("segment", "segment 0", "parked"),
        ("step", "ask", "ok"),
        ("step", "breaks", "error"),
        ("gate", "decide", "ok"),
        ("answer", "Notice to ACME?", "approve"),
        ("segment", "segment 1", "done"),
        ("tool", "perform post_notice", "ok"),
    ]
    chat = next(one for one in line.moments if one.name == "chat")
    assert (chat.depth, chat.model, chat.tokens_in, chat.tokens_out) == (1, "m", 12, 3)
    assert line.tokens == (12, 3)
    assert str(line.cost) == "0.25"
    perform = next(one for one in line.moments if one.name == "perform post_notice" and one.kind == "span")
    assert perform.depth == 1
    # Every segment is in the run's own trace, which survives restarts.
    spans = await server.studio.traces.find(OWNER, SpanFilter(run=run.id))
    assert {one.trace for one in spans} == {run.id.hex}
    assert "4711" not in repr(spans)

    usage = await server.studio.traces.usage(OWNER, "workflow", run=run.id)
    assert [(one.of, one.calls, one.tokens_in) for one in usage] == [("notice", 1, 12)]
    await _graph(server, proposal)


async def _graph(server: Served, proposal: UUID) -> None:
    from pilothouse.app import decision_graph

    graph = await decision_graph(server.studio, OWNER, proposal_id=proposal)
    kinds = {node.id: node.kind for node in graph.nodes}
    led = {(kinds[edge.source], kinds[edge.target]) for edge in graph.edges}
    assert led >= {
        ("decision", "approval"),
        ("approval", "effect"),
        ("effect", "audit"),
        ("approval", "audit"),
    }
    assert "was performed" in graph.sentence


async def test_who_may_see_it_over_http(server: Served) -> None:
    run = await started(server)
    proposal = await answered(server, run)
    studio = server.studio
    keys = {
        name: await make_key(studio, name, rights)
        for name, rights in {
            "reader": ["traces:notice:read", "decisions:*"],
            "other": ["traces:elsewhere:read"],
        }.items()
    }
    async with httpx.AsyncClient(base_url=server.url) as client:

        async def get(path: str, key: str) -> httpx.Response:
            return await client.get(path, headers={"Authorization": f"Bearer {keys[key]}"})

        line = await get(f"/v1/runs/run_{run.id}/timeline", "reader")
        assert line.status_code == 200
        assert [one["name"] for one in line.json()["moments"]][:1] == ["segment 0"]
        shut, missing = [
            (await get(f"/v1/runs/{id}/timeline", "other")).json() for id in (run.id, UUID(int=1))
        ]
        # Not even that it is there.
        assert shut == {
            name: str(value).replace(str(UUID(int=1)), str(run.id)) if isinstance(value, str) else value
            for name, value in missing.items()
        }
        assert {one["name"] for one in (await get("/v1/spans", "reader")).json()["items"]} >= {
            "step",
            "segment",
        }
        assert (await get("/v1/spans", "other")).json()["items"] == []
        picture = await get(f"/v1/runs/{run.id}/timeline?format=svg", "reader")
        assert picture.text.startswith("<svg")
        assert "sandbox" in picture.headers["content-security-policy"]

        graph = await get(f"/v1/decisions/prop_{proposal}/graph", "reader")
        assert graph.status_code == 200, graph.text
        assert {node["kind"] for node in graph.json()["nodes"]} >= {"decision", "approval", "effect", "audit"}
        assert (await get(f"/v1/decisions/{proposal}/graph?format=mermaid", "reader")).text.startswith(
            "flowchart"
        )
        assert (await get(f"/v1/decisions/{proposal}/graph", "other")).status_code in (403, 404)


async def test_a_program_that_was_called_joins_the_trace_but_not_the_story(server: Served) -> None:
    run = await started(server)
    [headers] = sys.modules["traced_flows"].SAID
    carried = parse_traceparent(headers["traceparent"])
    assert carried is not None
    trace, parent = carried
    assert trace == run.id.hex
    key = await make_key(server.studio, "bot", ["traces:write"])
    span: dict[str, Any] = {
        "traceId": trace, "spanId": "01" * 8, "parentSpanId": parent, "name": "their work",
        "startTimeUnixNano": "1700000000000000000",
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=server.url) as client:
        body = {
            "resourceSpans": [
                {"scopeSpans": [{"spans": [span, span | {"spanId": "02" * 8, "name": "step"}]}]}
            ]
        }
        answer = await client.post("/v1/traces", json=body, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    await server.studio.traces.flush()
    line = await told(server, run.id)
    foreign = [one for one in line.moments if one.foreign]
    assert {one.name for one in foreign} == {"their work", "step"}
    assert {one.who for one in foreign} == {"bot"}
    assert line.tokens == (12, 3)
    # Who may not read the account's spans sees the run's own alone.
    limited = await told(server, run.id, Principal(id="x", rights=frozenset({"traces:notice:read"})))
    assert not [one for one in limited.moments if one.foreign]


async def test_a_run_that_is_not_there_or_not_ones_own(server: Served) -> None:
    with pytest.raises(UsageError, match="there is no run"):
        await told(server, UUID(int=1))
    run = await started(server)
    await server.studio.traces.flush()
    with pytest.raises(DeniedError, match="traces:notice:read"):
        await told(server, run.id, CLERK)
    assert (await told(server, run.id, Principal(id="owner"))).moments
    agent = Principal(id="agent:x", rights=frozenset({"sources:*"}))
    with pytest.raises(DeniedError):
        await told(server, run.id, Principal(id="owner", agent=agent))


def test_outside_of_a_span_nothing_goes_out() -> None:
    assert outgoing() == {}


async def test_export_carries_no_words(server: Served) -> None:
    from pilothouse.traces import otlp_lines

    run = await started(server)
    await server.studio.traces.flush()
    lines = [line async for line in otlp_lines(server.studio.traces, OWNER, SpanFilter(run=run.id, limit=2))]
    assert len(lines) >= 2
    names = [
        span["name"]
        for line, _ in lines
        for resource in json.loads(line)["resourceSpans"]
        for span in resource["scopeSpans"][0]["spans"]
    ]
    assert len(names) == len(await server.studio.traces.find(OWNER, SpanFilter(run=run.id)))
    assert "ACME" not in "".join(line for line, _ in lines)
    await asyncio.sleep(0)
