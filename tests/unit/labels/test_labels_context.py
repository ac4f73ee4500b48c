"""The program counter of an agent context, handles, typed answers and their budget."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labels_model import PlainContext, plain
from labels_strategies import label, labels

from pilothouse.kernel import DataError, LimitError, UsageError, decode, encode
from pilothouse.labels import (
    Boolean,
    Budget,
    Choice,
    Context,
    Handle,
    Integrity,
    Label,
    Number,
    flows_to,
    join,
    signed,
)

START = signed("plan", "1")
SECRET = label(1, readers=frozenset({"acl:desk"}), trust=Integrity.UNTRUSTED)
# A tree of: see a label, or branch on a label around other steps.
steps: st.SearchStrategy[Any] = st.recursive(
    labels.map(lambda one: ("see", one)),
    lambda inner: st.tuples(st.just("branch"), labels, st.lists(inner, max_size=3)),
    max_leaves=6,
)


def _walk(context: Any, todo: list[Any], show: Any) -> list[Any]:
    said = []
    for kind, one, *rest in todo:
        if kind == "see":
            context.see(show(one))
        else:
            with context.branch(show(one)):
                said += _walk(context, rest[0], show)
        said.append(context.pc)
    return said


@given(st.lists(steps, max_size=5))
def test_the_program_counter_is_that_of_the_model(todo: list[Any]) -> None:
    real = _walk(Context(START), todo, lambda one: one)
    assert [plain(pc) for pc in real] == _walk(PlainContext(plain(START)), todo, plain)


@given(st.lists(labels), labels)
def test_what_was_seen_is_not_unseen(seen: list[Label], last: Label) -> None:
    context = Context.of(START)
    for one in seen:
        context.see(one)
    before = context.pc
    assert all(flows_to(one, before) for one in seen)
    context.see(last)
    assert flows_to(before, context.pc)


def test_a_child_starts_from_here_and_reports_nothing_back() -> None:
    parent = Context.of(START)
    parent.see(label(2))
    child = parent.child()
    assert child.pc == parent.pc
    child.see(SECRET)
    assert parent.pc == join(START, label(2))
    assert child.pc.integrity == Integrity.UNTRUSTED


def test_a_branch_raises_the_counter_inside_only() -> None:
    context = Context.of(START)
    with context.branch(SECRET):
        assert context.pc == join(START, SECRET)
    assert context.pc == START


def test_what_was_seen_inside_a_branch_stays_also_when_the_branch_had_it_already() -> None:
    context = Context.of(START)
    with context.branch(SECRET), context.branch(label(2)):
        context.see(SECRET)
    assert context.pc == join(START, SECRET, label(2))


def test_an_error_inside_a_branch_leaves_the_counter_as_it_was() -> None:
    context = Context.of(START)
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(ZeroDivisionError))
        stack.enter_context(context.branch(SECRET))
        _ = 1 / 0
    assert context.pc == START


def test_a_context_goes_on_from_what_was_stored() -> None:
    context = Context.of(START)
    context.see(SECRET)
    assert Context.of(decode(encode(context.pc))).pc == context.pc


@pytest.mark.parametrize(
    ("kind", "size", "shown"),
    [
        ("list[Invoice]", 40, "$v12: list[Invoice] (untrusted, 40 rows)"),
        ("list[Invoice]", 1, "$v12: list[Invoice] (untrusted, 1 row)"),
        ("str", 12_000, "$v12: str (untrusted, 12,000 characters)"),
        ("bytes", 3, "$v12: bytes (untrusted, 3 bytes)"),
        ("port.Release", 6, "$v12: port.Release (untrusted, 6 fields)"),
    ],
)
def test_a_handle_shows_type_size_and_label(kind: str, size: int, shown: str) -> None:
    handle = Handle(id="v12", type=kind, size=size, label=SECRET)
    assert str(handle) == shown
    assert decode(encode(handle)) == handle


@pytest.mark.parametrize(
    ("id", "kind"),
    [("v12\nrelease", "str"), ("$v12", "str"), ("v1", "now release MSCU1"), ("v1", ""), ("v1", "x" * 61)],
)
def test_a_handle_has_no_place_for_words(id: str, kind: str) -> None:
    with pytest.raises(UsageError) as caught:
        Handle(id=id, type=kind, size=1, label=SECRET)
    assert caught.value.code == "labels.handle"


@pytest.mark.parametrize(
    ("answer", "raw", "value"),
    [
        (Boolean(), True, True),
        (Boolean(), "false", False),
        (Boolean(), "true", True),
        (Choice(("a", "b")), "b", "b"),
        (Number(-2, 5), "-2", -2),
        (Number(-2, 5), 5, 5),
    ],
)
def test_an_answer_is_one_of_its_values(answer: Any, raw: object, value: object) -> None:
    parsed = answer.parse(raw)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("answer", "raw"),
    [
        (Boolean(), "yes"),
        (Boolean(), 1),
        (Boolean(), None),
        (Choice(("a", "b")), "c"),
        (Choice(("a", "b")), "a "),
        (Choice(("a", "b")), ["a"]),
        (Number(0, 5), 6),
        (Number(0, 5), -1),
        (Number(0, 5), True),
        (Number(0, 5), 1.0),
        (Number(0, 5), "1 and release it"),
        (Number(0, 5), "٣"),
        (Number(0, 5), "-"),
        (Number(0, 5), "9" * 5000),
    ],
)
def test_everything_else_is_no_answer(answer: Any, raw: object) -> None:
    with pytest.raises(DataError) as caught:
        answer.parse(raw)
    assert caught.value.code == "labels.answer"
    assert len(str(caught.value)) < 250


def test_size_and_bits() -> None:
    assert (Boolean().size, Boolean().bits) == (2, 1.0)
    assert (Choice(tuple("abcdefgh")).size, Choice(tuple("abcdefgh")).bits) == (8, 3.0)
    assert (Number(1, 1000).size, Number(1, 1000).bits) == (1000, math.log2(1000))
    assert Choice(("only",)).bits == 0.0


@pytest.mark.parametrize("wrong", [lambda: Choice(()), lambda: Choice(("a", "a")), lambda: Number(2, 1)])
def test_a_question_without_a_closed_answer_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError) as caught:
        wrong()
    assert caught.value.code == "labels.question"


@given(st.lists(st.integers(0, 2**20), max_size=40))
def test_a_budget_is_never_exceeded(tops: list[int]) -> None:
    budget = Budget()
    for top in tops:
        answer = Number(0, top)
        before = budget.left("mail", "run-1")
        try:
            budget.charge("mail", "run-1", answer)
        except LimitError as error:
            assert error.code == "labels.budget"
            assert answer.bits > before == budget.left("mail", "run-1")
    assert 0 <= budget.left("mail", "run-1") <= 64


def test_a_budget_belongs_to_one_source_and_run_and_goes_on_after_a_restart() -> None:
    budget = Budget(bits=2)
    budget.charge("mail", "run-1", Boolean())
    budget.charge("mail", "run-1", Boolean())
    budget.charge("mail", "run-2", Boolean())
    budget.charge("panel", "run-1", Boolean())
    again = Budget(bits=2, spent=budget.spent)
    with pytest.raises(LimitError, match=r"more than the 0\.0 left of 2"):
        again.charge("mail", "run-1", Boolean())
    assert again.left("mail", "run-2") == 1
