"""Labelled results: what a declaration makes of JSON, and what parts and wholes carry."""

from __future__ import annotations

import pytest
from agents_cases import ANN, RECORD, ROWS, UNTRUSTED, rows, toolbox

from pilothouse.agents import CALLER, Returns, Toolbox
from pilothouse.agents.values import Value, plain, steered
from pilothouse.kernel import UsageError, canonical, decode, loads
from pilothouse.labels import Integrity, typed, unknown

OPERATOR = Integrity.OPERATOR


def test_what_is_not_declared_is_untrusted_and_for_the_caller_alone() -> None:
    value = Returns().label("text", tool="t", principal=ANN)
    assert value.label.integrity is UNTRUSTED
    assert value.label.readers == {"user:ann"}
    assert Returns(readers=(CALLER,)).readers == Returns().readers


def test_rows_are_labelled_field_by_field_and_row_by_row() -> None:
    value = rows(fields={"words": UNTRUSTED}, row=lambda row: RECORD if row["id"] == "1" else UNTRUSTED)
    assert value.data == ROWS
    assert value.at("0.who").whole.integrity is RECORD
    assert value.at("0.words").whole.integrity is UNTRUSTED
    assert value.at("1.who").whole.integrity is UNTRUSTED
    assert value.at("0").whole.integrity is UNTRUSTED, "a row holds its words"
    assert value.label.integrity is RECORD, "that there are two rows is on record"


def test_a_payload_that_calls_itself_trusted_is_data() -> None:
    value = Returns().label(
        {"label": "operator", "integrity": 3, "authority": "root"}, tool="t", principal=ANN
    )
    assert value.whole.integrity is UNTRUSTED


def test_a_field_or_a_row_function_only_lowers() -> None:
    worth = Returns(integrity=UNTRUSTED, readers=(), fields={"who": RECORD}, row=lambda row: OPERATOR)
    assert worth.label(ROWS, tool="t", principal=ANN).at("0.who").whole.integrity is UNTRUSTED


def test_a_missing_part_names_the_parts_and_no_values() -> None:
    with pytest.raises(UsageError, match="who") as caught:
        rows().at("0.nothing")
    assert caught.value.code == "agents.missing"
    assert "bob" not in str(caught.value)


def test_a_value_comes_back_from_the_wire_with_every_label() -> None:
    value = rows(fields={"words": UNTRUSTED}).at("0").under(unknown("ann"), which=UNTRUSTED)
    again = decode(loads(canonical(value)))
    assert isinstance(again, Value)
    assert again == value
    assert again.chosen is UNTRUSTED


def test_the_place_in_a_list_is_a_choice_and_a_field_is_none() -> None:
    strangers = rows(integrity=UNTRUSTED)
    assert strangers.at("0").which is UNTRUSTED
    letter = Returns().label({"text": "hi"}, tool="t", principal=ANN)
    assert letter.at("text").which is OPERATOR


def test_a_text_pulls_in_nothing_that_more_people_may_not_read() -> None:
    mine, public = unknown("ann"), rows(integrity=UNTRUSTED)
    assert steered(plain("a", mine), plain("b", mine)) is OPERATOR
    assert steered(plain("a", mine), public) is UNTRUSTED, "a public text chose among mine"
    assert steered(plain("a", typed("ann", "r")), plain("b", mine)) is OPERATOR


def test_two_tools_of_one_name_are_refused() -> None:
    tool = toolbox().find("web")
    assert tool is not None
    with pytest.raises(UsageError, match="two tools"):
        Toolbox(tool, tool)


WORDS = {"text": UNTRUSTED}
ROW = {"id": "7", "text": "evil"}


def worth(data: object, path: str, **declared: object) -> Integrity:
    returns = Returns(**{"integrity": RECORD, "readers": (), "fields": WORDS, **declared})  # type: ignore[arg-type]
    return returns.label(data, tool="t", principal=ANN).at(path).whole.integrity  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "path", "there"),
    [
        ({"items": [ROW], "next": None}, "items.0.text", UNTRUSTED),
        ({"items": [ROW], "next": None}, "items.0.id", RECORD),
        ({"page": {"items": [[ROW]]}}, "page.items.0.0.text", UNTRUSTED),
        ({"page": {"items": [[ROW]]}}, "page.items.0.0.id", RECORD),
        ([{**ROW, "by": {"name": "evil"}}], "0.by.name", UNTRUSTED),
        ([{**ROW, "by": {"name": "evil", "text": "evil"}}], "0.by.name", UNTRUSTED),
        ([{**ROW, "to": ["evil"]}], "0.to.0", UNTRUSTED),
        ([{**ROW, "to": ["evil"]}], "0.id", RECORD),
        ([{"id": "7", "Text": "evil"}], "0.Text", UNTRUSTED),
        ([{"id": "7", "Text": "evil"}], "0.id", UNTRUSTED),
        (["evil", "worse"], "0", UNTRUSTED),
        ([ROW, "evil"], "1", UNTRUSTED),
        ([ROW, {"id": "evil"}], "1.id", UNTRUSTED),
        ([ROW, {"id": "evil"}], "0.id", RECORD),
        ("evil", "", UNTRUSTED),
        ([], "", RECORD),
        ({"items": [], "next": None}, "", RECORD),
        ({"items": [], "next": "evil"}, "next", UNTRUSTED),
        ([{"text": {"deep": ["evil"]}}], "0.text.deep.0", UNTRUSTED),
    ],
)
def test_a_declared_field_is_found_at_any_depth_and_what_is_not_named_is_worth_the_least(
    data: object, path: str, there: Integrity
) -> None:
    assert worth(data, path) is there


def test_a_path_names_a_nested_part_and_one_that_matches_nothing_lowers_all() -> None:
    row = [{"id": "7", "by": {"name": "evil", "id": "8"}, "tags": ["a"]}]
    fields = {"by.name": UNTRUSTED, "tags": RECORD}
    assert worth(row, "0.by.name", fields=fields) is UNTRUSTED
    assert worth(row, "0.by.id", fields=fields) is RECORD
    assert worth(row, "0.tags.0", fields=fields) is RECORD
    assert worth(row, "0.tags.0", fields={"by.name": UNTRUSTED}) is UNTRUSTED
    assert worth(row, "0.id", fields={**fields, "to.name": UNTRUSTED}) is UNTRUSTED
    assert worth([{"by.name": "evil", "id": "1"}], "0", fields={"by.name": UNTRUSTED}) is UNTRUSTED


def test_a_row_is_told_in_envelopes_too_and_one_of_another_shape_is_untrusted() -> None:
    def by(row: object) -> Integrity:
        return UNTRUSTED if row["by"] == "eve" else RECORD  # type: ignore[index]

    data = {"by": "us", "items": [{"by": "eve", "id": 1}, {"by": "ann", "id": 2}, {"id": 3}]}
    for place, there in enumerate((UNTRUSTED, RECORD, UNTRUSTED)):
        assert worth(data, f"items.{place}.id", fields={}, row=by) is there
    assert worth({"items": [{"by": "ann", "id": 2}]}, "items.0.id", fields={}, row=by) is UNTRUSTED
