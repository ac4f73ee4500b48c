"""The parts of the loop by themselves: budgets, conversations, stored results, plans as JSON, schemas."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.agents import AgentBudget, ReadTool, Value, plan_from
from pilothouse.agents.files.tree import WorkingDirectory
from pilothouse.agents.loop.conversation.messages import Conversation, pointing
from pilothouse.agents.loop.conversation.offers import parameters_of
from pilothouse.agents.loop.kept import kept, value_of
from pilothouse.agents.loop.meter import Meter
from pilothouse.agents.plans.expressions import Find, From, Said
from pilothouse.agents.values import listed, plain, together
from pilothouse.kernel import DataError, LimitError, UsageError, decode, encode
from pilothouse.labels import Integrity, Label, typed, unknown
from pilothouse.models import Usage

OURS, THEIRS = typed("ann", "r"), unknown("ann")
Leaves = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=4))


@st.composite
def values(draw: st.DrawFn, depth: int = 3) -> Value:
    label: Label = draw(st.sampled_from([OURS, THEIRS, typed("bob", "r")]))
    which = draw(st.sampled_from([Integrity.OPERATOR, Integrity.RECORD]))
    shape = draw(st.integers(0, 3)) if depth else 0
    if shape == 0:
        return plain(draw(Leaves), label, which=which)
    inside = [draw(values(depth - 1)) for _ in range(draw(st.integers(0, 3)))]
    if shape == 1:
        return listed(inside, label)
    if shape == 2:
        return together({f"f{n}": one for n, one in enumerate(inside)}, label)
    return plain([one.data for one in inside], label, which=which)


@given(values())
def test_a_result_comes_back_from_the_journal_with_every_label(value: Value) -> None:
    stored = decode(encode(kept(value, OURS)))
    back = value_of(stored, OURS)
    assert same(back, value)


def same(one: Value, two: Value) -> bool:
    return (
        (one.data, one.label, one.which) == (two.data, two.label, two.which)
        and one.parts.keys() == two.parts.keys()
        and all(same(part, two.parts[name]) for name, part in one.parts.items())
    )


def test_a_result_of_one_label_is_stored_without_it() -> None:
    assert kept(plain({"a": [1, 2]}, OURS), OURS) == {"data": {"a": [1, 2]}}
    with pytest.raises(DataError):
        value_of("words", OURS)


def test_what_a_sub_agent_uses_counts_for_all_above() -> None:
    top = Meter("a", AgentBudget(calls=2, depth=1), 0.0)
    below = Meter("b", AgentBudget(), 0.0, top)
    top.deeper()
    with pytest.raises(LimitError, match=r"'a'.*depth"):
        below.deeper()
    below.called(Usage(prompt_tokens=10, cost=Decimal("0.1")))
    below.called(Usage())
    assert (top.calls, top.tokens, top.cost) == (2, 10, Decimal("0.1"))
    with pytest.raises(LimitError) as caught:
        below.before_call(0.0)
    assert caught.value.code == "agents.calls"


def test_waiting_for_a_person_is_no_work() -> None:
    meter = Meter("a", AgentBudget(seconds=10), 0.0)
    meter.waited(90 * 86400)
    meter.before_call(90 * 86400 + 9)
    assert meter.left(90 * 86400 + 9) == 1
    with pytest.raises(LimitError) as caught:
        meter.before_tool(90 * 86400 + 10)
    assert caught.value.code == "agents.seconds"


def test_a_conversation_moves_old_results_and_never_cuts() -> None:
    said = Conversation(500)
    said.tell("system", "s" * 100, OURS)
    said.tell("user", "u" * 100, OURS)
    for n in range(20):
        said.tell("tool", f"{n} " + "x" * 600, THEIRS, answers=f"c{n}")
    before = said.digest
    with pytest.raises(LimitError) as caught:
        said.fit(lambda place, message: pointing(message, f"results/{place}.txt"))
    assert caught.value.code == "agents.context" and said.digest == before
    assert "moved to the file results/2.txt, 602 characters" in said.messages[2].parts[0].text
    assert said.messages[2].parts[0].label == THEIRS and said.messages[-1].parts[0].text.startswith("19 ")


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ({}, "steps"),
        ({"steps": "[{"}, "JSON"),
        ({"steps": "[" * 100_000}, "JSON"),
        ({"steps": [3]}, "step 0"),
        ({"steps": [{"name": "s"}]}, "tool"),
        ({"steps": [{"name": "s", "tool": "t", "args": {"a": {"$eval": "x"}}}]}, r"\$eval"),
        ({"steps": [{"name": "s", "tool": "t", "args": {"a": [{"$from": "x"}]}}]}, r"\$several"),
        ({"steps": [{"name": "s", "tool": "t", "args": {"a": {"$from": "x", "b": 1}}}]}, "that one key"),
        ({"steps": [{"name": "s", "tool": "t", "args": {"a": {"$find": 3}}}]}, r"\$find"),
        (
            {"steps": [{"name": "s", "tool": "t", "args": {"a": {"$pick": {"rows": 1, "take": "most"}}}}]},
            "most",
        ),
        ({"steps": [{"name": "s", "tool": "t", "args": {}, "when": [[1, "~", 2]]}]}, "'~'"),
    ],
)
def test_a_plan_that_is_wrong_says_what_is(written: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named) as caught:
        plan_from(written)
    assert caught.value.code == "agents.plan"


def test_a_plan_may_be_nested_only_so_deep() -> None:
    form: Any = "x"
    for _ in range(20):
        form = {"$several": [form]}
    with pytest.raises(UsageError, match="deeper"):
        plan_from({"steps": [{"name": "s", "tool": "t", "args": {"a": form}}]})


def test_what_is_no_form_is_what_the_person_said() -> None:
    found = {"$find": {"of": {"$from": "s.x"}, "kind": "iban"}}
    made = plan_from({"steps": [{"name": "s", "tool": "t", "args": {"a": "$from s", "b": found}}]})
    assert made.steps[0].args == {"a": Said("$from s"), "b": Find(From("s", "x"), kind="iban")}


def test_arguments_of_a_function_are_told_as_a_schema() -> None:
    def look(id: str, many: int = 3, kind: Literal["a", "b"] = "a", ids: list[str] | None = None) -> str:
        return id

    found: Any = parameters_of(ReadTool(name="look", read=look))
    assert found["required"] == ["id"] and found["additionalProperties"] is False
    assert found["properties"]["id"] == {"type": "string", "maxLength": 4000}
    assert found["properties"]["many"]["anyOf"][0] == {"type": "integer"}
    assert found["properties"]["kind"]["anyOf"][0] == {"enum": ["a", "b"]}
    assert found["properties"]["ids"]["anyOf"][0]["items"] == {"type": "string"}


@pytest.mark.parametrize(
    "path", ["../a", "/etc/passwd", "a/../b", "", ".ssh/key", "a//b", "a\nb", "x" * 201, "a/.git"]
)
def test_a_path_stays_inside(path: str) -> None:
    with pytest.raises(UsageError) as caught:
        WorkingDirectory().write(path, plain("x", OURS), "x", OURS)
    assert caught.value.code == "agents.path"


def test_a_file_written_over_keeps_what_its_name_rested_on() -> None:
    tree = WorkingDirectory()
    tree.write("a.txt", plain("x", OURS), "x", THEIRS)
    tree.write("a.txt", plain("y", OURS), "y", OURS)
    assert tree.read("a.txt").value.whole.integrity is Integrity.UNTRUSTED
    assert [row.data for row in tree.search("Y", OURS).items] == [{"path": "a.txt", "line": 1, "text": "y"}]
    with pytest.raises(LimitError):
        tree.write("big.txt", plain("", OURS), "x" * 4_000_001, OURS)
    with pytest.raises(UsageError):
        tree.read("b.txt")
