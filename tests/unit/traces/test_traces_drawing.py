"""Timelines and graphs as pictures and words: to scale, folded, and safe whatever was read."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from xml.etree import ElementTree

import pytest

from pilothouse.traces import (
    Edge,
    Graph,
    Moment,
    Node,
    Timeline,
    graph_dot,
    graph_mermaid,
    graph_svg,
    graph_text,
    lasting,
    scaled,
    timeline_svg,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
NASTY = '"]--> x<script>alert(1)</script>&\u202e\n\\n`;click'


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def moment(kind: str, began: float, ended: float | None, **more: object) -> Moment:
    until = None if ended is None else at(ended)
    return Moment(kind=kind, name=kind, at=at(began), until=until, **more)  # type: ignore[arg-type]


def line(*moments: Moment) -> Timeline:
    return Timeline(
        run=UUID(int=1), workflow="w", version="1", state="done", reason="", principal="p", started=START,
        ended=at(100_001), moments=moments,
    )  # fmt: skip


def test_what_ran_is_to_scale_and_a_long_wait_is_folded() -> None:
    moments = [moment("step", 0, 1), moment("gate", 1, 100_000), moment("step", 100_000, 100_001)]
    scale = scaled(moments)
    places = [scale.at(at(seconds)) for seconds in (0, 1, 100_000, 100_001)]
    assert places == sorted(places)
    assert places[0] == 0
    assert places[3] == 1
    assert places[1] - places[0] == pytest.approx(places[3] - places[2])
    assert places[2] - places[1] < 0.1
    assert [seconds for _, seconds in scale.folds] == [pytest.approx(99_999)]
    assert 0 <= scale.at(at(-50)) <= scale.at(at(50_000)) <= scale.at(at(999_999)) <= 1


def test_nothing_and_one_instant_can_be_drawn() -> None:
    assert scaled([]).at(START) == 1.0
    ElementTree.fromstring(timeline_svg(line()))
    ElementTree.fromstring(timeline_svg(line(moment("step", 0, 0))))


def test_sums_leave_out_what_others_say() -> None:
    told = line(
        moment("span", 0, 1, tokens_in=5, tokens_out=1, cost=Decimal("0.1")),
        moment("span", 0, 1, tokens_in=900, foreign=True, who="bot", cost=Decimal(9)),
    )
    assert told.tokens == (5, 1)
    assert told.cost == Decimal("0.1")


def nasty_graph() -> Graph:
    nodes = tuple(
        Node(id=kind + NASTY, kind=kind, title=NASTY, detail=(NASTY,), integrity=0 if kind == "claim" else 1)  # type: ignore[arg-type]
        for kind in ("source", "claim", "rule", "decision", "approval", "effect", "audit")
    )
    edges = tuple(Edge(source=a.id, target=b.id, what="x") for a, b in itertools.pairwise(nodes))
    return Graph(sentence=NASTY, nodes=nodes, edges=edges)


def test_pictures_stay_pictures_whatever_was_read() -> None:
    for picture in (
        graph_svg(nasty_graph()),
        timeline_svg(line(moment("span", 0, 1, who=NASTY, foreign=True))),
    ):
        root = ElementTree.fromstring(picture)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "title", "style", "text", "g", "rect", "path", "line"}
        assert "<script" not in picture


def test_a_chart_holds_nothing_but_its_nodes_and_edges() -> None:
    chart = graph_mermaid(nasty_graph()).splitlines()
    assert chart[0] == "flowchart LR"
    edges = [one for one in chart if "-->" in one]
    assert len(edges) == 6
    assert all(re.fullmatch(r"  n\d+ -->\|x\| n\d+", one) for one in edges)
    assert not any("<script" in one or "click" in re.sub(r'"[^"]*"', "", one) for one in chart)
    assert "  class n1 untrusted" in chart


def test_a_dot_file_keeps_its_quotes() -> None:
    dot = graph_dot(nasty_graph())
    for number, one in enumerate(
        row for row in dot.splitlines() if "label=" in row and "->" not in row.split("[")[0]
    ):
        body = re.fullmatch(r'  n\d+ \[shape=\w+ label="((?:[^"\\]|\\.)*)"(?: style=dashed)?\];', one)
        assert body, (number, one)


def test_words_carry_no_control_characters() -> None:
    text = graph_text(nasty_graph())
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)
    assert "claim" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0123, "12 ms"), (3.21, "3.2 s"), (600, "10 min"), (9000, "2 h"), (864_000, "10 days")],
)
def test_durations_are_said_as_people_do(seconds: float, words: str) -> None:
    assert lasting(seconds) == words
