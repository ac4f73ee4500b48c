"""Owns surrender, mandates, release orders, customs and health answers, dangerous goods and mass notices."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from pilothouse_port.world.canon.cargo import Cargo
from pilothouse_port.world.canon.policy import Policy
from pilothouse_port.world.canon.types import (
    Bill,
    Certificate,
    Consignment,
    Container,
    CustomsMessage,
    Mandate,
    MassMessage,
    Notice,
    Order,
    Surrender,
)

__all__ = ["Papers", "write_papers"]


@dataclass(slots=True, kw_only=True)
class Papers:
    """Everything that authorities and offices wrote."""

    surrenders: list[Surrender] = field(default_factory=list[Surrender])
    mandates: list[Mandate] = field(default_factory=list[Mandate])
    orders: list[Order] = field(default_factory=list[Order])
    customs: list[CustomsMessage] = field(default_factory=list[CustomsMessage])
    certificates: list[Certificate] = field(default_factory=list[Certificate])
    notices: list[Notice] = field(default_factory=list[Notice])
    masses: list[MassMessage] = field(default_factory=list[MassMessage])


def write_papers(rng: Random, cargo: Cargo, *, policy: Policy, as_of: datetime) -> Papers:
    """Return the papers of all consignments."""
    writer = _Writer(rng, policy=policy, as_of=as_of)
    flags: dict[str, set[str]] = {}
    for lot in cargo.consignments:
        flags.setdefault(lot.bill.number, set()).update(lot.flags)
    for bill in cargo.bills:
        writer.surrender(bill, flags.get(bill.number, set()))
        writer.mandate(bill, flags.get(bill.number, set()))
    weights: dict[str, Decimal] = {}
    for lot in cargo.consignments:
        writer.order(lot)
        writer.customs(lot)
        writer.certificate(lot)
        writer.notice(lot)
        weights[lot.container.number] = weights.get(lot.container.number, Decimal(0)) + lot.weight
    boxes = {lot.container.number: lot.flags for lot in cargo.consignments}
    for box in cargo.containers:
        writer.mass(box, weights[box.number], boxes[box.number])
    return writer.papers


def _outcome(flags: set[str], check: str) -> str:
    return next((f.partition(".")[2] for f in sorted(flags) if f.partition(".")[0] == check), "")


class _Writer:
    def __init__(self, rng: Random, *, policy: Policy, as_of: datetime) -> None:
        self.rng = rng
        self.policy = policy
        self.as_of = as_of
        self.papers = Papers()
        self._serial = {
            name: rng.randrange(1000, 9000) for name in ("mnd", "ord", "decl", "cert", "dg", "vgm")
        }
        self._year = as_of.year
        self._pairs: set[tuple[str, str]] = set()
        self._units = rng.choice((("KGM",), ("KGM",), ("KGM", "TNE"), ("KGM", "LBR")))

    def next(self, name: str) -> int:
        self._serial[name] += self.rng.randint(1, 5)
        return self._serial[name]

    def ago(self, hours_from: int, hours_to: int) -> datetime:
        """Return a time between the two, in whole minutes before the world's now."""
        return self.as_of - timedelta(minutes=self.rng.randint(hours_from * 60, hours_to * 60))

    def surrender(self, bill: Bill, flags: set[str]) -> None:
        rows = self.papers.surrenders
        outcome = _outcome(flags, "title")

        def say(state: str, at: datetime, by: str) -> None:
            rows.append(Surrender(bill=bill.number, state=state, at=at, by=by))

        if bill.kind == "waybill":
            return
        if outcome == "not_surrendered":
            if self.rng.random() < 0.5:
                say("open", self.ago(300, 400), bill.shipper)
            return
        if self.rng.random() < 0.6:
            say("open", self.ago(300, 400), bill.shipper)
        say("surrendered", self.ago(30, 200), bill.consignee.name)
        if outcome == "surrender_withdrawn":
            say("withdrawn", self.ago(1, 29), bill.shipper)

    def mandate(self, bill: Bill, flags: set[str]) -> None:
        pair = bill.consignee.number, bill.asker.number
        if pair[0] == pair[1] or pair in self._pairs:
            return
        self._pairs.add(pair)
        outcome = _outcome(flags, "mandate")
        if outcome == "missing":
            return
        today = self.as_of.date()
        good = self.rng.choice(self.policy.parameters.scopes)
        poor = [s for s in ("customs", "transport", "invoices") if s not in self.policy.parameters.scopes]
        scope = self.rng.choice(poor) if outcome == "out_of_scope" else good
        granted = self.ago(24 * 40, 24 * 400)
        until = today + timedelta(days=self.rng.randint(20, 500))
        if outcome == "expired":
            until = today - timedelta(days=self.rng.randint(3, 90))

        def grant(state: str, at: datetime, valid_until: object = None) -> None:
            self.papers.mandates.append(
                Mandate(
                    number=f"{self.next('mnd'):06d}",
                    principal=pair[0],
                    agent=pair[1],
                    scope=scope,
                    state=state,
                    granted_at=at,
                    valid_from=granted.date(),
                    valid_until=until if valid_until is None else granted.date(),
                )
            )

        if not outcome and self.rng.random() < 0.2:
            grant("active", granted - timedelta(days=400), "earlier")
        grant("active", granted)
        if outcome == "revoked":
            grant("revoked", self.ago(5, 24 * 30))

    def order(self, lot: Consignment) -> None:
        outcome = _outcome(lot.flags, "order")
        number = f"{self._year}{self.next('ord'):07d}"
        version = 0
        last = self.ago(50, 70)

        def put(state: str, valid_until: datetime) -> None:
            nonlocal version, last
            version += 1
            last += timedelta(minutes=self.rng.randint(200, 900))
            self.papers.orders.append(
                Order(
                    number=number,
                    version=version,
                    container=lot.container.number,
                    bill=lot.bill.number,
                    party=lot.bill.asker.number,
                    party_name=lot.bill.asker.name,
                    state=state,
                    updated_at=last,
                    valid_until=valid_until,
                )
            )

        later = self.as_of + timedelta(days=self.rng.randint(5, 40))
        if outcome == "missing":
            if self.rng.random() < 0.4:
                put("active", later)
                put("cancelled", later)
            return
        if outcome == "rejected":
            if self.rng.random() < 0.4:
                put("active", later)
            put("rejected", later)
            return
        if outcome == "expired":
            put("active", self.as_of - timedelta(days=self.rng.randint(2, 20)))
            return
        if self.rng.random() < 0.15:
            put("rejected", later)
        elif self.rng.random() < 0.1:
            put("active", self.as_of - timedelta(days=3))
        put("active", later)

    def customs(self, lot: Consignment) -> None:
        rng = self.rng
        outcome = _outcome(lot.flags, "customs")
        if outcome == "not_declared" and rng.random() < 0.6:
            return
        declaration = f"{self._year % 100}{lot.bill.consignee.country}{self.next('decl'):08d}"
        packages, weight = self._declared(lot)
        at = self.ago(30, 44)
        states = {
            "not_declared": ["declared"],
            "held": ["cleared", "held"] if rng.random() < 0.3 else ["declared", "held"],
            "inspection": ["cleared", "inspection"] if rng.random() < 0.3 else ["inspection"],
            "cancelled": ["cleared", "cancelled"],
            "refused": ["held", "refused"],
        }.get(outcome) or rng.choice((["cleared"], ["declared", "cleared"], ["held", "cleared"], ["cleared"]))
        document = f"{declaration}R"
        rows: list[CustomsMessage] = []
        for n, state in enumerate(states):
            at += timedelta(minutes=rng.randint(60, 600))
            rows.append(
                CustomsMessage(
                    document=document,
                    declaration=declaration,
                    function="1" if state == "cancelled" else "9" if n == 0 else "5",
                    container=lot.container.number,
                    bill=lot.bill.number,
                    state=state,
                    sent=at,
                    received=at + timedelta(minutes=rng.randint(1, 20)),
                    packages=packages,
                    weight=weight,
                    remark="",
                )
            )
        if len(rows) > 1 and rng.random() < 0.2:
            # the first answer was on its way for so long that it came in last
            rows[0] = _late(rows[0], rows[-1].received + timedelta(minutes=5))
        self.papers.customs.extend(rows)

    def _declared(self, lot: Consignment) -> tuple[int, Decimal]:
        parameters = self.policy.parameters
        packages, weight = lot.packages, lot.weight
        if "compare:packages.differs" in lot.flags:
            packages += self.rng.choice((-1, 1)) * self.rng.randint(2, 9) + parameters.package_count
            packages += 3 if abs(packages - lot.packages) <= parameters.package_count else 0
        share = Decimal(0)
        if "compare:weights.differs" in lot.flags:
            share = Decimal(parameters.weight_percent + self.rng.randint(3, 15)) * self.rng.choice((-1, 1))
        elif self.rng.random() < 0.15:
            share = Decimal(parameters.weight_percent) / 3
        return packages, (weight * (100 + share) / 100).quantize(Decimal("0.1"))

    def certificate(self, lot: Consignment) -> None:
        asked = lot.hs[:2] in self.policy.parameters.chapters
        outcome = _outcome(lot.flags, "health")
        if not asked or (outcome == "pending" and self.rng.random() < 0.4):
            return
        today = self.as_of.date()
        state = {"pending": "pending", "refused": "refused"}.get(outcome, "cleared")
        until = today + timedelta(days=self.rng.randint(5, 60))
        if outcome == "expired":
            until = today - timedelta(days=self.rng.randint(2, 20))
        self.papers.certificates.append(
            Certificate(
                number=f"{self._year}.{self.next('cert'):06d}",
                item=self.rng.randint(1, 3),
                container=lot.container.number,
                bill=lot.bill.number,
                hs=lot.hs,
                state=state,
                issued=today - timedelta(days=self.rng.randint(0, 4)),
                valid_until=until,
                weight=lot.weight,
            )
        )

    def notice(self, lot: Consignment) -> None:
        if not lot.un:
            return
        outcome = _outcome(lot.flags, "dangerous")
        number = f"DG{self._year % 100}{self.next('dg'):06d}"
        at = self.ago(60, 120)

        def send(function: str, hazard_class: str) -> None:
            nonlocal at
            at += timedelta(minutes=self.rng.randint(60, 900))
            self.papers.notices.append(
                Notice(
                    document=number,
                    notice=number,
                    function=function,
                    container=lot.container.number,
                    bill=lot.bill.number,
                    un=lot.un,
                    hazard_class=hazard_class,
                    packing_group=lot.packing_group,
                    sent=at,
                )
            )

        if outcome == "undeclared":
            if self.rng.random() < 0.4:
                send("9", lot.hazard_class)
                send("1", lot.hazard_class)
            return
        if outcome == "class_missing":
            send("9", "")
            return
        if self.rng.random() < 0.2:
            send("9", "")
            send("5", lot.hazard_class)
            return
        send("9", lot.hazard_class)

    def mass(self, box: Container, cargo_weight: Decimal, flags: set[str]) -> None:
        outcome = _outcome(flags, "gate")
        if outcome == "mass_missing":
            return
        percent = self.policy.parameters.mass_percent
        share = Decimal(self.rng.randint(-percent * 6, percent * 6)) / 10
        if outcome == "mass_differs":
            share = Decimal(percent + self.rng.randint(4, 20)) * self.rng.choice((-1, 1))
        mass = (box.tare + cargo_weight * (100 + share) / 100).quantize(Decimal(1))
        unit = self.rng.choice(self._units)
        shown = {"KGM": mass, "TNE": mass / 1000, "LBR": mass / Decimal("0.45359237")}[unit]
        self.papers.masses.append(
            MassMessage(
                document=f"VGM{self.next('vgm'):06d}",
                booking=f"BK{box.number[4:9]}{self.rng.randrange(100):02d}",
                container=box.number,
                mass=mass,
                shown=shown.quantize(Decimal("0.001" if unit == "TNE" else "1")),
                unit=unit,
                method=self.rng.choice(("SM1", "SM2")),
                responsible=self.rng.choice(("A. Lind", "J. Moreau", "K. Vos", "T. Brandt")),
                sent=self.ago(200, 500),
            )
        )


def _late(message: CustomsMessage, received: datetime) -> CustomsMessage:
    from dataclasses import replace

    return replace(message, received=received)
