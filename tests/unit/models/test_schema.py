"""What a grammar holds, and whether an answer fits; jsonschema, an independent reader, is asked too."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pilothouse.kernel import UsageError
from pilothouse.models import Bounds, ToolSpec, asked, held
from pilothouse.models.schema.fit import misfit

NAMES = st.sampled_from(["a", "b", "c", "d"])
LEAVES = st.sampled_from(
    [
        {"type": "string"}, {"type": "string", "maxLength": 3}, {"type": "string", "minLength": 1},
        {"type": "integer"}, {"type": "integer", "minimum": 0, "maximum": 9}, {"type": "number"},
        {"type": "boolean"}, {"type": "null"}, {"enum": ["x", 1, True, None]}, {"const": "x"},
        {"type": ["string", "null"]}, {"type": "string", "pattern": "^[A-Z]{2}[0-9]{0,3}$"}, {}, True,
    ]
)  # fmt: skip
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda one: {"type": "array", "items": one, "maxItems": 3}, inner),
        st.builds(
            lambda some: {"type": "object", "properties": some, "required": sorted(some)[:2]},
            st.dictionaries(NAMES, inner, min_size=1, max_size=3),
        ),
        st.builds(lambda some: {"anyOf": some}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 12),
        st.sampled_from([0.5, 1.0]),
        st.text("xAB1", max_size=5),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


@given(SCHEMAS, VALUES)
def test_a_value_fits_exactly_where_an_independent_reader_says_so(schema: Any, value: Any) -> None:
    made = held({"type": "object", "properties": {"v": schema}, "required": ["v"]})
    ours = misfit({"v": value}, made) == ""
    assert ours == jsonschema.Draft202012Validator(made).is_valid({"v": value})


@given(SCHEMAS)
def test_everything_is_bounded(schema: Any) -> None:
    made = held({"type": "object", "properties": {"v": schema}})

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for one in node:
                walk(one)
        if not isinstance(node, dict):
            return
        kind = node.get("type")
        if kind == "string":
            assert "maxLength" in node or "pattern" in node or "format" in node
        if kind == "array":
            assert "maxItems" in node
        if kind == "object":
            assert node["additionalProperties"] is False or "maxProperties" in node
        for key, inner in node.items():
            if key in ("anyOf", "items", "additionalProperties"):
                walk(inner)
            if key == "properties":
                walk(list(inner.values()))

    walk(made)


class Inner(BaseModel):
    code: str
    amount: float | None = None


class Outer(BaseModel):
    inner: list[Inner]
    kinds: dict[str, int]
    pair: tuple[int, str]


def test_what_pydantic_writes_is_held() -> None:
    made = held(Outer.model_json_schema())
    assert "$ref" not in json.dumps(made)
    assert misfit({"inner": [{"code": "x", "amount": None}], "kinds": {"a": 1}, "pair": [1, "x"]}, made) == ""
    assert "answer.inner[0].code" in misfit({"inner": [{"code": 1}], "kinds": {}, "pair": [1, "x"]}, made)


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"}, "next.$ref"),
        ({"properties": {"a": {"type": "string", "pattern": "^a+$"}}}, "properties.a.pattern"),
        ({"properties": {"a": {"type": "string", "pattern": "a{2,}"}}}, "properties.a.pattern"),
        ({"properties": {"a": {"type": "string", "pattern": "(?=x)y"}}}, "properties.a.pattern"),
        ({"properties": {"a": {"not": {"type": "string"}}}}, "properties.a.not"),
        ({"patternProperties": {".*": {}}}, "patternProperties"),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, "allOf"),
        ({"properties": {"a": {"type": "file"}}}, "properties.a.type"),
        ({"properties": {"a": {"$ref": "https://evil.example/x"}}}, "properties.a.$ref"),
        ({"properties": {"a": {"type": "string", "minLength": 9999}}}, "properties.a.minLength"),
    ],
)
def test_what_no_grammar_holds_is_refused_with_its_path(schema: Any, path: str) -> None:
    with pytest.raises(UsageError) as caught:
        held(schema)
    assert caught.value.code == "models.schema"
    assert path in caught.value.message


def test_a_schema_nested_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(12):
        schema = {"type": "object", "properties": {"a": schema}}
    with pytest.raises(UsageError, match="nested deeper"):
        held(schema, bounds=Bounds(depth=8))


def test_escaped_stars_and_stars_in_a_class_are_no_endless_pattern() -> None:
    assert held({"type": "string", "pattern": r"^\*[+*]{1,3}\+$"})["pattern"]


def test_tools_become_one_schema_with_a_final_answer() -> None:
    tool = ToolSpec(name="add", description="", parameters={"properties": {"a": {"type": "integer"}}})
    made = asked((tool,), {"type": "object", "properties": {"total": {"type": "integer"}}})
    assert made.whole is not None
    assert misfit({"tool": "add", "arguments": {"a": 1}}, made.whole) == ""
    assert misfit({"tool": "final", "answer": {"total": 1}}, made.whole) == ""
    assert misfit({"tool": "add", "arguments": {"a": "1"}}, made.whole) == (
        "answer.arguments.a must be a whole number, not '1'"
    )
    assert misfit({"tool": "rm", "arguments": {}}, made.whole) == (
        "answer.tool must be one of 'add', 'final'"
    )


@pytest.mark.parametrize("names", [("final",), ("a", "a"), ("",)])
def test_names_of_tools_are_one_each(names: tuple[str, ...]) -> None:
    tools = [ToolSpec(name=name, description="", parameters={"type": "object"}) for name in names]
    with pytest.raises(UsageError) as caught:
        asked(tools, None)
    assert caught.value.code == "models.tool"
