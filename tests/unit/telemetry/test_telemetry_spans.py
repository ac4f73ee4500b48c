"""The emitting face: what a span carries, what it never does, and what it costs nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.kernel import AwaitDecision, UsageError
from pilothouse.telemetry import (
    CONTENT,
    SpanRecord,
    bind_sink,
    current_span,
    outgoing,
    parse_traceparent,
    plain,
    span,
    traceparent,
)

RUN = "0192f0c0000070008000000000000001"


class Kept:
    def __init__(self) -> None:
        self.spans: list[SpanRecord] = []

    def emit(self, record: SpanRecord) -> None:
        self.spans.append(record)


def test_without_a_sink_nothing_is_there() -> None:
    with span("chat", attributes={"a": 1}) as written:
        written.attributes["b"] = 2
        assert current_span() is None
        assert outgoing() == {}
    assert written.id == ""


def test_inner_spans_belong_to_the_run_and_workflow_around() -> None:
    kept = Kept()
    with bind_sink(kept), span("segment", trace=RUN, run=RUN, workflow="w"), span("step"), span("chat"):
        pass
    chat, step, segment = kept.spans
    assert (chat.parent, step.parent, segment.parent) == (step.id, segment.id, "")
    assert {(one.trace, one.run, one.workflow) for one in kept.spans} == {(RUN, RUN, "w")}
    assert all(one.end >= one.start > 0 for one in kept.spans)


def test_a_trace_of_ones_own_has_no_parent_in_another() -> None:
    kept = Kept()
    with bind_sink(kept), span("outer"), span("inner", trace="ab" * 16):
        pass
    assert (kept.spans[0].trace, kept.spans[0].parent) == ("ab" * 16, "")


def test_an_error_is_its_code_and_waiting_is_none() -> None:
    kept = Kept()
    with bind_sink(kept):
        with pytest.raises(UsageError), span("a"):
            raise UsageError("the value 4711", code="x.y")
        with pytest.raises(ValueError, match="4711"), span("b"):
            raise ValueError("4711")
        with pytest.raises(AwaitDecision), span("c"):
            raise AwaitDecision("waits")
    assert [(one.status, one.message) for one in kept.spans] == [
        ("error", "x.y"), ("error", "ValueError"), ("unset", "AwaitDecision"),
    ]  # fmt: skip


async def test_a_generator_closed_elsewhere_ends_its_span() -> None:
    kept = Kept()

    async def stream() -> AsyncIterator[int]:
        with span("chat"):
            yield 1
            yield 2

    with bind_sink(kept):
        opened = stream()
        assert await anext(opened) == 1
        await asyncio.create_task(opened.aclose())  # type: ignore[attr-defined]
    assert [one.name for one in kept.spans] == ["chat"]


def test_the_header_of_the_standard_goes_out_and_comes_in() -> None:
    with bind_sink(Kept()), span("a") as written:
        assert traceparent() == f"00-{written.trace}-{written.id}-01"
        assert parse_traceparent(traceparent()) == (written.trace, written.id)


@pytest.mark.parametrize(
    "text",
    [
        None, "", "00", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'0' * 16}-01", "x" * 55,
        f"ff-{'1' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'1' * 16}-01-more", f"00-{'A' * 32}-{'1' * 16}-01",
        f"00-{'1' * 31}-{'1' * 16}-01",
    ],
)  # fmt: skip
def test_what_is_no_header_is_ignored(text: str | None) -> None:
    assert parse_traceparent(text) is None


def test_a_later_version_of_the_header_is_read() -> None:
    assert parse_traceparent(f"01-{'1' * 32}-{'2' * 16}-01-later") == ("1" * 32, "2" * 16)


@given(st.text())
def test_no_header_breaks_it(text: str) -> None:
    parse_traceparent(text)


@pytest.mark.parametrize("name", [*sorted(CONTENT), "gen_ai.prompt.0.content", "x.password", "my_api_key",
                                  "http.request.header.cookie", "tool.arguments"])  # fmt: skip
def test_content_is_left_out(name: str) -> None:
    assert plain({name: "secret words", "gen_ai.request.model": "m"}) == {"gen_ai.request.model": "m"}


def test_values_are_short_and_of_known_types() -> None:
    kept = plain({"long": "x" * 9999, "n": 1, "b": True, "f": 0.5, "l": ["a" * 999, 2, None], "o": object()})
    assert len(str(kept["long"])) == 256
    assert kept["n"] == 1
    assert kept["b"] is True
    assert kept["l"] == ["a" * 256, 2, "None"]
    assert "o" not in kept


def test_of_calls_inside_of_calls_only_the_innermost_count_and_all_name_their_agent() -> None:
    kept = Kept()
    chat = {"gen_ai.operation.name": "chat"}
    with bind_sink(kept), span("invoke_agent") as agent:
        agent.attributes["gen_ai.agent.name"] = "reader"
        with span("chat", attributes=chat), span("step"), span("chat", attributes=chat), span("read"):
            pass
        with span("chat", attributes=chat):
            pass
    found = [(one.name, bool(one.attributes.get("pilothouse.summed"))) for one in kept.spans]
    assert found == [
        ("read", False), ("chat", False), ("step", False), ("chat", True), ("chat", False),
        ("invoke_agent", False),
    ]  # fmt: skip
    assert {one.attributes.get("gen_ai.agent.name") for one in kept.spans if one.name == "chat"} == {"reader"}


def test_a_call_of_its_own_in_a_call_of_its_own() -> None:
    kept = Kept()
    chat = {"gen_ai.operation.name": "chat"}
    with bind_sink(kept), span("chat", attributes=chat), span("chat", attributes=chat):
        pass
    assert [one.attributes.get("pilothouse.summed") for one in kept.spans] == [None, True]
