"""The closures say what Cedar says, and name the same policies."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.policy.cedar import Cedar
from pilothouse.policy.compiled import Env, EvaluationError, compile_rule
from pilothouse.policy.parse import parse
from pilothouse.policy.testing import made_authorizer, made_request


@settings(deadline=None)
@given(seed=st.integers(0, 2**32))
def test_compiled_is_cedar_on_random_policies_and_requests(seed: int) -> None:
    rng = Random(seed)
    authorizer = made_authorizer(rng)
    for _ in range(50):  # 100 examples: 5,000 requests; bench/policy.py asks 100,000
        request = made_request(rng)
        assert authorizer.explain(request) == authorizer.explain(request, engine="cedar"), request


ENV = Env(
    principal=("Person", "amira"),
    facts={"name": "amira", "groups": frozenset({"desk"}), "level": 3, "old": True},
    ancestors=frozenset({("Group", "desk")}),
    action=("Action", "read"),
    resource=("Invoice", "7"),
    attributes={"site": "a*b\n", "amount": -2},
    context={"right": "rows:Invoice:read"},
)
HEAD = "permit(principal, action, resource)"


def both(text: str) -> bool | None:
    """Return what both ways say; None when evaluation fails in both."""
    policy = parse({"t": text})[0]
    found = Cedar([policy]).ask(ENV, frozenset())
    rule = compile_rule(policy)
    assert rule.holds is not None, "not of the common shape"
    try:
        holds = rule.holds(ENV)
    except EvaluationError:
        assert found.failed
        return None
    assert not found.failed
    assert holds is bool(found.permits)
    return holds


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("true", True),
        ('principal == Person::"amira"', True),
        ('principal != Person::"ben"', True),
        ('resource == Invoice::"8"', False),
        ('action == Action::"read"', True),
        ("principal is Person", True),
        ("resource is Ship", False),
        ('principal in Group::"desk"', True),
        ('principal in Person::"amira"', True),
        ('principal in [Group::"x", Group::"desk"]', True),
        ('principal in [Group::"x"]', False),
        ("principal in []", False),
        ('Group::"desk" in Group::"desk"', True),
        ('Person::"ben" in Group::"desk"', False),
        ('resource.site like "a\\*b\\n"', True),
        ('resource.site like "a*"', True),
        ('resource.site like "*b"', False),
        ('resource.site like "*"', True),
        ('resource.site like "a*\\**\\n"', True),
        ('resource.site like "a*x*\\n"', False),
        ('resource.site like "a\\*b\\n*\\n"', False),
        ('resource.site like "ab"', False),
        ("resource.amount < 0", True),
        ("resource.amount <= -2", True),
        ("resource.amount > -2", False),
        ("resource.amount >= -2", True),
        ("resource.amount == -2", True),
        ("principal.old == 1", False),
        ("principal.level == principal.old", False),
        ("principal has nick", False),
        ("resource has site && context has right", True),
        ('principal.groups.contains("desk")', True),
        ("principal.groups.contains(1)", False),
        ('principal.groups.containsAll(["desk"])', True),
        ('principal.groups.containsAny(["x"])', False),
        ('principal.groups == ["desk", "desk"]', True),
        ('if principal.old then resource.site == "x" else true', False),
        ("!(principal.level > 3) || resource.nothing", True),
        ("false && resource.nothing", False),
        ("resource.nothing", None),
        ("principal.nick == 1", None),
        ("context.nothing == 1", None),
        ('principal.name < "b"', None),
        ("principal.name.contains(1)", None),
    ],
)
def test_one_condition_at_a_time(condition: str, holds: bool | None) -> None:
    assert both(f"{HEAD} when {{ {condition} }};") is holds
    if holds is not None:
        assert both(f"{HEAD} unless {{ {condition} }};") is not holds


@pytest.mark.parametrize(
    ("scope", "holds"),
    [
        ("principal", True),
        ('principal == Person::"amira"', True),
        ('principal == Agent::"amira"', False),
        ('principal in Group::"desk"', True),
        ('principal in Person::"amira"', True),
        ('principal in Group::"boss"', False),
        ("principal is Person", True),
        ("principal is Agent", False),
        ('principal is Person in Group::"desk"', True),
        ('principal is Agent in Group::"desk"', False),
        ('principal is Person in Group::"boss"', False),
    ],
)
def test_one_scope_at_a_time(scope: str, holds: bool) -> None:
    assert both(f"permit({scope}, action, resource);") is holds


@pytest.mark.parametrize(
    "condition",
    [
        "principal.level + 1 > 3",
        "principal.groups.isEmpty()",
        "principal has address.city",
        "principal.address.city",
        "principal == context.who && context == context",
        'ip("10.0.0.1").isLoopback()',
        'resource is Invoice in Group::"x"',
        "{a: 1}.a == 1",
        'principal.hasTag("x")',
    ],
)
def test_what_is_uncommon_is_left_to_cedar(condition: str) -> None:
    assert compile_rule(parse({"t": f"{HEAD} when {{ {condition} }};"})[0]).holds is None
