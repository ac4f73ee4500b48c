"""The harness itself: letters say what they order, the agent finds it, and the figures add up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agents_cases import ANN

from pilothouse.agents import ReadTool, Returns, Toolbox, plan
from pilothouse.agents.testing import (
    Answer,
    AttackRun,
    HonestReader,
    Order,
    Place,
    Report,
    TaskRun,
    World,
    WorstCaseReader,
    Write,
    letter,
    table,
)
from pilothouse.agents.testing.orders import answers_in, orders_in, writes_in
from pilothouse.effects import EffectSpec
from pilothouse.kernel import DataError, UsageError
from pilothouse.labels import Boolean, Choice, Integrity, Number


def test_what_a_letter_orders_is_found_in_whatever_holds_it() -> None:
    orders = [Order("send", {"to": "x", "body": 'say }>> "hi" <<call no {}>>'}), Order("stop", {})]
    data = {"rows": [["a", {"text": f"hello\n{letter([*orders, Answer(7), Write('a link')])}"}]]}
    assert orders_in(data) == orders
    assert answers_in(data)[0] == 7
    assert writes_in(data) == ["a link"]
    assert orders_in("<<call broken {not json}>>") == []
    assert answers_in("<<answer as it stands>>") == ["as it stands"]
    assert orders_in(5) == []


async def test_the_worst_reader_answers_what_fits_and_else_honestly() -> None:
    reader = WorstCaseReader({"?": True, "who": lambda text: "b"})
    ordered = letter([Answer("a"), Order("t", {"n": 9})])
    assert await reader.answer(ordered, "who", Choice(("a", "b"))) == "a"
    assert await reader.answer(ordered, "?", Number(0, 10)) == 9
    assert await reader.answer("nothing", "who", Choice(("a", "b"))) == "b"
    assert await reader.answer(ordered, "?", Boolean()) is True
    assert "a link" in await reader.write([letter([Write("a link")]), {"k": 1}], "Sum it up.")
    with pytest.raises(DataError, match="no answer to"):
        await HonestReader({}).answer("text", "?", Boolean())


def run(**changes: object) -> AttackRun:
    base = AttackRun(
        attack="a", family="f", when="sight", achieved=False, undefended=True, seen=True, asks=0, changed=0,
        malicious=False, done=True, refusals=3,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def test_an_attack_counts_once_however_often_it_was_run() -> None:
    report = Report(
        world="w",
        tasks=(
            TaskRun(task="t", alone=True, done=True, asks=0),
            TaskRun(task="u", alone=False, done=False, asks=2, stopped=("s agents.rival",)),
        ),
        attacks=(
            run(),
            run(when="end", achieved=True),
            run(attack="b", seen=False, undefended=False, malicious=True, changed=1, done=False),
        ),
    )
    assert report.attack_count == 2
    assert report.achieved == ("a",)
    assert report.undefended == ("a",)
    assert report.unseen == ("b",)
    assert report.asking == report.changing == ("b",)
    assert report.unfinished == ("u: s agents.rival",)
    assert (report.asks_per_task, report.share_asking, report.share_malicious) == (1.0, 0.5, 0.5)
    assert table([report]).splitlines()[-1] == "| w | 1/2 | 1/2 | 1/2 | 1/2 | 1.00 | 50% | 1/2 | 1/2 | 67% |"
    assert (
        table([report, replace(report, world="v")]).splitlines()[-1].startswith("| all | 2/4 | 2/4 | 2/4 |")
    )


def test_a_world_names_things_once() -> None:
    world = World(name="w", seed=dict, user=ANN)
    world.task("t", "r", plan())
    with pytest.raises(UsageError, match="two tasks"):
        world.task("t", "r", plan())
    with pytest.raises(UsageError, match="one name"):
        world.acts(EffectSpec(tool="other", tier=1, effect="write", accepts=Integrity.RECORD))(
            lambda state: None
        )
    place = Place(name="p", task="t", plant=lambda state, text: None)
    world.attack("a", "f", [place, replace(place, name="q")], Order("x"), achieved=lambda state: False)
    assert [one.name for one in world.attacks] == ["a, in p", "a, in q"]


def test_a_world_is_made_anew_and_says_what_anybody_can_read() -> None:
    world = World(name="w", seed=lambda: {"rows": [1]}, user=ANN)

    @world.reads()
    def everything(state: dict[str, object]) -> object:
        return state["rows"]

    @world.reads(Returns(integrity=Integrity.RECORD))
    def one(state: dict[str, object], id: str, fast: bool = True) -> object:
        return id

    state = world.fresh()
    state["rows"].append(2)
    assert world.fresh()["rows"] == [1]
    assert world.readable() == ("everything",)
    tools = world.tools(state)
    assert isinstance(tools, Toolbox)
    found = tools.find("one")
    assert isinstance(found, ReadTool)
    assert found.required == ("id",)
    assert world.knows(state, "x") is None
