"""The verdict against a model of it in plain sets and numbers, on many random calls."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from pilothouse.decisions import Quorum, Rung
from pilothouse.effects import EffectRequest, EffectSpec, weigh
from pilothouse.effects.testing import RUNNER, marked
from pilothouse.labels import Integrity

STEPS = 10_000
NAMES = ("a", "b", "c")
ACLS = ("acl:1", "acl:2")
UNTRUSTED, RECORD, APPROVED, OPERATOR = 0, 1, 2, 3


@dataclass(frozen=True)
class Case:
    """One call, in plain numbers and sets."""

    tier: int
    accepts: int
    steering: frozenset[str]
    plain: bool
    values: dict[str, tuple[int, frozenset[str]]]
    reached: frozenset[str]
    rung: int
    may_ask: bool
    endorsed: frozenset[str]


def expected(case: Case) -> str:
    """Say what the design says, word for word and without sharing a line with the code."""
    worth = {
        name: APPROVED if case.rung >= 3 and integrity == RECORD else integrity
        for name, (integrity, _) in case.values.items()
    }
    trusted = all(level >= case.accepts or name in case.endorsed for name, level in worth.items())
    secret = all(acl in case.reached for _, readers in case.values.values() for acl in readers)
    typed = case.tier <= 3 and case.plain and all(level == OPERATOR for level, _ in case.values.values())
    person = case.accepts >= APPROVED and case.rung <= 2 and not typed
    if trusted and secret and not person:
        return "allow"
    # A person's yes makes everything approved; what takes only their own words stays as it is.
    helps = case.accepts <= APPROVED or all(level >= case.accepts for level, _ in case.values.values())
    return "ask" if case.may_ask and helps else "deny"


def drawn(chance: random.Random) -> Case:
    def some(names: tuple[str, ...]) -> frozenset[str]:
        return frozenset(name for name in names if chance.random() < 0.5)

    tier = chance.randint(1, 4)
    values = {
        name: (
            min(3, chance.choice((0, 1, 2, 3, 3, 3))),
            some(ACLS) if chance.random() < 0.3 else frozenset[str](),
        )
        for name in ("pc", *some(NAMES))
    }
    return Case(
        tier=tier,
        accepts=chance.randint(2 if tier >= 3 else 0, 3),
        steering=some(NAMES) & values.keys(),
        plain=chance.random() < 0.8,
        values=values,
        reached=some(ACLS),
        rung=chance.randint(0, 4),
        may_ask=chance.random() < 0.7,
        endorsed=some(("pc", *NAMES)) if chance.random() < 0.4 else frozenset(),
    )


def said(case: Case) -> str:
    spec = EffectSpec(
        tool="t",
        effect="write",
        tier=case.tier,
        steering=tuple(sorted(case.steering)),
        accepts=Integrity(case.accepts),
        quorum=Quorum() if case.plain else Quorum(count=2),
    )
    labels = {
        name: marked(Integrity(level), *sorted(readers)) for name, (level, readers) in case.values.items()
    }
    pc = labels.pop("pc")
    request = EffectRequest(
        tool="t", args=dict.fromkeys(labels, 1), effect_id="e", principal=RUNNER, labels=labels, pc=pc,
        may_ask=case.may_ask,
    )  # fmt: skip
    return weigh(spec, request, reached=case.reached, rung=Rung(case.rung), endorsed=case.endorsed).kind


@pytest.mark.parametrize("seed", range(5))
def test_the_verdict_is_what_the_model_says(seed: int) -> None:
    chance = random.Random(seed)
    seen = {"allow": 0, "ask": 0, "deny": 0}
    for _ in range(STEPS):
        case = drawn(chance)
        wanted = expected(case)
        assert said(case) == wanted, case
        seen[wanted] += 1
    assert min(seen.values()) > STEPS // 20, "the cases reach every verdict"
