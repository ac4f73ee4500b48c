"""Owns the closed catalogue of facts and outcomes: what a port may know, and what a check may say.

A fact has one name here and nowhere else; a world's tables, columns and code words are mapped to these
names by ``port.yaml``. Checks read facts, policy rows name outcomes. Nothing here belongs to one world.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "CHECKS",
    "FACTS",
    "KEYS",
    "OUTCOMES",
    "UNKNOWN_CAUSES",
    "FactSpec",
    "Kind",
    "Subject",
    "facts_of",
    "spec_of",
]

Kind = Literal["text", "code", "amount", "number", "day", "moment"]
Subject = Literal["container", "bl", "consignment", "party", "mandate", "document", "haulier", "call"]
Absent = Literal["answer", "unknown"]

KEYS: Final[dict[Subject, tuple[str, ...]]] = {
    "container": ("container",),
    "bl": ("bl",),
    "consignment": ("container", "bl"),
    "party": ("party",),
    "mandate": ("party", "agent"),
    "document": ("document",),
    "haulier": ("haulier",),
    "call": ("call",),
}
"""The key parts of each subject. A system may key a consignment's fact by its box or its B/L alone.

``party`` is the consignee on the bill (``consignee.party``), ``agent`` the party that the release order names
(``order.party``), ``document`` a charge's document number (``charge.document``), ``haulier`` who comes for
the box (``pickup.haulier``).
"""

UNKNOWN_CAUSES: Final = (
    "system_down",
    "stale",
    "unmapped",
    "unbound",
    "unread",
    "contradicting",
    "missing_row",
)
"""Why a fact or check is unknown: the source did not answer; the newest row is older than ``max_age``; a
code word has no mapping; no binding; text nobody read; two rows of equal standing disagree; no row where
one must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSpec:
    """One name of the catalogue.

    Attributes:
        name: Dotted, stable.
        kind: ``text``; ``code`` (one of ``values``); ``amount`` (exact decimal, money in the charge's
            currency, weights in kg); ``number`` (whole); ``day`` (date); ``moment`` (aware time, UTC).
        per: What the fact is keyed by.
        checks: Who needs it.
        meaning: One sentence.
        values: The closed words of a ``code``.
        many: Several values may stand at once (HS codes, aliases); otherwise one, the last.
        absent: ``answer``: no row means "there is none" and the check says so (no declaration, no
            open item). ``unknown``: no row is a gap, the check is unknown with cause ``missing_row``.
    """

    name: str
    kind: Kind
    per: Subject
    checks: tuple[str, ...]
    meaning: str
    values: tuple[str, ...] = ()
    many: bool = False
    absent: Absent = "unknown"


def _f(
    name: str,
    kind: Kind,
    per: Subject,
    checks: str,
    meaning: str,
    *,
    values: str = "",
    many: bool = False,
    absent: Absent = "unknown",
) -> FactSpec:
    return FactSpec(
        name=name,
        kind=kind,
        per=per,
        checks=tuple(checks.split()),
        meaning=meaning,
        values=tuple(values.split()),
        many=many,
        absent=absent,
    )


