"""Owns what the terminal and the hauliers know: seals, damage, blocks, slots, empties."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from pilothouse_port.world.canon.cargo import Cargo
from pilothouse_port.world.canon.policy import Policy
from pilothouse_port.world.canon.stock import HAULIERS
from pilothouse_port.world.canon.types import Block, Call, Container, Haulier, Slot

__all__ = ["Yard", "run_yard"]


@dataclass(slots=True, kw_only=True)
class Yard:
    """Blocks, slots and hauliers."""

    blocks: list[Block] = field(default_factory=list[Block])
    slots: list[Slot] = field(default_factory=list[Slot])
    hauliers: list[Haulier] = field(default_factory=list[Haulier])


def run_yard(rng: Random, cargo: Cargo, *, policy: Policy, as_of: datetime) -> Yard:
    """Put every box where it stands, with what is wrong with it."""
    yard = Yard(hauliers=_hauliers(rng, policy.parameters.empties))
    old = [call for call in cargo.calls if call.old]
    by_box: dict[str, set[str]] = {}
    for lot in cargo.consignments:
        by_box.setdefault(lot.container.number, set()).update(lot.flags)
        if "free_time.demurrage_due" in lot.flags:
            lot.bill.call = old[int(lot.bill.uuid[:8], 16) % len(old)]
    for lot in cargo.consignments:
        _discharge(rng, lot.container, lot.bill.call)
    for box in cargo.containers:
        flags = by_box[box.number]
        _seal_and_damage(rng, box, flags, policy)
        _blocks(rng, yard, box, flags, as_of)
        _slots(rng, yard, box, flags, policy=policy, as_of=as_of)
    return yard


def _hauliers(rng: Random, allowed: int) -> list[Haulier]:
    rows: list[Haulier] = []
    for n, name in enumerate(HAULIERS):
        bad = n % 4 == 3
        rows.append(
            Haulier(
                code=f"H{rng.randrange(100, 999)}{n:02d}",
                name=name,
                outstanding=allowed + rng.randint(2, 9) if bad else rng.randint(0, allowed - 1),
                phone=f"+00 555 {rng.randrange(10000, 99999)}",
            )
        )
    return rows


def _discharge(rng: Random, box: Container, call: Call) -> None:
    if box.call is not call:
        box.call = call
        box.discharged_at = call.arrived + timedelta(minutes=rng.randint(60, 600))


def _seal_and_damage(rng: Random, box: Container, flags: set[str], policy: Policy) -> None:
    written = box.seal
    if "seal.mismatch" in flags:
        box.seal = f"{written[:2]}{(int(written[2:]) + rng.randint(3, 9000)) % 10**7:07d}"
    elif rng.random() < 0.2:
        box.seal = rng.choice(
            (f"{written[:2]} {written[2:]}", written.lower(), f"{written[:2]}-{written[2:]}")
        )
    minor = policy.parameters.minor_damage
    if "damage.coded" in flags:
        box.damage = "minor" if minor and rng.random() < 0.5 else "major"
    elif not minor and rng.random() < 0.08:
        box.damage = "minor"


def _blocks(rng: Random, yard: Yard, box: Container, flags: set[str], as_of: datetime) -> None:
    def say(state: str, hours: int) -> None:
        by = rng.choice(("COMPL", "SECUR", "AGENT"))
        kind = rng.choice(("STP", "LGL", "QRY"))
        at = as_of - timedelta(hours=hours, minutes=rng.randrange(60))
        yard.blocks.append(Block(container=box.number, kind=kind, state=state, at=at, by=by))

    if "stop.listed" in flags:
        if rng.random() < 0.3:
            say("lifted", 30)
        say("active", rng.randint(1, 20))
    elif rng.random() < 0.06:
        say("active", 28)
        say("lifted", rng.randint(1, 20))


def _slots(
    rng: Random, yard: Yard, box: Container, flags: set[str], *, policy: Policy, as_of: datetime
) -> None:
    allowed = policy.parameters.empties
    good = [h for h in yard.hauliers if h.outstanding <= allowed]
    bad = [h for h in yard.hauliers if h.outstanding > allowed]

    def book(state: str, created_hours: int, haulier: Haulier) -> None:
        start = (as_of + timedelta(days=rng.randint(0, 2))).replace(minute=rng.choice((0, 30)), second=0)
        start = start.replace(hour=rng.randint(17, 18))
        yard.slots.append(
            Slot(
                number=f"{len(yard.slots) + 40001}",
                container=box.number,
                haulier=haulier,
                state=state,
                start=start,
                end=start + timedelta(minutes=30),
                created=as_of - timedelta(hours=created_hours, minutes=rng.randrange(60)),
            )
        )

    if "gate.no_slot" in flags:
        if rng.random() < 0.4:
            book("cancelled", rng.randint(2, 30), rng.choice(good))
        return
    if rng.random() < 0.1:
        book("cancelled", 40, rng.choice(good))
    book("booked", rng.randint(1, 30), rng.choice(bad if "gate.empty_outstanding" in flags else good))
