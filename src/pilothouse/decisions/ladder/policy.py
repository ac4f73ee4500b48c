"""Owns the ladder policy that an owner signs: budget, error shares, settle times, reviews."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, Final, Literal

from pilothouse.decisions.ladder.types import Rung, Unit
from pilothouse.kernel import UsageError, content_hash

__all__ = ["ClassRule", "LadderPolicy", "cap_of"]

CAPS: Final = {1: Rung.AUTONOMOUS, 2: Rung.AUTONOMOUS, 3: Rung.SAMPLED, 4: Rung.APPROVE}
WAIVED: Final = {1: Rung.AUTONOMOUS, 2: Rung.AUTONOMOUS, 3: Rung.AUTONOMOUS, 4: Rung.SAMPLED}
EPS: Final = {1: 0.05, 2: 0.02, 3: 0.01, 4: 0.001}
SETTLE_DAYS: Final = {1: 0.0, 2: 1.0, 3: 7.0, 4: 30.0}
LEAST_REVIEW: Final = 0.02
RESERVE: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRule:
    """What the policy says about one class of actions; None means as its tier.

    Attributes:
        weight: Its share of the error budget; None means an equal share of what is left.
        eps: The error share to be refuted.
        settle_days: How long a good label waits before it counts.
    """

    weight: float | None = None
    eps: float | None = None
    settle_days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderPolicy:
    """The ``[ladder]`` table of the project.

    Attributes:
        alpha: Chance that anything is ever promoted wrongly, over all classes and versions.
        classes: Rules by ``action`` or ``action@site``; their weights and the reserve add up to at most 1.
        reserve: Share of the budget for classes that are not listed; all of it if none is.
        eps: The error share to be refuted, by tier.
        settle_days: How long a good label waits before it counts, by tier. A bad one counts at once.
        sampled: Share reviewed on rung ``SAMPLED``, never below 2 %.
        autonomous: Share reviewed on rung ``AUTONOMOUS``, never below 2 %.
        shared: Actions whose evidence is shared across sites.
        catch: ``measured``: seeded bad proposals tell how many bad cases the reviewers catch, and without
            them nothing climbs. ``assumed``: the owner signs that the labels are right.
        unreviewed: What a drawn effect counts as that nobody reviewed in time.
        alarm: One over the mean number of audited cases between false alarms of the detector.
        ask_days: How long a promotion waits for its signatures, and a review for its answer.
    """

    alpha: float = 0.05
    classes: Mapping[str, ClassRule] = field(default_factory=dict[str, ClassRule])
    reserve: float | None = None
    eps: Mapping[int, float] = field(default_factory=lambda: dict(EPS))
    settle_days: Mapping[int, float] = field(default_factory=lambda: dict(SETTLE_DAYS))
    sampled: float = 0.2
    autonomous: float = 0.05
    shared: frozenset[str] = frozenset()
    catch: Literal["measured", "assumed"] = "measured"
    unreviewed: Literal["wrong", "ignored"] = "wrong"
    alarm: float = 1e-3
    ask_days: float = 14.0

    def __post_init__(self) -> None:
        for name in ("alpha", "alarm"):
            if not 0 < getattr(self, name) < 1:
                raise _wrong(name, getattr(self, name), "between 0 and 1")
        for name in ("sampled", "autonomous"):
            if not LEAST_REVIEW <= getattr(self, name) <= 1:
                raise _wrong(name, getattr(self, name), f"at least {LEAST_REVIEW} and at most 1")
        if self.catch not in ("measured", "assumed") or self.unreviewed not in ("wrong", "ignored"):
            raise _wrong("catch and unreviewed", (self.catch, self.unreviewed), "one of their words")
        if self.ask_days <= 0:
            raise _wrong("ask_days", self.ask_days, "above 0")
        for tier in {*self.eps, *self.settle_days} - set(EPS):
            raise _wrong("eps and settle_days", f"tier {tier}", "by tier 1 to 4")
        for tier, eps in self.eps.items():
            if not 0 < eps < 1:
                raise _wrong(f"eps.{tier}", eps, "between 0 and 1")
        for tier, days in self.settle_days.items():
            if days < 0:
                raise _wrong(f"settle_days.{tier}", days, "0 or more")
        self._check_classes()

    def _check_classes(self) -> None:
        for name, rule in self.classes.items():
            if rule.eps is not None and not 0 < rule.eps < 1:
                raise _wrong(f"classes.{name}.eps", rule.eps, "between 0 and 1")
            if rule.settle_days is not None and rule.settle_days < 0:
                raise _wrong(f"classes.{name}.settle_days", rule.settle_days, "0 or more")
            if rule.weight is not None and not 0 < rule.weight <= 1:
                raise _wrong(f"classes.{name}.weight", rule.weight, "above 0 and at most 1")
        if self.reserve is not None and not 0 <= self.reserve <= 1:
            raise _wrong("reserve", self.reserve, "between 0 and 1")
        total = self._given + self.kept
        if total > 1 + 1e-9:
            raise _wrong("weights and reserve together", total, "at most 1")

    @property
    def kept(self) -> float:
        """The share of the budget for classes that are not listed."""
        if self.reserve is not None:
            return self.reserve
        return RESERVE if self.classes else 1.0

    @property
    def _given(self) -> float:
        return sum(rule.weight for rule in self.classes.values() if rule.weight is not None)

    @property
    def version(self) -> str:
        """Hash of everything the policy says."""
        content: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        content["classes"] = {
            name: [rule.weight, rule.eps, rule.settle_days] for name, rule in self.classes.items()
        }
        for name in ("eps", "settle_days"):
            content[name] = {str(tier): value for tier, value in content[name].items()}
        return content_hash(content)

    def counted_as(self, unit: Unit) -> Unit:
        """Return the unit whose evidence ``unit`` shares: itself, or without its site."""
        if unit.action not in self.shared or not unit.site:
            return unit
        return Unit(action=unit.action, tier=unit.tier, version=unit.version)

    def rule_of(self, unit: Unit) -> tuple[str, ClassRule] | None:
        """Return the rule of the unit's class with its name; None if it is not listed."""
        for name in (f"{unit.action}@{unit.site}", unit.action):
            if name in self.classes:
                return name, self.classes[name]
        return None

    def weight_of(self, name: str) -> float:
        """Return the share of the budget of a listed class."""
        given = self.classes[name].weight
        if given is not None:
            return given
        open_ended = sum(rule.weight is None for rule in self.classes.values())
        return max(0.0, 1 - self.kept - self._given) / open_ended

    def eps_of(self, unit: Unit) -> float:
        """Return the error share that the unit's test refutes."""
        found = self.rule_of(unit)
        own = None if found is None else found[1].eps
        return own if own is not None else self.eps.get(unit.tier, EPS[unit.tier])

    def settle_of(self, unit: Unit) -> timedelta:
        """Return how long a good label waits before it counts."""
        found = self.rule_of(unit)
        own = None if found is None else found[1].settle_days
        days = own if own is not None else self.settle_days.get(unit.tier, SETTLE_DAYS[unit.tier])
        return timedelta(days=days)

    def review_of(self, rung: Rung) -> float:
        """Return the share of effects a person looks at on ``rung``."""
        return {Rung.SAMPLED: self.sampled, Rung.AUTONOMOUS: self.autonomous}.get(rung, 1.0)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> LadderPolicy:
        """Return the policy of a ``[ladder]`` table.

        Raises:
            UsageError: ``ladder.policy``, naming the key.
        """
        known = {each.name for each in fields(cls)}
        unknown = sorted(set(table) - known)
        if unknown:
            raise UsageError(
                f"[ladder] has no key {unknown[0]!r}; it knows {', '.join(sorted(known))}",
                code="ladder.policy",
            )
        values = dict(table)
        try:
            for name in ("eps", "settle_days"):
                if name in values:
                    values[name] = {int(tier): float(value) for tier, value in values[name].items()}
            if "classes" in values:
                values["classes"] = {name: ClassRule(**rule) for name, rule in values["classes"].items()}
            if "shared" in values:
                values["shared"] = frozenset[str](values["shared"])
            return cls(**values)
        except (TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"[ladder] cannot be read: {error}", code="ladder.policy") from error


def cap_of(tier: int, waived: Rung | None = None) -> Rung:
    """Return the highest rung of a tier; a waiver lifts it as far as the tier can be waived at all."""
    return CAPS[tier] if waived is None else max(CAPS[tier], min(waived, WAIVED[tier]))


def _wrong(name: str, value: object, wanted: str) -> UsageError:
    return UsageError(f"[ladder] {name} must be {wanted}, got {value!r}", code="ladder.policy")
