"""Specs as data: read back as they were written, and every mistake is named."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pilothouse.agents import AgentBudget, AgentSpec, Published, Shelf, spec_from
from pilothouse.kernel import UsageError, decode, encode

SPEC = AgentSpec(
    name="clerk",
    instructions="Work.",
    tools=("letter", "code"),
    rights=frozenset({"b", "a"}),
    asked_of="desk",
    output={"type": "object", "properties": {}},
    budget=AgentBudget(calls=3, money=Decimal("0.50")),
    clear=True,
)


def test_a_spec_comes_back_as_it_was() -> None:
    assert spec_from(SPEC.body()) == SPEC
    assert decode(encode(SPEC)) == SPEC
    assert spec_from(SPEC.body()).hash == SPEC.hash
    assert (
        AgentSpec(name="clerk", instructions="Work!").hash
        != AgentSpec(name="clerk", instructions="Work.").hash
    )


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"name": "Clerk", "instructions": "x"}, "'Clerk'"),
        ({"name": "clerk"}, "'instructions'"),
        ({"name": "clerk", "instructions": " "}, "no instructions"),
        ({"name": "clerk", "instructions": "x", "colour": 1}, "'colour'"),
        ({"name": "clerk", "instructions": "x", "tools": "letter"}, "tools"),
        ({"name": "clerk", "instructions": "x", "tools": ["a", "a"]}, "twice"),
        ({"name": "clerk", "instructions": "x", "tools": ["rm -rf /"]}, "'rm -rf /'"),
        ({"name": "clerk", "instructions": "x", "output": {"type": "string"}}, "object"),
        ({"name": "clerk", "instructions": "x", "budget": {"calls": 0}}, "budget.calls"),
        ({"name": "clerk", "instructions": "x", "budget": {"depth": 9}}, "budget.depth"),
        ({"name": "clerk", "instructions": "x", "budget": {"hope": 9}}, "hope"),
        ({"name": "clerk", "instructions": "x", "budget": {"money": "much"}}, "not right"),
        ({"name": "clerk", "instructions": "x", "budget": 3}, "no table"),
    ],
)
def test_a_mistake_in_a_spec_is_named(body: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named.replace("(", r"\(")) as caught:
        spec_from(body)
    assert caught.value.code == "agents.spec"


async def test_a_shelf_without_a_registry_has_what_stands_in_code() -> None:
    shelf = Shelf(specs=(SPEC,))
    version = await shelf.version("clerk")
    assert version == Published.alone(SPEC).version
    assert (await shelf.find("clerk", version)).spec is SPEC
    for name in ("nobody", "clerk@7"):
        with pytest.raises(UsageError) as caught:
            await shelf.version(name)
        assert caught.value.code == "agents.no_agent"
    with pytest.raises(UsageError) as gone:
        await shelf.find("clerk", "h00000000")
    assert gone.value.code == "agents.no_agent"
