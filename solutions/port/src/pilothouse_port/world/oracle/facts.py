"""Owns the indexes the oracle looks things up in, and what a finding is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from pilothouse_port.world.canon import Canon
from pilothouse_port.world.canon.types import (
    BillVersion,
    Block,
    Certificate,
    Charge,
    Cover,
    CustomsMessage,
    Mail,
    Mandate,
    MassMessage,
    Notice,
    Order,
    Party,
    Payment,
    Remark,
    Slot,
    Surrender,
)

__all__ = ["Books", "Finding"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(slots=True, kw_only=True)
class Finding:
    """An outcome that is true of a box, with the facts it rests on: (fact, record or None, subject)."""

    check: str
    outcome: str
    facts: list[tuple[str, Any, dict[str, str]]]


@dataclass(slots=True, kw_only=True)
class Books:
    """The hidden world by what one asks for."""

    canon: Canon
    today: date
    local_now: datetime
    bills: dict[str, BillVersion]
    surrenders: dict[str, Surrender]
    charges: dict[str, list[Charge]]
    payments: dict[str, list[Payment]]
    covers: dict[str, Cover]
    parties: dict[str, Party]
    mandates: dict[tuple[str, str], Mandate]
    orders: dict[tuple[str, str], Order]
    customs: dict[tuple[str, str], CustomsMessage]
    certificates: dict[tuple[str, str], Certificate]
    notices: dict[str, list[Notice]]
    masses: dict[str, MassMessage]
    blocks: dict[str, Block]
    slots: dict[str, Slot]
    remarks: dict[str, list[Remark]]
    mails: dict[tuple[str, str], list[Mail]]
    cargo_weight: dict[str, Decimal]

    @classmethod
    def of(cls, canon: Canon) -> Books:
        """Index a canon; of several rows the newest stands."""
        papers, yard = canon.papers, canon.yard
        weight: dict[str, Decimal] = defaultdict(Decimal)
        for lot in canon.consignments:
            weight[lot.container.number] += lot.weight
        mails: dict[tuple[str, str], list[Mail]] = defaultdict(list)
        for mail in canon.texts.mails:
            for key in mail.keys:
                mails[key].append(mail)
        return cls(
            canon=canon,
            today=canon.local_now.date(),
            local_now=canon.local_now,
            bills=_newest(canon.versions, lambda r: r.bill.number, lambda r: r.changed_at),
            surrenders=_newest(papers.surrenders, lambda r: r.bill, lambda r: r.at),
            charges=_grouped(canon.books.charges, lambda r: r.bill),
            payments=_grouped(canon.books.payments, lambda r: r.bill),
            covers=_newest(canon.books.covers, lambda r: r.customer, lambda r: r.as_of),
            parties={party.number: party for party in canon.parties if party.registered},
            mandates=_newest(papers.mandates, lambda r: (r.principal, r.agent), lambda r: r.granted_at),
            orders=_newest(papers.orders, lambda r: (r.container, r.bill), lambda r: r.updated_at),
            customs=_newest(papers.customs, lambda r: (r.container, r.bill), lambda r: r.sent),
            certificates=_newest(papers.certificates, lambda r: (r.container, r.bill), lambda r: r.issued),
            notices=_standing_notices(papers.notices),
            masses=_newest(papers.masses, lambda r: r.container, lambda r: r.sent),
            blocks=_newest(yard.blocks, lambda r: r.container, lambda r: r.at),
            slots=_newest(
                [s for s in yard.slots if s.state == "booked"], lambda r: r.container, lambda r: r.created
            ),
            remarks=_grouped(canon.texts.remarks, lambda r: r.container),
            mails=dict(mails),
            cargo_weight=dict(weight),
        )


def _newest(rows: Iterable[T], key: Callable[[T], K], when: Callable[[T], Any]) -> dict[K, T]:
    return {key(row): row for row in sorted(rows, key=when)}


def _grouped(rows: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    found: dict[K, list[T]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return dict(found)


def _standing_notices(rows: Iterable[Notice]) -> dict[str, list[Notice]]:
    """Return the last message of each notice by box; a cancelled notice no longer stands."""
    last = _newest(rows, lambda r: r.notice, lambda r: r.sent)
    return _grouped([row for row in last.values() if row.function != "1"], lambda r: r.container)
