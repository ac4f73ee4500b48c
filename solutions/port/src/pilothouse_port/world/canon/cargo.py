"""Owns calls, boxes, bills and what is in them, before anything goes wrong."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from pilothouse_port.world.canon.parties import Firms, printed_harmlessly
from pilothouse_port.world.canon.policy import Parameters
from pilothouse_port.world.canon.stock import BOX_TYPES, DANGEROUS_GOODS, GOODS, SHIPPERS, VESSELS, BoxNumbers
from pilothouse_port.world.canon.types import Bill, Call, Consignment, Container, Party

__all__ = ["Cargo", "lay_calls", "lay_cargo", "lay_past"]

_LANGUAGES = ("en", "en", "en", "de", "nl", "fr", "es")
_LANGUAGE_AT = {"en": 0, "de": 1, "nl": 2, "fr": 3, "es": 4}


@dataclass(slots=True, kw_only=True)
class Cargo:
    """All bills, boxes and consignments of a world, in a fixed order."""

    calls: list[Call]
    bills: list[Bill]
    containers: list[Container]
    consignments: list[Consignment]
    forwarders: list[Party]
    bill_form: str = ""
    bill_prefix: str = ""


def lay_calls(rng: Random, *, as_of: datetime, parameters: Parameters, count: int) -> list[Call]:
    """Return calls of the last two days and a few old ones, whose boxes are long over their free time."""
    calls: list[Call] = []
    free = max(parameters.free_days.values())
    for n in range(count):
        old = n % 4 == 3
        days = (free + 2) * 7 // 5 + 6 + rng.randint(0, 5) if old else rng.choice((1, 2))
        arrived = (as_of - timedelta(days=days)).replace(hour=rng.randint(1, 8), minute=rng.randrange(60))
        vessel = VESSELS[n % len(VESSELS)]
        calls.append(
            Call(
                reference=f"{arrived:%y%m%d}{n:02d}",
                vessel=vessel,
                imo=str(9100000 + rng.randrange(800000)),
                voyage=f"{rng.randrange(100, 999)}{rng.choice('EWNS')}",
                arrived=arrived,
                old=old,
            )
        )
    return calls


class _Layer:
    def __init__(
        self, rng: Random, *, calls: list[Call], firms: Firms, parameters: Parameters, share_dangerous: float
    ) -> None:
        self.rng = rng
        self.firms = firms
        self.parameters = parameters
        self.share_dangerous = share_dangerous
        self.numbers = BoxNumbers(rng)
        self.fresh = [call for call in calls if not call.old]
        self.serial = rng.randrange(10000, 60000)
        self.bill_form = rng.choice(("{p}{n:07d}", "{y}-{n:06d}", "{p}-{n:06d}"))
        self.prefix = "".join(rng.choice("BCDFGHKLMNPRSTVWZ") for _ in range(4))
        self.sealer = rng.choice(("ML", "KS", "SL", "HX"))

    def bill(self, consignee: Party, asker: Party, today: date) -> Bill:
        rng = self.rng
        self.serial += rng.randint(1, 9)
        issued = today - timedelta(days=rng.randint(25, 60))
        return Bill(
            number=self.bill_form.format(p=self.prefix, y=issued.year, n=self.serial),
            uuid=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            kind=rng.choices(("original", "waybill", "electronic"), (55, 25, 20))[0],
            issued=issued,
            call=rng.choice(self.fresh),
            consignee=consignee,
            asker=asker,
            shipper=rng.choice(SHIPPERS),
            printed_name=printed_harmlessly(rng, consignee),
        )

    def container(self, call: Call, *, cold: bool) -> Container:
        rng = self.rng
        types = [t for t in BOX_TYPES if (t[2] == "reefer") == cold]
        iso_type, length, kind, tare, _ = rng.choices(types, [t[4] for t in types])[0]
        return Container(
            number=self.numbers.next(),
            iso_type=iso_type,
            length=length,
            kind=kind,
            tare=Decimal(tare + rng.randrange(-60, 61, 10)),
            call=call,
            discharged_at=call.arrived + timedelta(minutes=rng.randint(60, 600)),
            seal="",
            position=f"{rng.choice('ABCDEFGH')}{rng.randint(1, 40):02d}.{rng.randint(1, 5)}",
        )

    def goods(self, *, plain: bool = False) -> tuple[str, str, str, str, str, str]:
        """Return hs, words, language, UN, class, packing group."""
        rng = self.rng
        language = rng.choice(_LANGUAGES)
        at = _LANGUAGE_AT[language]
        if not plain and rng.random() < self.share_dangerous:
            un, hazard_class, group, hs, names = rng.choice(DANGEROUS_GOODS)
            return hs, names[at], language, un, hazard_class, group
        asked = [g for g in GOODS if g[0][:2] in self.parameters.chapters]
        free = [g for g in GOODS if g[0][:2] not in self.parameters.chapters]
        hs, names = rng.choice(asked if rng.random() < 0.33 else free)
        return hs, names[at], language, "", "", ""

    def consignment(self, bill: Bill, box: Container, *, plain: bool) -> Consignment:
        rng = self.rng
        hs, words, language, un, hazard_class, group = self.goods(plain=plain)
        return Consignment(
            container=box,
            bill=bill,
            hs=hs,
            goods=words,
            language=language,
            un=un,
            hazard_class=hazard_class,
            packing_group=group,
            packages=rng.randint(20, 1400),
            package_kind=rng.choice(("CT", "PK", "BG", "PX", "DR" if un else "BX")),
            weight=Decimal(rng.randrange(40000, 240000)) / 10,
            seal="",
        )


def lay_cargo(
    rng: Random,
    *,
    size: int,
    calls: list[Call],
    firms: Firms,
    parameters: Parameters,
    share_dangerous: float,
    today: date,
) -> Cargo:
    """Lay exactly ``size`` consignments: many boxes a bill, now and then two bills a box."""
    layer = _Layer(rng, calls=calls, firms=firms, parameters=parameters, share_dangerous=share_dangerous)
    consignees = [firms.make("consignee") for _ in range(max(8, size // 5))]
    forwarders = [firms.make("forwarder") for _ in range(max(5, size // 40))]
    cargo = Cargo(
        calls=calls,
        bills=[],
        containers=[],
        consignments=[],
        forwarders=forwarders,
        bill_form=layer.bill_form,
        bill_prefix=layer.prefix,
    )
    while len(cargo.consignments) < size:
        consignee = rng.choice(consignees)
        asker = consignee if rng.random() < 0.3 else rng.choice(forwarders)
        bill = layer.bill(consignee, asker, today)
        cargo.bills.append(bill)
        if rng.random() < 0.02 and _share_a_box(layer, cargo, bill):
            continue
        boxes = rng.choices((1, 2, 3, 4, 5, 6), (48, 24, 12, 8, 4, 4))[0]
        for _ in range(min(boxes, size - len(cargo.consignments))):
            _one_box(layer, cargo, bill)
    return cargo


def _one_box(layer: _Layer, cargo: Cargo, bill: Bill) -> None:
    box = layer.container(bill.call, cold=layer.rng.random() < 0.12)
    seal = f"{layer.sealer}{layer.rng.randrange(10**6, 10**7)}"
    box.seal = seal
    unit = layer.consignment(bill, box, plain=box.kind != "dry")
    unit.seal = seal
    cargo.containers.append(box)
    cargo.consignments.append(unit)


def _share_a_box(layer: _Layer, cargo: Cargo, bill: Bill) -> bool:
    """Put ``bill`` into the last box when that holds one plain lot; say whether it went."""
    if not cargo.consignments:
        return False
    last = cargo.consignments[-1]
    shared = [c for c in cargo.consignments if c.container is last.container]
    if last.un or len(shared) > 1:
        return False
    bill.call = last.bill.call
    unit = layer.consignment(bill, last.container, plain=True)
    unit.seal = last.seal
    for lot in (last, unit):
        lot.weight = min(lot.weight, Decimal(11500))
    cargo.consignments.append(unit)
    return True


def lay_past(
    rng: Random, cargo: Cargo, *, size: int, firms: Firms, parameters: Parameters, as_of: datetime
) -> list[Consignment]:
    """Return consignments of the last three months: today's customers, numbers that today has not."""
    calls = [_past_call(rng, n, as_of=as_of) for n in range(max(6, size // 40))]
    layer = _Layer(rng, calls=calls, firms=firms, parameters=parameters, share_dangerous=0.1)
    layer.bill_form, layer.prefix = cargo.bill_form, cargo.bill_prefix
    layer.numbers = BoxNumbers(rng, taken=(box.number for box in cargo.containers))
    taken = {bill.number for bill in cargo.bills}
    consignees = [p for p in firms.all if p.role == "consignee" and p.registered]
    past = Cargo(calls=calls, bills=[], containers=[], consignments=[], forwarders=cargo.forwarders)
    while len(past.consignments) < size:
        consignee = rng.choice(consignees)
        asker = consignee if rng.random() < 0.3 else rng.choice(cargo.forwarders)
        bill = layer.bill(consignee, asker, as_of.date())
        bill.issued = bill.call.arrived.date() - timedelta(days=rng.randint(20, 50))
        if bill.number in taken:
            continue
        taken.add(bill.number)
        boxes = rng.choices((1, 2, 3, 4), (60, 22, 12, 6))[0]
        for _ in range(min(boxes, size - len(past.consignments))):
            _one_box(layer, past, bill)
    return past.consignments


def _past_call(rng: Random, n: int, *, as_of: datetime) -> Call:
    arrived = (as_of - timedelta(days=rng.randint(12, 92))).replace(
        hour=rng.randint(1, 8), minute=rng.randrange(60)
    )
    return Call(
        reference=f"{arrived:%y%m%d}{n:02d}P",
        vessel=rng.choice(VESSELS),
        imo=str(9100000 + rng.randrange(800000)),
        voyage=f"{rng.randrange(100, 999)}{rng.choice('EWNS')}",
        arrived=arrived,
        old=False,
    )
