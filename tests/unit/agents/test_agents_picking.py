"""Selection is code: what a choice by predicate rests on, and what a stranger can do to it."""

from __future__ import annotations

from typing import Any

import pytest
from agents_cases import ANN, RECORD, UNTRUSTED, rows
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.agents import Pick, Returns, Said, where
from pilothouse.agents.plans.finding import found, only
from pilothouse.agents.plans.picking import holds, pick
from pilothouse.agents.values import Value, plain
from pilothouse.kernel import DataError, Json, UsageError
from pilothouse.labels import Integrity, typed

SAID = typed("ann", "r")


def chosen(value: Value, *tests: Any, **how: Any) -> Value:
    form = Pick(Said(None), where=tuple(where(*test) for test in tests), **how)
    return pick(form, value, [(one, plain(one.right.value, SAID)) for one in form.where])  # type: ignore[union-attr]


def test_a_predicate_over_record_fields_yields_a_record() -> None:
    value = chosen(rows(fields={"words": UNTRUSTED}), ("who", "=", "bob@here"), path="id")
    assert value.data == "1"
    assert value.whole.integrity is RECORD
    assert value.which is Integrity.OPERATOR


def test_a_predicate_over_words_yields_what_the_words_are_worth() -> None:
    value = chosen(rows(fields={"words": UNTRUSTED}), ("words", "has", "CALL"), path="id")
    assert value.whole.integrity is UNTRUSTED
    assert value.which is UNTRUSTED, "the words chose the row, and may be another's than who wrote the row"


def test_a_strangers_row_counts_only_if_it_is_chosen() -> None:
    mixed = rows(row=lambda row: UNTRUSTED if row["id"] == "2" else RECORD)
    assert chosen(mixed, ("who", "=", "bob@here"), path="id").whole.integrity is RECORD
    assert chosen(mixed, ("n", ">", 5), path="id").whole.integrity is UNTRUSTED
    assert chosen(mixed, order="n", take="first", path="id").whole.integrity is UNTRUSTED, "it was compared"


def test_a_strangers_row_that_others_may_not_know_of_still_counts() -> None:
    hidden = Returns(integrity=UNTRUSTED, readers=("acl:secret",)).label(
        {"who": "x"}, tool="t", principal=ANN
    )
    both = rows()
    mixed = Value(data=[*both.data, hidden.data], label=both.label, parts={**both.parts, "2": hidden})  # type: ignore[misc]
    value = chosen(mixed, ("who", "=", "bob@here"), path="id")
    assert value.whole.readers == {"acl:secret"}


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.booleans()), max_size=6),
    st.sampled_from("abc"),
)
def test_what_is_trusted_does_not_depend_on_what_strangers_put_there(
    made: list[tuple[str, int, bool]], wanted: str
) -> None:
    """Non-interference for integrity: without the strangers' rows a trusted result is the same."""
    every: Json = [{"k": k, "n": n, "own": own} for k, n, own in made]
    ours: Json = [{"k": k, "n": n, "own": own} for k, n, own in made if own]
    worth = Returns(integrity=RECORD, readers=(), row=lambda row: RECORD if row["own"] else UNTRUSTED)
    both = [
        chosen(worth.label(data, tool="t", principal=ANN), ("k", "=", wanted), take="all")
        for data in (every, ours)
    ]
    if both[0].whole.integrity is RECORD:
        assert both[0].data == both[1].data


def test_one_is_meant_and_two_fit() -> None:
    with pytest.raises(DataError, match="say which") as caught:
        chosen(rows(), ("n", ">", 0))
    assert caught.value.code == "agents.rival"
    with pytest.raises(DataError, match="no row fits"):
        chosen(rows(), ("n", ">", 100))


def test_all_and_first_and_order() -> None:
    assert chosen(rows(), take="all", order="-n", path="id").data == ["2", "1"]
    assert chosen(rows(), take="first", order="who", path="id").data == "1"
    mixed = Returns(readers=()).label([{"n": 1}, {"n": "x"}], tool="t", principal=ANN)
    with pytest.raises(DataError, match="sort by"):
        chosen(mixed, order="n", take="first")


@pytest.mark.parametrize(
    ("left", "op", "right", "expected"),
    [
        (1, "=", True, False),
        (1, "!=", 2, True),
        ("b", "in", ["a", "b"], True),
        ("b", "in", "abc", False),
        ("Hello", "has", "ELL", True),
        (["a"], "has", "a", True),
        (5, "has", "5", False),
        ("2025-11", "starts", "2025", True),
        (5, "starts", "5", False),
        ("a", "<", 1, False),
        (1, "<", 2, True),
        (2, "<=", 2, True),
        ("b", ">", "a", True),
        (True, ">=", False, False),
        (2, ">=", 2.0, True),
    ],
)
def test_comparisons(left: Json, op: Any, right: Json, expected: bool) -> None:
    assert holds(left, op, right) is expected


def test_the_left_side_of_a_condition_names_a_field() -> None:
    with pytest.raises(UsageError, match="names one"):
        chosen(rows(), (5, "=", 5))


@pytest.mark.parametrize(
    ("text", "how", "values"),
    [
        ("IBAN: DE89 3704 0044 0532 0130 00.", {"kind": "iban"}, ["DE89370400440532013000"]),
        ("Total: 1,162.00\nTotal: 1162.00", {"kind": "amount", "after": "total"}, [1162]),
        ("from 3 to 4.5", {"kind": "number"}, [3, 4.5]),
        ("at 14:30 on 2025-12-05", {"kind": "time"}, ["14:30"]),
        ("write to a.b@c.example, now", {"kind": "email"}, ["a.b@c.example"]),
        ("see https://a.example/x?y=1)", {"kind": "url"}, ["https://a.example/x?y=1"]),
        ("ring +44 20 7946 0000 now", {"kind": "phone"}, ["+44 20 7946 0000"]),
        ("code ABC", {"pattern": r"code (\w+)"}, ["ABC"]),
        ("new line\nTotal\n5", {"kind": "number", "after": "total"}, []),
    ],
)
def test_finding(text: str, how: dict[str, str], values: list[Any]) -> None:
    assert found(text, **how) == values


def test_a_rival_proves_nothing_and_is_not_repeated() -> None:
    with pytest.raises(DataError) as caught:
        only(["DE1", "DE2"], what="iban")
    assert caught.value.code == "agents.rival"
    assert "DE1" not in str(caught.value)
    with pytest.raises(DataError, match="no iban"):
        only([], what="iban")


def test_a_pattern_that_does_not_compile_or_no_kind_at_all() -> None:
    for how in ({}, {"kind": "iban", "pattern": "x"}, {"kind": "shoe"}, {"pattern": "("}):
        with pytest.raises(UsageError):
            found("text", **how)
