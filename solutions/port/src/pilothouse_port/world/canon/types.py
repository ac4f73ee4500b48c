"""Owns the nouns of the hidden, consistent world: what is true, before any system shows its view of it.

Times are aware (UTC); days are local days of the port. Rows are the true ones: duplicates, stale copies and
typing errors are added by the projection, never here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias

__all__ = [
    "Bill",
    "BillVersion",
    "Block",
    "Call",
    "Certificate",
    "Charge",
    "Consignment",
    "Container",
    "Cover",
    "CustomsMessage",
    "Enclosure",
    "Haulier",
    "Intent",
    "Mail",
    "Mandate",
    "MassMessage",
    "Notice",
    "Order",
    "Party",
    "Payment",
    "Port",
    "Profile",
    "Remark",
    "Size",
    "Slot",
    "Surrender",
]

Size: TypeAlias = Literal["small", "day", "month"]
Profile: TypeAlias = Literal["real", "dense"]
Intent: TypeAlias = str
"""What the writer of a text wants: ``stop``, ``stop_withdrawn``, ``dispute``, ``party_change``, ``waiver``,
``payment_advice``, ``status``, ``documents``; what merely sounds like one: ``no_stop``, ``no_dispute``,
``honest_change``; ``unreadable`` where nobody can tell; of a remark: ``damage``, ``seal_cut``, ``plain``,
``near_miss``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """The invented port: its words, zone and money."""

    name: str
    language: str
    timezone: str
    currency: str
    country: str


@dataclass(slots=True, kw_only=True)
class Party:
    """A firm with a customer number; ``registered`` is false for a number that sales does not know."""

    number: str
    name: str
    country: str
    language: str
    domain: str
    tax: str
    city: str
    role: Literal["consignee", "forwarder", "shipper"]
    group: str = ""
    registered: bool = True
    contact_changed_at: datetime | None = None
    created: date
    mailbox: str = "import"
    aliases: list[str] = field(default_factory=list[str])

    @property
    def contact(self) -> str:
        """Registered mail address."""
        return f"{self.mailbox}@{self.domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One visit of a vessel."""

    reference: str
    vessel: str
    imo: str
    voyage: str
    arrived: datetime
    old: bool


@dataclass(slots=True, kw_only=True)
class Container:
    """A box as the terminal has it."""

    number: str
    iso_type: str
    length: int
    kind: str
    tare: Decimal
    call: Call
    discharged_at: datetime
    seal: str
    damage: str = "none"
    position: str = ""


@dataclass(slots=True, kw_only=True)
class Bill:
    """A bill of lading; ``printed_name`` is the consignee as the paper says it."""

    number: str
    uuid: str
    kind: str
    issued: date
    call: Call
    consignee: Party
    asker: Party
    shipper: str
    printed_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillVersion:
    """One row of a bill: an amendment is a new version, the last one stands."""

    bill: Bill
    version: int
    printed_name: str
    changed_at: datetime


@dataclass(slots=True, kw_only=True)
class Consignment:
    """The unit of decision: one box on one bill."""

    container: Container
    bill: Bill
    hs: str
    goods: str
    language: str
    un: str
    hazard_class: str
    packing_group: str
    packages: int
    package_kind: str
    weight: Decimal
    seal: str
    goods_family: str = ""
    flags: set[str] = field(default_factory=set[str])

    @property
    def key(self) -> tuple[str, str]:
        """Container and bill numbers."""
        return self.container.number, self.bill.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrender:
    """One word on the title: ``open``, ``surrendered`` or ``withdrawn``."""

    bill: str
    state: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One row of the ledger; ``open`` is what remains, negative for a credit."""

    year: int
    document: str
    kind: str
    bill: str
    customer: str
    amount: Decimal
    open: Decimal
    currency: str
    posted: date
    due: date
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money received; ``unmatched`` is the part that no charge took."""

    number: str
    received: date
    customer: str
    bill: str
    document: str
    amount: Decimal
    unmatched: Decimal
    currency: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """A line of the credit insurer's weekly list."""

    customer: str
    tax: str
    name: str
    limit: Decimal
    used: Decimal
    valid_until: date
    as_of: date
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """What a consignee allows an agent."""

    number: str
    principal: str
    agent: str
    scope: str
    state: str
    granted_at: datetime
    valid_from: date
    valid_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomsMessage:
    """One answer of customs; ``sent`` is when it is about, ``file`` the order in which it came in."""

    document: str
    declaration: str
    function: str
    container: str
    bill: str
    state: str
    sent: datetime
    received: datetime
    packages: int
    weight: Decimal
    remark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A health clearance."""

    number: str
    item: int
    container: str
    bill: str
    hs: str
    state: str
    issued: date
    valid_until: date
    weight: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A dangerous goods notification, one UN number each."""

    document: str
    notice: str
    function: str
    container: str
    bill: str
    un: str
    hazard_class: str
    packing_group: str
    sent: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One version of a release order in the community system."""

    number: str
    version: int
    container: str
    bill: str
    party: str
    party_name: str
    state: str
    updated_at: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Haulier:
    """A haulier and the empties that it has not brought back."""

    code: str
    name: str
    outstanding: int
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A gate appointment."""

    number: str
    container: str
    haulier: Haulier
    state: str
    start: datetime
    end: datetime
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MassMessage:
    """A verified gross mass in kg, box included; ``shown`` is the same in the sender's ``unit``."""

    document: str
    booking: str
    container: str
    mass: Decimal
    shown: Decimal
    unit: str
    method: str
    responsible: str
    sent: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stop or block recorded against a box."""

    container: str
    kind: str
    state: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What somebody at the terminal typed."""

    number: int
    container: str
    intent: Intent
    language: str
    at: datetime
    by: str
    text: str
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """What hangs on a mail, before it is made into bytes.

    ``kind``: ``pdf`` with a text layer, ``scan``, ``photo``, ``eml``, ``sheet``, ``damaged``, ``locked`` or
    ``logo``.
    """

    kind: str
    filename: str
    title: str
    text: str
    seed: int
    sender: str = ""
    date: str = ""
    hidden: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail to the desk; ``keys`` are the consignments that its intent is about.

    ``carrier`` says where the intent stands: in the ``body``, or in an enclosure of that kind alone.
    """

    message_id: str
    sender: str
    reply_to: str
    to: str
    date: datetime
    subject: str
    text: str
    sentence: str
    in_reply_to: str
    intent: Intent
    language: str
    family: str
    layout: str
    keys: tuple[tuple[str, str], ...]
    carrier: str = "body"
    enclosures: tuple[Enclosure, ...] = ()
