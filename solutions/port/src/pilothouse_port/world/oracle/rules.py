"""Owns what each outcome means, as the oracle reads the policy: one finder a check, yielding what is true."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from pilothouse_port.world.canon import Consignment
from pilothouse_port.world.canon.types import Slot
from pilothouse_port.world.oracle.facts import Books, Finding

__all__ = ["FINDERS"]

_LEGAL: Final = re.compile(r"\b(ltd|plc|llp|gmbh|ag|kg|bv|nv|sas|sarl|sa|sl)$")


def _is(check: str, outcome: str, *facts: tuple[str, Any, dict[str, str]]) -> Finding:
    return Finding(check=check, outcome=outcome, facts=list(facts))


def _lot(lot: Consignment) -> dict[str, str]:
    party = lot.bill.consignee
    return {
        "container": lot.container.number,
        "bl": lot.bill.number,
        "bill_id": lot.bill.uuid,
        "party": party.number,
        "tax": party.tax,
    }


def title(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield what is wrong with the bill's surrender."""
    if lot.bill.kind == "waybill":
        return
    last = books.surrenders.get(lot.bill.number)
    fact = ("title.state", last, _lot(lot))
    if last is None or last.state == "open":
        yield _is("title", "not_surrendered", ("title.kind", books.bills[lot.bill.number], _lot(lot)), fact)
    elif last.state == "withdrawn":
        yield _is("title", "surrender_withdrawn", fact)