_ALL: Final = (
    # the call's discharge list: the record that starts a release
    _f("discharge.call", "text", "consignment", "list", "Call whose discharge list names this box and B/L."),
    _f("discharge.at", "moment", "container", "free_time", "When the box was discharged.", absent="answer"),
    _f("box.size", "number", "container", "free_time", "Length in feet: 20, 40 or 45."),
    _f(
        "box.kind",
        "code",
        "container",
        "free_time exception",
        "What sort of box it is.",
        values="dry reefer tank open flat",
    ),
    # what the manifest says is inside
    _f(
        "goods.description",
        "text",
        "consignment",
        "dangerous",
        "Cargo description, free text.",
        absent="answer",
    ),
    _f(
        "goods.hs",
        "text",
        "consignment",
        "health",
        "HS codes of the cargo, digits only.",
        many=True,
        absent="answer",
    ),
    _f(
        "goods.un",
        "text",
        "consignment",
        "dangerous",
        "UN numbers on the manifest, four digits.",
        many=True,
        absent="answer",
    ),
    _f(
        "goods.weight",
        "amount",
        "consignment",
        "compare",
        "Gross weight of the cargo under this B/L on the manifest, kg.",
    ),
    _f(
        "goods.box_weight",
        "amount",
        "container",
        "gate",
        "Gross weight of everything in the box on the manifest, all its B/Ls added, kg.",
    ),
    _f("goods.packages", "number", "consignment", "compare", "Packages on the manifest."),
    # title
    _f("title.kind", "code", "bl", "title", "Sort of B/L.", values="original waybill electronic"),
    _f(
        "title.state",
        "code",
        "bl",
        "title",
        "Last word on its surrender; a waybill needs none.",
        values="surrendered open withdrawn",
        absent="answer",
    ),
    # money
    _f(
        "charge.open_amount",
        "amount",
        "bl",
        "money",
        "Sum of the open items of the B/L, credits negative.",
        absent="answer",
    ),
    _f("charge.currency", "text", "bl", "money", "Currency of the open items, ISO 4217.", absent="answer"),
    _f(
        "charge.document",
        "text",
        "bl",
        "money",
        "Document numbers of the charges.",
        many=True,
        absent="answer",
    ),
    _f(
        "payment.unmatched",
        "amount",
        "bl",
        "money",
        "Sum received that names the B/L or its document but is matched to no charge.",
        absent="answer",
    ),
    _f(
        "credit.limit",
        "amount",
        "party",
        "money",
        "Credit cover of the consignee, 0 or no row: none.",
        absent="answer",
    ),
    _f(
        "credit.used",
        "amount",
        "party",
        "money",
        "What the consignee already owes under its cover.",
        absent="answer",
    ),
    _f("credit.as_of", "day", "party", "money", "Day the cover list was drawn up.", absent="answer"),
    _f("credit.valid_until", "day", "party", "money", "Last day of the cover.", absent="answer"),
    # authorities
    _f(
        "customs.state",
        "code",
        "consignment",
        "customs",
        "Last word of customs by time of message; no message: not declared.",
        values="declared cleared held inspection cancelled refused",
        absent="answer",
    ),
    _f(
        "customs.weight",
        "amount",
        "consignment",
        "compare",
        "Gross weight declared to customs, kg.",
        absent="answer",
    ),
    _f(
        "customs.packages",
        "number",
        "consignment",
        "compare",
        "Packages declared to customs.",
        absent="answer",
    ),
    _f(
        "health.state",
        "code",
        "consignment",
        "health",
        "Last word of plant and animal health.",
        values="cleared pending refused",
        absent="answer",
    ),
    _f(
        "health.valid_until",
        "day",
        "consignment",
        "health",
        "Last day of the health clearance.",
        absent="answer",
    ),
    # dangerous goods
    _f(
        "dangerous.un",
        "text",
        "container",
        "dangerous",
        "UN numbers notified for the box.",
        many=True,
        absent="answer",
    ),
    _f(
        "dangerous.class",
        "text",
        "container",
        "dangerous",
        "Classes of the notified UN numbers; fewer than dangerous.un where a notice gives none.",
        many=True,
        absent="answer",
    ),
    # the box itself
    _f("seal.manifest", "text", "consignment", "seal", "Seal number on the B/L.", absent="answer"),
    _f(
        "seal.terminal", "text", "container", "seal", "Seal number as the terminal found it.", absent="answer"
    ),
    _f(
        "damage.code",
        "code",
        "container",
        "damage",
        "Coded damage.",
        values="none minor major",
        absent="answer",
    ),
    _f(
        "stop.listed",
        "code",
        "container",
        "stop",
        "A stop or block recorded against box, B/L or consignee.",
        values="active lifted",
        absent="answer",
    ),
    # who
    _f("consignee.party", "text", "bl", "identity", "Customer number of the consignee on the B/L."),
    _f("consignee.name", "text", "bl", "identity", "Name of the consignee as the B/L prints it."),
    _f("party.name", "text", "party", "identity", "Registered name; no row: unknown party.", absent="answer"),
    _f(
        "party.alias",
        "text",
        "party",
        "identity",
        "Other names that were confirmed.",
        many=True,
        absent="answer",
    ),
    _f(
        "party.group",
        "text",
        "party",
        "exception",
        "List or class a policy may name, such as A.",
        absent="answer",
    ),
    _f("party.contact", "text", "party", "fraud", "Registered mail address.", absent="answer"),
    _f(
        "party.contact_changed_at",
        "moment",
        "party",
        "fraud",
        "When contact or bank details of the party last changed.",
        absent="answer",
    ),
    _f(
        "mandate.state",
        "code",
        "mandate",
        "mandate",
        "Mandate that the consignee gave to the party of the order.",
        values="active revoked",
        absent="answer",
    ),
    _f(
        "mandate.scope",
        "text",
        "mandate",
        "mandate",
        "What it covers, the policy's words.",
        many=True,
        absent="answer",
    ),
    _f("mandate.valid_until", "day", "mandate", "mandate", "Last day of the mandate.", absent="answer"),
    # release order
    _f(
        "order.state",
        "code",
        "consignment",
        "order",
        "Last state of the release order in the community system; no row: none asked.",
        values="active rejected cancelled",
        absent="answer",
    ),
    _f(
        "order.valid_until", "moment", "consignment", "order", "Until when the order stands.", absent="answer"
    ),
    _f(
        "order.party",
        "text",
        "consignment",
        "mandate",
        "Customer number of the party the box goes to.",
        absent="answer",
    ),
    # gate
    _f(
        "pickup.at",
        "moment",
        "container",
        "gate free_time",
        "Booked gate slot, cancelled ones left out.",
        absent="answer",
    ),
    _f("pickup.haulier", "text", "container", "gate", "Haulier that booked.", absent="answer"),
    _f(
        "mass.verified",
        "amount",
        "container",
        "gate",
        "Verified gross mass, kg, box included.",
        absent="answer",
    ),
    _f("box.tare", "amount", "container", "gate", "Tare of the empty box, kg.", absent="answer"),
    _f(
        "empty.outstanding",
        "number",
        "haulier",
        "gate",
        "Empties the haulier has not brought back.",
        absent="answer",
    ),
)

