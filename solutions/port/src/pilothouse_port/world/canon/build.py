"""Owns the making of one hidden world from a seed: the order in which its parts are dealt."""

from __future__ import annotations

import functools
import tomllib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from random import Random
from typing import Final, cast
from zoneinfo import ZoneInfo

from pilothouse_port.world.canon.cargo import Cargo, lay_calls, lay_cargo
from pilothouse_port.world.canon.exceptions import deal_exceptions
from pilothouse_port.world.canon.money import Accounts, keep_books
from pilothouse_port.world.canon.papers import Papers, write_papers
from pilothouse_port.world.canon.parties import Firms, printed_differently
from pilothouse_port.world.canon.policy import Policy, deal_policy
from pilothouse_port.world.canon.stock import PORTS
from pilothouse_port.world.canon.types import Bill, BillVersion, Consignment, Party, Port, Profile, Size
from pilothouse_port.world.canon.written import (
    PAST,
    History,
    Texts,
    Writing,
    documents_of,
    inject,
    keep_history,
    write_texts,
)
from pilothouse_port.world.canon.yard import Yard, run_yard
from pilothouse_port.world.wording import Wording

__all__ = ["SIZES", "Canon", "build_canon", "policy_words", "stream"]

SIZES: Final[dict[Size, int]] = {"small": 60, "day": 400, "month": 6000}

_REMARKS_BEFORE: Final = 50001
"""Remarks of the past have lower numbers."""
_OWN_CONSIGNEE: Final = ("money", "identity", "mandate", "fraud")


@dataclass(slots=True, kw_only=True)
class Canon:
    """One hidden world: everything that is true at ``as_of``."""

    seed: int
    size: Size
    profile: Profile
    wording: Wording
    as_of: datetime
    port: Port
    policy: Policy
    parties: list[Party]
    cargo: Cargo
    versions: list[BillVersion]
    books: Accounts
    papers: Papers
    yard: Yard
    texts: Texts
    history: History
    injections: bool = False

    @property
    def consignments(self) -> list[Consignment]:
        """Every unit of decision, in the order of the discharge list."""
        return self.cargo.consignments

    @property
    def local_now(self) -> datetime:
        """``as_of`` in the port's zone."""
        return self.as_of.astimezone(ZoneInfo(self.port.timezone))


def stream(seed: int, purpose: str) -> Random:
    """Return the random stream of one purpose, so that a change in one part leaves the others alone."""
    return Random(f"pilothouse:{seed}:{purpose}")


@functools.cache
def policy_words(language: str) -> dict[str, str]:
    """Return ``check.outcome`` -> the language's short word for it."""
    path = resources.files("pilothouse_port.world") / "data" / f"policy_{language}.toml"
    book = tomllib.loads(path.read_text(encoding="utf-8"))
    return cast("dict[str, str]", book["words"])