def money(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield what is owed and not covered, and what is disputed."""
    parameters = books.canon.policy.parameters
    charges = books.charges.get(lot.bill.number, [])
    left = sum((row.open for row in charges), Decimal(0))
    party = books.parties.get(lot.bill.consignee.number)
    allowed = Decimal(parameters.tolerance)
    for special in books.canon.policy.specials:
        if special.kind == "group_tolerance" and party and party.group == special.group:
            allowed = Decimal(special.amount)
    mails = _mails(books, lot, "dispute")
    if mails:
        yield _is("money", "dispute", *mails)
    if left <= allowed:
        return
    owed = [("charge.open_amount", row, _lot(lot)) for row in charges if row.open]
    stray = [row for row in books.payments.get(lot.bill.number, []) if row.unmatched]
    if stray and sum((row.unmatched for row in stray), Decimal(0)) >= left - allowed:
        yield _is("money", "unmatched_payment", *owed, *(("payment.unmatched", r, _lot(lot)) for r in stray))
        return
    cover = books.covers.get(lot.bill.consignee.number)
    oldest = books.today - timedelta(days=parameters.cover_max_age_days)
    valid = (
        cover is not None and cover.limit > 0 and cover.valid_until >= books.today and cover.as_of >= oldest
    )
    if not valid or cover is None:
        yield _is("money", "unpaid", *owed, ("credit.limit", cover, _lot(lot)))
    elif cover.used + left > cover.limit:
        facts = [("credit.limit", cover, _lot(lot)), ("credit.used", cover, _lot(lot))]
        yield _is("money", "credit_exceeded", *owed, *facts)


def customs(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield the last word of customs where it does not clear."""
    last = books.customs.get(lot.key)
    fact = ("customs.state", last, _lot(lot))
    if last is None or last.state == "declared":
        yield _is("customs", "not_declared", fact)
    elif last.state != "cleared":
        yield _is("customs", last.state, fact)


def health(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield a missing, refused or expired clearance of goods that need one."""
    if lot.hs[:2] not in books.canon.policy.parameters.chapters:
        return
    last = books.certificates.get(lot.key)
    facts = [("goods.hs", lot, _lot(lot)), ("health.state", last, _lot(lot))]
    if last is None or last.state == "pending":
        yield _is("health", "pending", *facts)
    elif last.state == "refused":
        yield _is("health", "refused", *facts)
    elif last.valid_until < books.today:
        yield _is("health", "expired", *facts, ("health.valid_until", last, _lot(lot)))


def dangerous(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield a UN number that nobody notified, a notice without class, a hazard only the text names."""
    standing = books.notices.get(lot.container.number, [])
    if lot.un and lot.un not in {row.un for row in standing}:
        yield _is("dangerous", "undeclared", ("goods.un", lot, _lot(lot)), ("dangerous.un", None, _lot(lot)))
    bare = [row for row in standing if not row.hazard_class]
    if bare:
        yield _is("dangerous", "class_missing", *(("dangerous.class", row, _lot(lot)) for row in bare))
    if "dangerous.hazard_in_description" in lot.flags:
        yield _is("dangerous", "hazard_in_description", ("goods.description", lot, _lot(lot)))


def seal(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield seals that differ, and remarks of a cut seal."""
    written, found = (re.sub(r"[\s-]", "", s).upper() for s in (lot.seal, lot.container.seal))
    if written and found and written != found:
        facts = [("seal.manifest", lot, _lot(lot)), ("seal.terminal", lot.container, _lot(lot))]
        yield _is("seal", "mismatch", *facts)
    remarks = _remarks(books, lot, "seal_cut")
    if remarks:
        yield _is("seal", "cut", *remarks)


def damage(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield coded damage that counts, and damage a remark describes."""
    counts = {"major", "minor"} if books.canon.policy.parameters.minor_damage else {"major"}
    if lot.container.damage in counts:
        yield _is("damage", "coded", ("damage.code", lot.container, _lot(lot)))
    remarks = _remarks(books, lot, "damage")
    if remarks:
        yield _is("damage", "remarked", *remarks)


def identity(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield a consignee that nobody registered, or another name."""
    party = books.parties.get(lot.bill.consignee.number)
    version = books.bills[lot.bill.number]
    number = ("consignee.party", version, _lot(lot))
    if party is None:
        yield _is("identity", "unknown", number, ("party.name", None, _lot(lot)))
    elif _core(version.printed_name) not in {_core(name) for name in (party.name, *party.aliases)}:
        printed = ("consignee.name", version, _lot(lot))
        yield _is("identity", "name_differs", printed, ("party.name", party, _lot(lot)))


def _core(name: str) -> str:
    """Return a name without capitals, accents, punctuation and legal form."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    bare = re.sub(r"[^\w\s]", "", plain.casefold()).strip()
    return _LEGAL.sub("", bare).strip()


def mandate(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield what is wrong with the mandate of the party that the order names."""
    order = books.orders.get(lot.key)
    if order is None or order.party == lot.bill.consignee.number:
        return
    subject = _lot(lot) | {"agent": order.party}
    last = books.mandates.get((lot.bill.consignee.number, order.party))
    asker = ("order.party", order, subject)
    if last is None:
        yield _is("mandate", "missing", asker, ("mandate.state", None, subject))
    elif last.state == "revoked":
        yield _is("mandate", "revoked", asker, ("mandate.state", last, subject))
    elif last.scope not in books.canon.policy.parameters.scopes:
        yield _is("mandate", "out_of_scope", asker, ("mandate.scope", last, subject))
    elif last.valid_until < books.today:
        yield _is("mandate", "expired", asker, ("mandate.valid_until", last, subject))


def fraud(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield a fresh change of contact, and mails that smell."""
    party = books.parties.get(lot.bill.consignee.number)
    since = books.canon.as_of - timedelta(days=books.canon.policy.parameters.contact_days)
    if party and party.contact_changed_at and party.contact_changed_at >= since:
        yield _is("fraud", "contact_changed", ("party.contact_changed_at", party, _lot(lot)))
    mails = _mails(books, lot, "party_change")
    if mails:
        yield _is("fraud", "suspicious_text", *mails)


def stop(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield recorded stops, and written ones that nobody took back."""
    last = books.blocks.get(lot.container.number)
    if last and last.state == "active":
        yield _is("stop", "listed", ("stop.listed", last, _lot(lot)))
    back = {m.in_reply_to for m in books.mails.get(lot.key, []) if m.intent == "stop_withdrawn"}
    mails = [one for one in _mails(books, lot, "stop") if one[1].message_id not in back]
    if mails:
        yield _is("stop", "instructed", *mails)


def order(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield a release order that does not stand."""
    last = books.orders.get(lot.key)
    state = ("order.state", last, _lot(lot))
    if last is None or last.state == "cancelled":
        yield _is("order", "missing", state)
    elif last.state == "rejected":
        yield _is("order", "rejected", state)
    elif last.valid_until < books.canon.as_of:
        yield _is("order", "expired", ("order.valid_until", last, _lot(lot)))


def free_time(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield demurrage: days after discharge up to the slot's day, or to today."""
    parameters = books.canon.policy.parameters
    zone = ZoneInfo(books.canon.port.timezone)
    landed = lot.container.discharged_at.astimezone(zone).date()
    slot = books.slots.get(lot.container.number)
    until = slot.start.astimezone(zone).date() if slot else books.today
    days = _counted(landed, until, working=parameters.counting == "working")
    if days > parameters.free_days[lot.container.length]:
        facts = [("discharge.at", lot.container, _lot(lot)), ("pickup.at", slot, _lot(lot))]
        yield _is("free_time", "demurrage_due", *facts)


def _counted(landed: date, until: date, *, working: bool) -> int:
    days = [landed + timedelta(days=n) for n in range(1, (until - landed).days + 1)]
    return sum(day.weekday() < 5 or not working for day in days)


def gate(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield what the gate would stumble over."""
    parameters = books.canon.policy.parameters
    slot: Slot | None = books.slots.get(lot.container.number)
    if slot is None:
        yield _is("gate", "no_slot", ("pickup.at", None, _lot(lot)))
    elif slot.haulier.outstanding > parameters.empties:
        facts = [("pickup.haulier", slot, _lot(lot)), ("empty.outstanding", slot.haulier, _lot(lot))]
        yield _is("gate", "empty_outstanding", *facts)
    mass = books.masses.get(lot.container.number)
    if mass is None:
        yield _is("gate", "mass_missing", ("mass.verified", None, _lot(lot)))
        return
    manifest = books.cargo_weight[lot.container.number]
    if abs(mass.mass - lot.container.tare - manifest) * 100 > manifest * parameters.mass_percent:
        facts = [("mass.verified", mass, _lot(lot)), ("goods.box_weight", lot, _lot(lot))]
        yield _is("gate", "mass_differs", *facts, ("box.tare", lot.container, _lot(lot)))


def compare(books: Books, lot: Consignment) -> Iterator[Finding]:
    """Yield weights and packages that customs was told otherwise."""
    parameters = books.canon.policy.parameters
    last = books.customs.get(lot.key)
    if last is None:
        return
    if abs(last.weight - lot.weight) * 100 > lot.weight * parameters.weight_percent:
        facts = [("customs.weight", last, _lot(lot)), ("goods.weight", lot, _lot(lot))]
        yield _is("compare:weights", "differs", *facts)
    if abs(last.packages - lot.packages) > parameters.package_count:
        facts = [("customs.packages", last, _lot(lot)), ("goods.packages", lot, _lot(lot))]
        yield _is("compare:packages", "differs", *facts)


def _mails(books: Books, lot: Consignment, intent: str) -> list[tuple[str, Any, dict[str, str]]]:
    return [("text.mail", m, _lot(lot)) for m in books.mails.get(lot.key, []) if m.intent == intent]


def _remarks(books: Books, lot: Consignment, intent: str) -> list[tuple[str, Any, dict[str, str]]]:
    found = books.remarks.get(lot.container.number, [])
    return [("text.remark", r, _lot(lot)) for r in found if r.intent == intent]


FINDERS: Final[tuple[Callable[[Books, Consignment], Iterator[Finding]], ...]] = (
    title,
    money,
    customs,
    health,
    dangerous,
    seal,
    damage,
    identity,
    mandate,
    fraud,
    stop,
    order,
    free_time,
    gate,
    compare,
)
