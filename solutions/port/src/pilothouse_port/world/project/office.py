"""Owns what the agency's offices show: bills of lading, receivables, customers, credit cover, mail."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from pilothouse_port.world.canon import Canon, stream
from pilothouse_port.world.project.specs import ObjectSpec, f

__all__ = ["OFFICE", "known_parties"]


def known_parties(canon: Canon) -> list[Any]:
    """Return the parties that sales has registered."""
    return [party for party in canon.parties if party.registered]


def _aliases(canon: Canon) -> list[Any]:
    return [
        {"party": party.number, "alias": alias, "since": party.created}
        for party in known_parties(canon)
        for alias in party.aliases
    ]


def _covers(canon: Canon) -> list[Any]:
    """Return last week's list, then this week's, which alone stands."""
    old = [
        replace(row, as_of=row.as_of - timedelta(days=7), used=row.used + Decimal(500), limit=row.limit)
        for row in canon.books.covers[::2]
    ]
    return old + canon.books.covers


def _mails(canon: Canon) -> list[Any]:
    return canon.history.texts.mails + canon.texts.mails


def _tickets(canon: Canon) -> list[Any]:
    """Return the desk's tickets; how several reasons stand in one field is this desk's own habit."""
    rng = stream(canon.seed, "tickets")
    between = rng.choice((", ", "; ", " + ", "/"))
    return [{"ticket": ticket, "reasons": between.join(ticket.reasons)} for ticket in canon.history.tickets]


_VERDICTS: Final = {"RELEASE": "release", "HOLD": "held", "ESCALATE": "referred"}


OFFICE: Final = (
    ObjectSpec(
        role="bills",
        id="bill",
        phrase="bill",
        records=lambda canon: canon.history.versions + canon.versions,
        key=("uuid", "version"),
        fields=(
            f("uuid", "id", get=lambda r: r.bill.uuid),
            f("bill", "bill number", get=lambda r: r.bill.number),
            f("version", "version", "int"),
            f("kind", "bill kind", get=lambda r: r.bill.kind, codes="title.kind"),
            f("issued", "issued date", "date", get=lambda r: r.bill.issued),
            f("consignee", "consignee number", get=lambda r: r.bill.consignee.number),
            f("printed_name", "consignee name"),
            f("shipper", "shipper name", get=lambda r: r.bill.shipper),
            f("vessel", "vessel", get=lambda r: r.bill.call.vessel),
            f("voyage", "voyage", get=lambda r: r.bill.call.voyage),
            f("changed_at", "changed time", "datetime"),
        ),
    ),
    ObjectSpec(
        role="bills",
        id="item",
        phrase="bill item",
        records=lambda canon: canon.history.consignments + canon.consignments,
        key=(),
        fields=(
            f("uuid", "bill id", get=lambda r: r.bill.uuid),
            f("bill", "bill number", get=lambda r: r.bill.number),
            f("container", "container number", get=lambda r: r.container.number),
            f("hs", "tariff code"),
            f("goods", "goods description"),
            f("un", "un number", get=lambda r: r.un or None),
            f("packages", "package", "int"),
            f("package_kind", "package kind"),
            f("weight", "gross weight", "decimal"),
            f("seal", "seal number"),
        ),
    ),
    ObjectSpec(
        role="bills",
        id="surrender",
        phrase="surrender event",
        records=lambda canon: canon.papers.surrenders,
        key=(),
        fields=(
            f("bill", "bill number"),
            f("state", "surrender state", codes="title.state"),
            f("at", "event time", "datetime"),
            f("by", "by"),
        ),
    ),
    ObjectSpec(
        role="receivables",
        id="charge",
        phrase="ledger",
        records=lambda canon: canon.books.charges,
        key=("year", "document"),
        fields=(
            f("year", "year", "int"),
            f("document", "document number"),
            f("kind", "document kind"),
            f("bill", "bill reference"),
            f("customer", "customer number"),
            f("amount", "amount", "decimal"),
            f("open", "open amount", "decimal"),
            f("currency", "currency"),
            f("posted", "posting date", "date"),
            f("due", "due date", "date"),
            f("text", "text"),
        ),
    ),
    ObjectSpec(
        role="receivables",
        id="payment",
        phrase="payment",
        records=lambda canon: canon.books.payments,
        key=("number",),
        fields=(
            f("number", "payment number"),
            f("received", "received date", "date"),
            f("customer", "customer number"),
            f("bill", "bill reference"),
            f("document", "document number"),
            f("amount", "amount", "decimal"),
            f("unmatched", "unmatched amount", "decimal"),
            f("currency", "currency"),
            f("text", "text"),
        ),
    ),
    ObjectSpec(
        role="customers",
        id="customer",
        phrase="customer registry",
        records=known_parties,
        key=("number",),
        fields=(
            f("number", "customer number"),
            f("name", "name"),
            f("tax", "tax number"),
            f("city", "city"),
            f("country", "country"),
            f("group", "customer group"),
            f("contact", "contact mail"),
            f("contact_changed_at", "contact changed time", "datetime"),
            f("created", "created date", "date"),
        ),
    ),
    ObjectSpec(
        role="customers",
        id="alias",
        phrase="customer alias",
        records=_aliases,
        key=(),
        fields=(
            f("party", "customer number", get=lambda r: r["party"]),
            f("alias", "alias", get=lambda r: r["alias"]),
            f("since", "granted date", "date", get=lambda r: r["since"]),
        ),
    ),
    ObjectSpec(
        role="customers",
        id="mandate",
        phrase="mandate",
        records=lambda canon: canon.papers.mandates,
        key=("number",),
        fields=(
            f("number", "mandate number"),
            f("principal", "principal number"),
            f("agent", "agent number"),
            f("scope", "mandate scope", codes="mandate.scope"),
            f("state", "mandate state", codes="mandate.state"),
            f("valid_from", "valid from", "date"),
            f("valid_until", "valid until", "date"),
            f("granted_at", "granted time", "datetime"),
        ),
    ),
    ObjectSpec(
        role="cover",
        id="cover",
        phrase="cover list",
        records=_covers,
        key=(),
        fields=(
            f("customer", "customer number"),
            f("tax", "tax number"),
            f("name", "name"),
            f("limit", "cover limit", "decimal"),
            f("used", "cover used", "decimal"),
            f("valid_until", "valid until", "date"),
            f("as_of", "list date", "date"),
            f("currency", "currency"),
        ),
    ),
    ObjectSpec(
        role="mailbox",
        id="messages",
        phrase="mail",
        records=_mails,
        key=("message_id",),
        fields=(
            f("message_id", "message_id"),
            f("sender", "from"),
            f("reply_to", "reply_to"),
            f("to", "to"),
            f("date", "date", "datetime"),
            f("subject", "subject"),
            f("text", "text"),
            f("in_reply_to", "in_reply_to"),
            f("attachments", "attachments", get=lambda r: [asdict(one) for one in r.enclosures]),
        ),
    ),
    ObjectSpec(
        role="decisions",
        id="ticket",
        phrase="past decision",
        records=_tickets,
        key=("number",),
        fields=(
            f("number", "ticket number", get=lambda r: r["ticket"].number),
            f("container", "container number", get=lambda r: r["ticket"].container),
            f("bill", "bill number", get=lambda r: r["ticket"].bill),
            f("decided_at", "decision time", "datetime", get=lambda r: r["ticket"].decided_at),
            f("entered_at", "entered time", "datetime", get=lambda r: r["ticket"].entered_at),
            f("clerk", "clerk", get=lambda r: r["ticket"].clerk),
            f(
                "verdict",
                "decision",
                get=lambda r: _VERDICTS[r["ticket"].verdict],
                codes="ticket.verdict",
            ),
            f("reasons", "reason words", get=lambda r: r["reasons"]),
            f("note", "note", get=lambda r: r["ticket"].note or None),
        ),
    ),
)
