"""Owns charges, payments and credit cover."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Final

from pilothouse_port.world.canon.cargo import Cargo
from pilothouse_port.world.canon.policy import Policy
from pilothouse_port.world.canon.types import Bill, Charge, Cover, Payment

__all__ = ["Accounts", "keep_books"]

_CHARGES: Final = (("THC", 210), ("ISPS", 18), ("DOC", 65), ("FRT", 1450), ("BAF", 320))


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The books of one world; ``list_day`` is the day of the newest cover list."""

    charges: list[Charge]
    payments: list[Payment]
    covers: list[Cover]
    list_day: date


class _Ledger:
    """Writes the books of one world.

    Args:
        rng: The stream of the money.
        policy: For the tolerance that clean bills stay within.
        currency: ISO 4217.
        today: Day the world stands at.
    """

    def __init__(self, rng: Random, *, policy: Policy, currency: str, today: date) -> None:
        self.rng = rng
        self.policy = policy
        self.currency = currency
        self.today = today
        self.list_day = today - timedelta(days=rng.randint(1, 6))
        self.charges: list[Charge] = []
        self.payments: list[Payment] = []
        self.covers: list[Cover] = []
        self._covered: dict[str, Cover] = {}
        self._serial = rng.randrange(100000, 300000)
        self._paid = rng.randrange(10000, 90000)
        special = next((s for s in policy.specials if s.kind == "group_tolerance"), None)
        self._group = special.group if special else None
        self._group_amount = special.amount if special else 0

    def charge(self, bill: Bill, kind: str, amount: Decimal, left: Decimal, text: str) -> Charge:
        """Post one row; ``left`` remains open."""
        self._serial += self.rng.randint(1, 4)
        posted = self.today - timedelta(days=self.rng.randint(3, 20))
        row = Charge(
            year=posted.year,
            document=str(self._serial),
            kind=kind,
            bill=bill.number,
            customer=bill.consignee.number,
            amount=amount,
            open=left,
            currency=self.currency,
            posted=posted,
            due=posted + timedelta(days=14),
            text=text,
        )
        self.charges.append(row)
        return row

    def pay(self, charge: Charge, amount: Decimal, *, unmatched: Decimal = Decimal(0)) -> None:
        """Book money that came in for ``charge``."""
        self._paid += self.rng.randint(1, 7)
        self.payments.append(
            Payment(
                number=f"{self._paid}",
                received=self.today - timedelta(days=self.rng.randint(0, 2)),
                customer=charge.customer,
                bill=charge.bill,
                document=charge.document,
                amount=amount,
                unmatched=unmatched,
                currency=self.currency,
                text=f"{charge.bill} / {charge.document}",
            )
        )

    def cover(self, bill: Bill, *, limit: int, used: int, days: int) -> Cover:
        """Insure the consignee of ``bill``; ``days`` until the cover ends, negative if it is over."""
        party = bill.consignee
        row = Cover(
            customer=party.number,
            tax=party.tax,
            name=party.name,
            limit=Decimal(limit),
            used=Decimal(used),
            valid_until=self.today + timedelta(days=days),
            as_of=self.list_day,
            currency=self.currency,
        )
        self.covers.append(row)
        self._covered[party.number] = row
        return row

    def settle(self, bill: Bill, flags: set[str]) -> None:
        """Write the books of one bill."""
        wrong = next((f.partition(".")[2] for f in sorted(flags) if f.startswith("money.")), "")
        match wrong:
            case "unpaid":
                self._owe(bill, self._too_much())
                if self.rng.random() < 0.4:
                    self.cover(bill, limit=self.rng.choice((0, 20000)), used=0, days=-self.rng.randint(3, 60))
            case "credit_exceeded":
                left = self._owe(bill, self._too_much())
                used = self.rng.randrange(8000, 40000, 500)
                self.cover(
                    bill, limit=used + int(left) - self.rng.randint(40, int(left) - 1), used=used, days=90
                )
            case "unmatched_payment":
                left = self._too_much()
                charge = self.charge(bill, "FRT", left, left, "open")
                self.pay(charge, left, unmatched=left)
                self._clean(bill)
            case _:
                self._in_order(bill)

    def _too_much(self) -> Decimal:
        least = max(self.policy.parameters.tolerance, self._group_amount) + 60
        return Decimal(self.rng.randrange(least * 100, (least + 2600) * 100)) / 100

    def _owe(self, bill: Bill, left: Decimal) -> Decimal:
        self._clean(bill)
        first = (left / 3).quantize(Decimal("0.01"))
        for part in (left,) if self.rng.random() < 0.6 else (first, left - first):
            self.charge(bill, "FRT", part, part, "open")
        return left

    def _clean(self, bill: Bill) -> None:
        for kind, base in self.rng.sample(_CHARGES, self.rng.randint(1, 3)):
            amount = Decimal(base * 100 + self.rng.randrange(base * 30)) / 100
            charge = self.charge(bill, kind, amount, Decimal(0), "paid")
            self.pay(charge, amount)

    def _in_order(self, bill: Bill) -> None:
        rng = self.rng
        self._clean(bill)
        cover = self._covered.get(bill.consignee.number)
        draw = rng.random()
        if cover and cover.valid_until >= self.today and cover.limit:
            room = int(cover.limit - cover.used)
            if draw < 0.7 and room > 400:
                left = Decimal(rng.randrange(30000, min(room, 3000) * 100)) / 100
                self.charge(bill, "FRT", left, left, "credit")
            return
        if bill.consignee.group == self._group and draw < 0.6:
            least, most = self.policy.parameters.tolerance + 20, self._group_amount - 20
            left = Decimal(rng.randrange(least * 100, most * 100)) / 100
            self.charge(bill, "FRT", left, left, "list")
        elif draw < 0.15:
            wrong = Decimal(rng.randrange(9000, 90000)) / 100
            self.charge(bill, "FRT", wrong, wrong, "twice")
            self.charge(bill, "REV", -wrong, -wrong, "reversal")
        elif draw < 0.3 and self.policy.parameters.tolerance > 5:
            left = Decimal(rng.randrange(100, (self.policy.parameters.tolerance - 2) * 100)) / 100
            self.charge(bill, "ADJ", left, left, "rest")


def keep_books(rng: Random, cargo: Cargo, *, policy: Policy, currency: str, today: date) -> Accounts:
    """Return the books of all bills."""
    books = _Ledger(rng, policy=policy, currency=currency, today=today)
    flags: dict[str, set[str]] = {}
    for lot in cargo.consignments:
        flags.setdefault(lot.bill.number, set()).update(lot.flags)
    seen: set[str] = set()
    for bill in cargo.bills:
        mine = flags.get(bill.number, set())
        party = bill.consignee
        insured = not any(f.startswith("money.") for f in mine) and rng.random() < 0.3
        if party.number not in seen and insured and party.registered:
            books.cover(
                bill, limit=rng.randrange(8000, 60000, 1000), used=rng.randrange(0, 4500, 250), days=60
            )
        seen.add(party.number)
        books.settle(bill, mine)
    return Accounts(
        charges=books.charges, payments=books.payments, covers=books.covers, list_day=books.list_day
    )
