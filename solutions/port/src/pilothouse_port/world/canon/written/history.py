"""Owns the past of the desk: consignments gone by, what was written about them, and what the clerks decided.

The past is what a reader learns from. Its boxes are on no discharge list, its texts name none of today's
boxes, and about 3 % of its decisions are wrong. Other systems have archived what they knew about these boxes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final, Literal, TypeAlias

from pilothouse_port.world.canon.cargo import Cargo, lay_past
from pilothouse_port.world.canon.exceptions import TEXT_KINDS
from pilothouse_port.world.canon.money import Accounts
from pilothouse_port.world.canon.parties import Firms
from pilothouse_port.world.canon.policy import TEXT_OUTCOMES, VERDICTS, Policy, Rule, Verdict
from pilothouse_port.world.canon.types import (
    BillVersion,
    Call,
    Consignment,
    Mail,
    Port,
    Profile,
    Size,
)
from pilothouse_port.world.canon.written.texts import Texts, Writing, write_texts
from pilothouse_port.world.wording import Wording

__all__ = ["PAST", "History", "Slip", "Ticket", "keep_history"]

PAST: Final[dict[Size, int]] = {"small": 60, "day": 400, "month": 2400}
"""How many past consignments a world of a size has."""

Slip: TypeAlias = Literal["", "verdict", "missing", "wrong"]

_SLIPS: Final = 0.03
_LATE_TEXT: Final = 0.04
_LATE_TICKET: Final = 0.06
_RECORDS: Final = 0.2
_TEXT_RATE: Final[dict[Profile, float]] = {"dense": 0.05, "real": 0.015}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a clerk wrote down, ``reasons`` in the policy's words; of a ``slip`` nobody is told."""

    number: str
    container: str
    bill: str
    decided_at: datetime
    entered_at: datetime
    clerk: str
    verdict: Verdict
    reasons: tuple[str, ...]
    note: str
    slip: Slip


@dataclass(slots=True, kw_only=True)
class History:
    """The past: consignments, rows of their bills, texts about them, tickets."""

    consignments: list[Consignment] = field(default_factory=list[Consignment])
    versions: list[BillVersion] = field(default_factory=list[BillVersion])
    texts: Texts = field(default_factory=Texts)
    tickets: list[Ticket] = field(default_factory=list[Ticket])


def keep_history(
    rng: Random,
    cargo: Cargo,
    books: Accounts,
    firms: Firms,
    *,
    size: int,
    policy: Policy,
    port: Port,
    profile: Profile,
    wording: Wording,
    as_of: datetime,
) -> History:
    """Return ``size`` consignments of the last three months with their texts and tickets."""
    if not size:
        return History()
    lots = lay_past(rng, cargo, size=size, firms=firms, parameters=policy.parameters, as_of=as_of)
    by_bill = _grouped(lots)
    decided = {number: _office_hours(rng, mine[0].bill.call, as_of=as_of) for number, mine in by_bill.items()}
    _deal_flags(rng, by_bill, rate=_TEXT_RATE[profile])
    late = {number for number in by_bill if rng.random() < _LATE_TEXT}
    writing = Writing(
        port=port,
        wording=wording,
        documents=_documents(rng, books, by_bill),
        read_at={number: at + timedelta(hours=90 if number in late else 0) for number, at in decided.items()},
        tag="h",
        harmless=0.3,
    )
    texts = write_texts(rng, lots, writing)
    clerk = _Clerk(rng, policy, texts)
    tickets = [clerk.decide(lot, decided[lot.bill.number]) for lot in lots]
    tickets.sort(key=lambda ticket: (ticket.entered_at, ticket.container))
    return History(
        consignments=lots,
        versions=[_version(mine[0]) for mine in by_bill.values()],
        texts=texts,
        tickets=[replace(ticket, number=f"T{n + 20001}") for n, ticket in enumerate(tickets)],
    )


def _grouped(lots: Iterable[Consignment]) -> dict[str, list[Consignment]]:
    found: dict[str, list[Consignment]] = {}
    for lot in lots:
        found.setdefault(lot.bill.number, []).append(lot)
    return found


def _version(lot: Consignment) -> BillVersion:
    issued: date = lot.bill.issued
    at = datetime(issued.year, issued.month, issued.day, 12, tzinfo=UTC)
    return BillVersion(bill=lot.bill, version=1, printed_name=lot.bill.printed_name, changed_at=at)


def _office_hours(rng: Random, call: Call, *, as_of: datetime) -> datetime:
    at = (call.arrived + timedelta(hours=rng.randint(72, 110))).replace(
        hour=rng.randint(7, 11), minute=rng.randrange(60), second=0, microsecond=0
    )
    return min(at, as_of - timedelta(days=2))


