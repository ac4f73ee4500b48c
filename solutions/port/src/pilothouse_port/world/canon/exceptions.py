"""Owns what goes wrong and how often: flags on consignments, dealt by kind, alone, in pairs and in triples.

`dense`: about 32 of each kind in 1,000 consignments, so that recall can be counted. `real`: published rates
where there are some (inspection 4.29 %, World Bank LPI 2016; about 10 % of boxes with dangerous goods), else
guesses. Text-only kinds are dealt mostly to boxes that are clean in every record: nothing else tells.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, TypeAlias

from pilothouse_port.world.canon.cargo import Cargo
from pilothouse_port.world.canon.policy import TEXT_OUTCOMES, Policy
from pilothouse_port.world.canon.types import Consignment, Profile

__all__ = ["TEXT_KINDS", "Kind", "deal_exceptions"]

Level: TypeAlias = Literal["bill", "box", "lot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of exception: what it spreads over and its rate in the real world."""

    name: str
    level: Level
    real: float


def _kind(name: str, level: Level, real: float) -> Kind:
    return Kind(name=name, level=level, real=real)


STRUCTURED: Final = (
    _kind("title.not_surrendered", "bill", 0.05),
    _kind("title.surrender_withdrawn", "bill", 0.004),
    _kind("money.unpaid", "bill", 0.05),
    _kind("money.credit_exceeded", "bill", 0.01),
    _kind("money.unmatched_payment", "bill", 0.015),
    _kind("identity.unknown", "bill", 0.005),
    _kind("identity.name_differs", "bill", 0.01),
    _kind("mandate.missing", "bill", 0.01),
    _kind("mandate.revoked", "bill", 0.004),
    _kind("mandate.out_of_scope", "bill", 0.004),
    _kind("mandate.expired", "bill", 0.008),
    _kind("fraud.contact_changed", "bill", 0.004),
    _kind("free_time.demurrage_due", "bill", 0.04),
    _kind("customs.not_declared", "lot", 0.03),
    _kind("customs.held", "lot", 0.015),
    _kind("customs.inspection", "lot", 0.043),
    _kind("customs.cancelled", "lot", 0.004),
    _kind("customs.refused", "lot", 0.002),
    _kind("health.pending", "lot", 0.02),
    _kind("health.refused", "lot", 0.002),
    _kind("health.expired", "lot", 0.003),
    _kind("dangerous.undeclared", "box", 0.006),
    _kind("dangerous.class_missing", "box", 0.004),
    _kind("seal.mismatch", "box", 0.005),
    _kind("damage.coded", "box", 0.01),
    _kind("stop.listed", "box", 0.005),
    _kind("order.missing", "lot", 0.03),
    _kind("order.expired", "lot", 0.008),
    _kind("order.rejected", "lot", 0.01),
    _kind("gate.no_slot", "box", 0.04),
    _kind("gate.mass_missing", "box", 0.01),
    _kind("gate.mass_differs", "box", 0.006),
    _kind("gate.empty_outstanding", "box", 0.01),
    _kind("compare:weights.differs", "lot", 0.008),
    _kind("compare:packages.differs", "lot", 0.008),
)

TEXT_KINDS: Final = (
    _kind("money.dispute", "bill", 0.008),
    _kind("stop.instructed", "box", 0.008),
    _kind("fraud.suspicious_text", "bill", 0.006),
    _kind("dangerous.hazard_in_description", "box", 0.006),
    _kind("seal.cut", "box", 0.006),
    _kind("damage.remarked", "box", 0.012),
)

_DENSE_RATE: Final = 0.032
_PRONE: Final = 0.46
_TEXT_DENSE: Final = 0.26
_NEEDS_COVER_OF_ITS_OWN: Final = ("money", "identity", "mandate", "fraud")


def deal_exceptions(rng: Random, cargo: Cargo, policy: Policy, *, profile: Profile) -> None:
    """Set the flags of every consignment."""
    dealer = _Dealer(rng, cargo, policy)
    size = len(cargo.consignments)
    for kind in STRUCTURED:
        rate = _DENSE_RATE if profile == "dense" else kind.real
        dealer.spread(kind, want=_count(rng, size, rate, profile), among=dealer.prone)
    asked = [k for k in TEXT_KINDS if policy.rule(*k.name.rsplit(".", 1))]
    left_out = [k for k in TEXT_KINDS if k not in asked]
    for kind in left_out:
        dealer.spread(kind, want=_count(rng, size, 0.01, profile), among=dealer.clean)
    for kind in asked:
        rate = _TEXT_DENSE / len(asked) if profile == "dense" else kind.real
        dealer.spread(kind, want=_count(rng, size, rate, profile), among=dealer.clean)


