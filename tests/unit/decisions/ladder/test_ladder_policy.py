"""The ladder policy: what its table means, and what it refuses."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from typing import Any

import pytest

from pilothouse.decisions.ladder import ClassRule, LadderPolicy, Rung, Unit
from pilothouse.decisions.ladder.maths import labels_needed
from pilothouse.decisions.ladder.policy import cap_of
from pilothouse.kernel import UsageError, decode, encode

TABLE = """
alpha = 0.1
catch = "assumed"
shared = ["tag_mail"]
sampled = 0.3

[eps]
1 = 0.04

[settle_days]
2 = 0.5

[classes.book_slot]
weight = 0.5

[classes."notice@north"]
eps = 0.03
settle_days = 3

[classes.notice]
"""


def test_the_table_says_what_it_says() -> None:
    policy = LadderPolicy.of(tomllib.loads(TABLE))
    assert (policy.alpha, policy.catch, policy.sampled, policy.kept) == (0.1, "assumed", 0.3, 0.2)
    north, south = (Unit(action="notice", tier=2, site=site) for site in ("north", "south"))
    assert policy.rule_of(north) == ("notice@north", ClassRule(eps=0.03, settle_days=3))
    assert policy.rule_of(south) == ("notice", ClassRule())
    assert policy.rule_of(Unit(action="other", tier=1)) is None
    assert [policy.eps_of(unit) for unit in (north, south)] == [0.03, 0.02]
    assert policy.eps_of(Unit(action="other", tier=1)) == 0.04
    assert [policy.settle_of(unit) for unit in (north, south)] == [timedelta(days=3), timedelta(hours=12)]
    assert policy.settle_of(Unit(action="other", tier=4)) == timedelta(days=30)
    assert policy.weight_of("book_slot") == 0.5
    assert policy.weight_of("notice") == policy.weight_of("notice@north") == pytest.approx(0.15)
    assert [policy.review_of(rung) for rung in Rung] == [1.0, 1.0, 1.0, 0.3, 0.05]


def test_sharing_is_by_action_and_keeps_tier_and_version() -> None:
    policy = LadderPolicy.of(tomllib.loads(TABLE))
    mail = Unit(action="tag_mail", tier=1, site="north", version="v1")
    assert policy.counted_as(mail) == Unit(action="tag_mail", tier=1, version="v1")
    assert policy.counted_as(policy.counted_as(mail)) == policy.counted_as(mail)
    other = Unit(action="book_slot", tier=1, site="north")
    assert policy.counted_as(other) is other


def test_the_whole_budget_is_the_reserve_where_no_class_is_listed() -> None:
    assert LadderPolicy().kept == 1.0
    assert LadderPolicy(reserve=0.3).kept == 0.3
    assert LadderPolicy(classes={"a": ClassRule()}).weight_of("a") == 0.8


def test_the_version_changes_with_everything_that_is_said() -> None:
    plain = LadderPolicy()
    assert plain.version == LadderPolicy.of({}).version
    others = [
        LadderPolicy(alpha=0.01),
        LadderPolicy(eps={1: 0.01}),
        LadderPolicy(settle_days={1: 5}),
        LadderPolicy(shared=frozenset({"a"})),
        LadderPolicy(classes={"a": ClassRule()}),
        LadderPolicy(classes={"a": ClassRule(weight=0.1)}),
        LadderPolicy(catch="assumed"),
        LadderPolicy(reserve=0.1),
    ]
    assert len({policy.version for policy in (plain, *others)}) == len(others) + 1


def test_the_tiers_of_the_house() -> None:
    policy = LadderPolicy()
    needed = [
        labels_needed(policy.eps_of(Unit(action="a", tier=tier)), policy.alpha) for tier in (1, 2, 3, 4)
    ]
    assert needed == [70, 178, 357, 3_586]
    assert [cap_of(tier) for tier in (1, 2, 3, 4)] == [4, 4, 3, 2]
    assert [cap_of(tier, Rung.AUTONOMOUS) for tier in (1, 2, 3, 4)] == [4, 4, 4, 3]
    assert cap_of(4, Rung.SAMPLED) == Rung.SAMPLED


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ({"alhpa": 0.1}, "alhpa"),
        ({"alpha": 1}, "alpha"),
        ({"alpha": 0}, "alpha"),
        ({"alpha": "much"}, "cannot be read"),
        ({"alarm": 2}, "alarm"),
        ({"sampled": 0}, "sampled"),
        ({"autonomous": 0.01}, "autonomous"),
        ({"catch": "hoped"}, "catch"),
        ({"unreviewed": "right"}, "unreviewed"),
        ({"ask_days": 0}, "ask_days"),
        ({"eps": {"1": 1.5}}, "eps"),
        ({"eps": {"9": 0.5}}, "tier 9"),
        ({"eps": {"one": 0.5}}, "cannot be read"),
        ({"eps": 0.5}, "cannot be read"),
        ({"settle_days": {"1": -1}}, "settle_days"),
        ({"settle_days": {"0": 1}}, "tier 0"),
        ({"reserve": 2}, "reserve"),
        ({"shared": 3}, "cannot be read"),
        ({"classes": {"a": {"wieght": 1}}}, "cannot be read"),
        ({"classes": {"a": {"weight": 0}}}, r"classes\.a\.weight"),
        ({"classes": {"a": {"eps": 2}}}, r"classes\.a\.eps"),
        ({"classes": {"a": {"settle_days": -2}}}, r"classes\.a\.settle_days"),
        ({"classes": {"a": {"weight": 0.9}}}, "together"),
        ({"classes": {"a": {"weight": 0.9}}, "reserve": 0.2}, "together"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(table: dict[str, Any], names: str) -> None:
    with pytest.raises(UsageError, match=names) as refused:
        LadderPolicy.of(table)
    assert refused.value.code == "ladder.policy"


@pytest.mark.parametrize(("action", "tier"), [("", 1), ("a", 0), ("a", 5)])
def test_a_unit_needs_an_action_and_a_tier(action: str, tier: int) -> None:
    with pytest.raises(UsageError, match=r"ladder\.unit"):
        Unit(action=action, tier=tier)


def test_nouns_survive_the_wire() -> None:
    unit = Unit(action="book_slot", tier=2, site="north", version="v1")
    assert decode(encode(unit)) == unit
    assert decode(encode(Rung.SAMPLED)) is Rung.SAMPLED
    assert str(unit) == "book_slot/2@north:v1"
    assert str(Unit(action="a", tier=1)) == "a/1@-:-"