FACTS: Final[dict[str, FactSpec]] = {spec.name: spec for spec in _ALL}

OUTCOMES: Final[dict[str, dict[str, str]]] = {
    "title": {
        "not_surrendered": "title.kind is not waybill and title.state is open or has no row",
        "surrender_withdrawn": "title.state is withdrawn",
    },
    "money": {
        "unpaid": "open_amount > tolerance; no cover (limit > 0, valid_until >= today, list not too old)",
        "credit_exceeded": "open_amount > tolerance, valid cover, and used + open_amount > limit",
        "unmatched_payment": "open_amount > tolerance, but payment.unmatched >= open_amount - tolerance",
        "dispute": "text only: a charge is disputed",
    },
    "customs": {
        "not_declared": "no message, or declared without an answer",
        "held": "customs.state held",
        "inspection": "customs.state inspection",
        "cancelled": "customs.state cancelled",
        "refused": "customs.state refused",
    },
    "health": {
        "pending": "an HS chapter of the policy's list and no clearance, or state pending",
        "refused": "health.state refused",
        "expired": "cleared, but valid_until before today",
    },
    "dangerous": {
        "undeclared": "a UN number on the manifest that no notice names",
        "class_missing": "a notified UN number without a class",
        "hazard_in_description": "text only: the description names a hazard that no notice covers",
    },
    "seal": {
        "mismatch": "both seal numbers known and different after removing blanks, hyphens and case",
        "cut": "text only: a remark says the seal was cut or replaced",
    },
    "damage": {
        "coded": "damage.code major (a policy may add minor)",
        "remarked": "text only: a remark describes damage",
    },
    "identity": {
        "unknown": "the consignee's number is not registered",
        "name_differs": "the printed name equals neither registered name nor a confirmed alias",
    },
    "mandate": {
        "missing": "order.party is not the consignee and there is no mandate",
        "revoked": "mandate.state revoked",
        "out_of_scope": "mandate.scope holds none of the policy's words for release",
        "expired": "mandate.valid_until before today",
    },
    "fraud": {
        "contact_changed": "contact of consignee changed within the policy's days",
        "suspicious_text": "text only: a mail shows a sign of fraud",
    },
    "stop": {
        "listed": "stop.listed active",
        "instructed": "text only: somebody says stop",
    },
    "order": {
        "missing": "no release order, or cancelled",
        "expired": "order.valid_until is past",
        "rejected": "order.state rejected",
    },
    "free_time": {
        "demurrage_due": "counted days from discharge to pick-up (no slot: to now) exceed the free days",
    },
    "gate": {
        "no_slot": "no booked slot",
        "mass_missing": "no verified mass",
        "mass_differs": "verified mass minus tare is off goods.box_weight by more than the tolerance (%)",
        "empty_outstanding": "the haulier holds more empties than the policy allows",
    },
    "compare": {"differs": "two facts differ by more than the tolerance"},
}
"""Check -> outcome code -> when it is said. Every check may also say ``unknown``; else it passes."""

CHECKS: Final = tuple(OUTCOMES)


def spec_of(name: str) -> FactSpec:
    """Return the catalogue entry of ``name``.

    Raises:
        UsageError: ``port.fact_unknown`` with the closest names.
    """
    if name in FACTS:
        return FACTS[name]
    import difflib

    from pilothouse.kernel import UsageError

    near = ", ".join(difflib.get_close_matches(name, FACTS, n=3, cutoff=0.4)) or "see docs/reference/port.md"
    raise UsageError(
        f"{name!r} is not a fact of the catalogue; did you mean {near}?", code="port.fact_unknown"
    )


def facts_of(check: str) -> tuple[str, ...]:
    """Return the names that ``check`` needs, in catalogue order."""
    return tuple(spec.name for spec in _ALL if check in spec.checks)