def _count(rng: Random, size: int, rate: float, profile: Profile) -> int:
    if profile == "dense":
        return max(2, math.ceil(size * rate))
    whole = int(size * rate)
    return whole + (rng.random() < size * rate - whole)


class _Dealer:
    def __init__(self, rng: Random, cargo: Cargo, policy: Policy) -> None:
        self.rng = rng
        self.policy = policy
        self.lots = list(cargo.consignments)
        self.of_bill: dict[str, list[Consignment]] = {}
        self.of_box: dict[str, list[Consignment]] = {}
        for lot in self.lots:
            self.of_bill.setdefault(lot.bill.number, []).append(lot)
            self.of_box.setdefault(lot.container.number, []).append(lot)
        bills = sorted(self.of_bill)
        self._prone_bills = set(rng.sample(bills, round(len(bills) * _PRONE)))

    def prone(self, lots: list[Consignment]) -> bool:
        return all(lot.bill.number in self._prone_bills for lot in lots)

    def clean(self, lots: list[Consignment]) -> bool:
        around = [
            n for lot in lots for n in self.of_bill[lot.bill.number] + self.of_box[lot.container.number]
        ]
        return not any(lot.flags for lot in lots) and not any(
            lot.container.kind == "reefer" or lot.bill.number in self._prone_bills for lot in around
        )

    def spread(self, kind: Kind, *, want: int, among: Callable[[list[Consignment]], bool]) -> None:
        """Flag at least ``want`` consignments, first those in ``among``, then any that fits."""
        groups = self._groups(kind.level)
        self.rng.shuffle(groups)
        groups.sort(key=lambda lots: (not among(lots), len(lots) > max(2, want)))
        given = 0
        for lots in groups:
            if given >= want:
                return
            if all(_fits(kind.name, lot, self.policy) for lot in lots) and self._alone(kind, lots):
                for lot in lots:
                    lot.flags.add(kind.name)
                given += len(lots)

    def _groups(self, level: Level) -> list[list[Consignment]]:
        if level == "lot":
            return [[lot] for lot in self.lots]
        if level == "box":
            return [self.of_box[number] for number in sorted(self.of_box)]
        return [self.of_bill[number] for number in sorted(self.of_bill)]

    def _alone(self, kind: Kind, lots: list[Consignment]) -> bool:
        """Old calls take whole ships' worth of boxes along, and lots that share a box take one another."""
        if kind.level != "bill":
            return True
        if kind.name == "free_time.demurrage_due":
            return all(len(self.of_box[lot.container.number]) == 1 for lot in lots)
        return True


def _fits(kind: str, lot: Consignment, policy: Policy) -> bool:
    check = kind.rsplit(".", 1)[0]
    taken = {flag.rsplit(".", 1)[0] for flag in lot.flags if (flag in _TEXT_NAMES) == (kind in _TEXT_NAMES)}
    if check in taken:
        return False
    if check == "title":
        return lot.bill.kind != "waybill"
    if check == "health":
        return lot.hs[:2] in policy.parameters.chapters
    if check == "dangerous":
        return bool(lot.un) if kind not in _TEXT_NAMES else not lot.un and "dangerous" not in taken
    if any({kind, *lot.flags} >= pair for pair in _NEVER_TOGETHER):
        return False
    if check == "mandate":
        return not ({"order.missing", "identity.unknown"} & lot.flags)
    if kind in {"order.missing", "identity.unknown"}:
        return "mandate" not in taken
    if kind == "customs.not_declared":
        return not any(flag.startswith("compare") for flag in lot.flags)
    if check.startswith("compare"):
        return "customs.not_declared" not in lot.flags
    return True


# somebody who is not registered has no contact there, and no tax number by which a cover could be found
_NEVER_TOGETHER: Final = (
    {"identity.unknown", "fraud.contact_changed"},
    {"identity.unknown", "money.credit_exceeded"},
)
_TEXT_NAMES: Final = frozenset(f"{check}.{outcome}" for check, outcome in TEXT_OUTCOMES)
