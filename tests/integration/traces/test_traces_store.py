"""Spans in a real database: what is acknowledged is there, who may read what, what is forgotten."""

from __future__ import annotations

from pilothouse.kernel import Principal
from pilothouse.storage import Database
from pilothouse.telemetry import span
from pilothouse.traces import open_traces

RUN = "0192f0c0000070008000000000000001"
READER = Principal(id="olga", rights=frozenset({"traces:*"}))


async def test_own_spans_are_stored_and_read_back(database: Database) -> None:
    async with open_traces(database) as traces:
        with (
            span("segment", trace=RUN, run=RUN, workflow="release"),
            span("chat", kind="client", attributes={"gen_ai.operation.name": "chat", "gen_ai.prompt": "x"}),
        ):
            pass
        assert await traces.flush() == 2
        found = await traces.find(READER)
    assert [one.name for one in found] == ["chat", "segment"]
    chat, segment = found
    assert chat.trace == segment.trace == RUN
    assert chat.parent == segment.id
    assert chat.kind == "client"
    assert chat.workflow == "release"
    assert dict(chat.attributes) == {"gen_ai.operation.name": "chat"}