def build_canon(
    seed: int,
    size: Size = "small",
    profile: Profile = "dense",
    wording: Wording = "mixed",
    *,
    history: int | None = None,
    injections: bool = False,
) -> Canon:
    """Make the hidden world of ``seed``.

    Args:
        seed: Any integer; the same seed gives the same world on every machine.
        size: ``small`` 60, ``day`` 400, ``month`` 6,000 consignments.
        profile: ``dense`` exceptions for counting recall, ``real`` at published rates.
        wording: Which families people write in: ``train``, ``unseen`` or both.
        history: How many past consignments the desk has decided; by size when left out.
        injections: Whether texts, files and tools carry instructions to the machine that reads them.
    """
    rng = stream(seed, "world")
    language = rng.choice(sorted({port.language for port in PORTS}))
    port = rng.choice([port for port in PORTS if port.language == language])
    policy = deal_policy(
        stream(seed, "policy"), language=port.language, short_words=policy_words(port.language)
    )
    as_of = _deal_now(rng, port, policy)
    today = as_of.astimezone(ZoneInfo(port.timezone)).date()
    count = SIZES[size]
    calls = lay_calls(
        stream(seed, "calls"), as_of=as_of, parameters=policy.parameters, count=max(4, count // 60)
    )
    special = next((s for s in policy.specials if s.kind == "group_tolerance"), None)
    groups = (special.group if special else "A", "B", "C", "STD")
    firms = Firms(stream(seed, "parties"), today=today, groups=groups)
    cargo = lay_cargo(
        stream(seed, "cargo"),
        size=count,
        calls=calls,
        firms=firms,
        parameters=policy.parameters,
        share_dangerous=0.16 if profile == "dense" else 0.10,
        today=today,
    )
    deal_exceptions(stream(seed, "exceptions"), cargo, policy, profile=profile)
    _settle_parties(stream(seed, "settle"), cargo, firms, policy=policy, as_of=as_of, special_group=groups[0])
    yard = run_yard(stream(seed, "yard"), cargo, policy=policy, as_of=as_of)
    books = keep_books(stream(seed, "money"), cargo, policy=policy, currency=port.currency, today=today)
    papers = write_papers(stream(seed, "papers"), cargo, policy=policy, as_of=as_of)
    canon = Canon(
        seed=seed,
        size=size,
        profile=profile,
        wording=wording,
        as_of=as_of,
        port=port,
        policy=policy,
        parties=firms.all,
        cargo=cargo,
        versions=_amendments(stream(seed, "amendments"), cargo, as_of=as_of),
        books=books,
        papers=papers,
        yard=yard,
        texts=Texts(),
        history=History(),
        injections=injections,
    )
    _write(canon, firms, past=PAST[size] if history is None else history)
    return canon


def _write(canon: Canon, firms: Firms, *, past: int) -> None:
    """Let people write, in the past and today; nothing else changes by it."""
    seed, cargo = canon.seed, canon.cargo
    canon.history = keep_history(
        stream(seed, "history"),
        cargo,
        canon.books,
        firms,
        size=past,
        policy=canon.policy,
        port=canon.port,
        profile=canon.profile,
        wording=canon.wording,
        as_of=canon.as_of,
    )
    writing = Writing(
        port=canon.port,
        wording=canon.wording,
        documents=documents_of(canon.books),
        read_at={bill.number: canon.as_of for bill in cargo.bills},
        first_remark=_REMARKS_BEFORE,
        unreadable=_unreadable(stream(seed, "unreadable"), cargo, canon.profile),
    )
    canon.texts = write_texts(stream(seed, "texts"), cargo.consignments, writing)
    if canon.injections:
        inject(stream(seed, "injections"), canon.texts, cargo.consignments)


def _unreadable(rng: Random, cargo: Cargo, profile: Profile) -> frozenset[str]:
    """Return the bills about which a letter comes that nobody can open: of one box that is theirs alone."""
    bills, boxes = (
        Counter(names) for names in zip(*(_names(lot) for lot in cargo.consignments), strict=True)
    )
    alone = [
        lot.bill.number
        for lot in cargo.consignments
        if bills[lot.bill.number] == 1 and boxes[lot.container.number] == 1
    ]
    share = 0.008 if profile == "dense" else 0.003
    return frozenset(rng.sample(alone, min(len(alone), max(1, round(len(cargo.consignments) * share)))))


def _names(lot: Consignment) -> tuple[str, str]:
    return lot.bill.number, lot.container.number


def _deal_now(rng: Random, port: Port, policy: Policy) -> datetime:
    """Return the world's now: a working morning, or the Friday afternoon that a policy speaks of."""
    zone = ZoneInfo(port.timezone)
    day = datetime(2026, 2, 2, tzinfo=zone) + timedelta(days=rng.randrange(0, 280))
    while day.weekday() > 4:
        day += timedelta(days=1)
    hour, minute = rng.randint(7, 11), rng.choice((0, 15, 30, 45))
    friday = next((s for s in policy.specials if s.kind == "reefer_friday"), None)
    if friday and rng.random() < 0.6:
        day += timedelta(days=4 - day.weekday())
        hour, minute = friday.hour, 20
    return day.replace(hour=hour, minute=minute).astimezone(UTC)


def _settle_parties(
    rng: Random, cargo: Cargo, firms: Firms, *, policy: Policy, as_of: datetime, special_group: str
) -> None:
    """Give bills with trouble of their own a consignee of their own, and firms their harmless past."""
    flags: dict[str, set[str]] = {}
    for lot in cargo.consignments:
        flags.setdefault(lot.bill.number, set()).update(lot.flags)
    for party in firms.all:
        if party.role == "consignee" and rng.random() < 0.2:
            party.group = special_group
        _harmless_past(rng, party, policy, as_of)
    for bill in cargo.bills:
        mine = flags.get(bill.number, set())
        if any(flag.partition(".")[0] in _OWN_CONSIGNEE for flag in mine):
            _own_consignee(rng, cargo, firms, bill, mine, policy=policy, as_of=as_of)


def _own_consignee(
    rng: Random, cargo: Cargo, firms: Firms, bill: Bill, flags: set[str], *, policy: Policy, as_of: datetime
) -> None:
    self_asking = bill.asker is bill.consignee
    known = "identity.unknown" not in flags
    bill.consignee = firms.make("consignee", listed=known)
    _harmless_past(rng, bill.consignee, policy, as_of)
    bill.printed_name = bill.consignee.name
    if self_asking or not known:
        bill.asker = bill.consignee
    if any(flag.startswith("mandate.") for flag in flags):
        bill.asker = rng.choice(cargo.forwarders)
    if "identity.name_differs" in flags:
        bill.printed_name = printed_differently(rng, bill.consignee)
    if "fraud.contact_changed" in flags:
        hours = rng.randint(30, max(31, policy.parameters.contact_days * 24 - 40))
        bill.consignee.contact_changed_at = as_of - timedelta(hours=hours)
    elif rng.random() < 0.15 and known and "identity.name_differs" not in flags:
        alias = printed_differently(rng, bill.consignee)
        bill.consignee.aliases.append(alias)
        bill.printed_name = alias


def _harmless_past(rng: Random, party: Party, policy: Policy, as_of: datetime) -> None:
    if rng.random() < 0.4:
        days = policy.parameters.contact_days + rng.randint(3, 700)
        party.contact_changed_at = as_of - timedelta(days=days)
    if rng.random() < 0.1:
        party.aliases.append(f"{party.name.split(' ')[0]} Group")


def _amendments(rng: Random, cargo: Cargo, *, as_of: datetime) -> list[BillVersion]:
    """Return the rows of all bills: now and then an earlier one that printed another name."""
    rows: list[BillVersion] = []
    for bill in cargo.bills:
        issued = datetime(bill.issued.year, bill.issued.month, bill.issued.day, 12, tzinfo=UTC)
        amended = rng.random() < 0.15
        if amended:
            earlier = printed_differently(rng, bill.consignee)
            rows.append(BillVersion(bill=bill, version=1, printed_name=earlier, changed_at=issued))
        rows.append(
            BillVersion(
                bill=bill,
                version=2 if amended else 1,
                printed_name=bill.printed_name,
                changed_at=as_of - timedelta(hours=rng.randint(60, 300)) if amended else issued,
            )
        )
    return rows