def _deal_flags(rng: Random, by_bill: dict[str, list[Consignment]], *, rate: float) -> None:
    for lots in by_bill.values():
        for kind in TEXT_KINDS:
            if kind.level == "bill":
                flagged = lots if rng.random() < rate else []
            else:
                flagged = [lot for lot in lots if rng.random() < rate]
            for lot in flagged:
                if kind.name != "dangerous.hazard_in_description" or not lot.un:
                    lot.flags.add(kind.name)


def _documents(rng: Random, books: Accounts, by_bill: Iterable[str]) -> dict[str, str]:
    """Return an older document number for each bill, written like those of today."""
    lowest = min((int(row.document) for row in books.charges), default=100000)
    found: dict[str, str] = {}
    for at, bill in enumerate(by_bill, start=1):
        found[bill] = str(max(1, lowest - at * 3 - rng.randrange(3)))
    return found


class _Clerk:
    """Decides as the policy says, from what was there when he looked; and errs now and then."""

    def __init__(self, rng: Random, policy: Policy, texts: Texts) -> None:
        self._rng = rng
        self._policy = policy
        self._mails: dict[tuple[str, str], list[Mail]] = {}
        for mail in texts.mails:
            for key in mail.keys:
                self._mails.setdefault(key, []).append(mail)
        self._remarks: dict[str, set[str]] = {}
        for remark in texts.remarks:
            self._remarks.setdefault(remark.container, set()).add(remark.intent)
        self._records = [r for r in policy.rules if (r.check, r.outcome) not in TEXT_OUTCOMES]

    def decide(self, lot: Consignment, at: datetime) -> Ticket:
        rng = self._rng
        rules = [rule for rule in self._policy.rules if self._read(rule, lot, at)]
        if rng.random() < _RECORDS:
            drawn = rng.sample(self._records, 1 if rng.random() < 0.8 else 2)
            rules += [rule for rule in drawn if rule.check not in {one.check for one in rules}]
        slip, verdict, words = self._slip(self._verdict(rules, lot), [rule.word for rule in rules])
        late = rng.random() < _LATE_TICKET
        return Ticket(
            number="",
            container=lot.container.number,
            bill=lot.bill.number,
            decided_at=at,
            entered_at=at + timedelta(minutes=rng.randint(1, 25), days=rng.randint(2, 9) if late else 0),
            clerk=f"C{rng.randint(1, 6):02d}",
            verdict=verdict,
            reasons=tuple(words),
            note=rng.choice(_NOTES) if rng.random() < 0.25 else "",
            slip=slip,
        )

    def _read(self, rule: Rule, lot: Consignment, at: datetime) -> bool:
        """Say whether a text that stood there gave cause for this row."""
        match rule.check, rule.outcome:
            case "seal", "cut":
                return "seal_cut" in self._remarks.get(lot.container.number, ())
            case "damage", "remarked":
                return "damage" in self._remarks.get(lot.container.number, ())
            case "dangerous", "hazard_in_description":
                return "dangerous.hazard_in_description" in lot.flags
            case check, outcome if (check, outcome) in _MAILED:
                mails = [mail for mail in self._mails.get(lot.key, ()) if mail.date <= at]
                back = {mail.in_reply_to for mail in mails if mail.intent == "stop_withdrawn"}
                wanted = _MAILED[check, outcome]
                return any(mail.intent == wanted and mail.message_id not in back for mail in mails)
            case _:
                return False

    def _verdict(self, rules: Iterable[Rule], lot: Consignment) -> Verdict:
        harder: dict[tuple[str, str], Verdict] = {
            (s.check, s.outcome): s.verdict
            for s in self._policy.specials
            if s.kind == "verdict_for_kind" and s.box_kind == lot.container.kind
        }
        worst: Verdict = "RELEASE"
        for rule in rules:
            one = harder.get((rule.check, rule.outcome), rule.verdict)
            worst = one if VERDICTS.index(one) > VERDICTS.index(worst) else worst
        return worst

    def _slip(self, verdict: Verdict, words: list[str]) -> tuple[Slip, Verdict, list[str]]:
        rng = self._rng
        if rng.random() >= _SLIPS:
            return "", verdict, words
        kind: Slip = rng.choice(("verdict", "missing", "wrong"))
        every = [rule.word for rule in self._policy.rules]
        match kind:
            case "missing" if words:
                left = words[1:]
                return kind, verdict if left else "RELEASE", left
            case "wrong":
                return kind, verdict if words else "HOLD", [rng.choice(every), *words[1:]]
            case _:
                turned = VERDICTS[(VERDICTS.index(verdict) + rng.randint(1, 2)) % len(VERDICTS)]
                return "verdict", turned, words


_MAILED: Final = {
    ("money", "dispute"): "dispute",
    ("stop", "instructed"): "stop",
    ("fraud", "suspicious_text"): "party_change",
}
_NOTES: Final = ("ok", "tel.", "cc shift", "see mail", "done", "2nd check", "asked terminal")
