"""Owns what people wrote about boxes: mails to the desk, remarks at the terminal, harmless ones included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random

from pilothouse_port.world.canon.money import Accounts
from pilothouse_port.world.canon.stock import mistyped
from pilothouse_port.world.canon.types import Consignment, Mail, Party, Port, Remark
from pilothouse_port.world.canon.written.enclosures import (
    carrier_of,
    letter_in,
    papers_beside,
    unreadable_file,
)
from pilothouse_port.world.wording import LANGUAGES, Letter, Wording, Writer, half_of

__all__ = ["Texts", "Writing", "documents_of", "write_texts"]

_HARMLESS = (
    "status",
    "documents",
    "payment_advice",
    "waiver",
    "stop_withdrawn",
    "no_stop",
    "no_dispute",
    "honest_change",
)
_SOUNDS_DANGEROUS = 0.05
_ON_PAPER = {"train": "plain", "unseen": "letterhead"}
_PEOPLE = (
    "A. Lindqvist",
    "M. Okafor",
    "J. Peeters",
    "S. Brandt",
    "L. Moreau",
    "T. Keating",
    "R. de Wit",
    "P. Sauer",
)


@dataclass(slots=True, kw_only=True)
class Texts:
    """All free text of a world besides cargo descriptions."""

    mails: list[Mail] = field(default_factory=list[Mail])
    remarks: list[Remark] = field(default_factory=list[Remark])


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What people know when they write.

    Attributes:
        documents: Invoice number by bill.
        read_at: When the desk reads what is written about a bill; mails are from before.
        tag: Begins the message ids.
        harmless: Share of bills about which somebody writes what means nothing.
        first_remark: Number of the first remark.
        unreadable: Bills about which a letter comes that nobody can open.
    """

    port: Port
    wording: Wording
    documents: Mapping[str, str]
    read_at: Mapping[str, datetime]
    tag: str = "0"
    harmless: float = 0.2
    first_remark: int = 1
    unreadable: frozenset[str] = frozenset()


def documents_of(books: Accounts) -> dict[str, str]:
    """Return the invoice that people would name for each bill: an open one if there is one."""
    found: dict[str, str] = {}
    for row in books.charges:
        if row.open > 0 or row.bill not in found:
            found[row.bill] = row.document
    return found


def write_texts(rng: Random, lots: list[Consignment], writing: Writing) -> Texts:
    """Write the texts that the flags ask for, and about as many that mean nothing."""
    desk = _Desk(rng, lots, writing)
    for lot in lots:
        desk.describe(lot)
    for mine in _grouped(lots, by="box"):
        desk.remarks(mine)
        if "stop.instructed" in mine[0].flags:
            desk.stop(mine)
    for mine in _grouped(lots, by="bill"):
        if "money.dispute" in mine[0].flags:
            desk.write("dispute", mine, sender=mine[0].bill.consignee)
        if "fraud.suspicious_text" in mine[0].flags:
            desk.fraud(mine)
        if rng.random() < writing.harmless:
            desk.harmless(mine)
        if mine[0].bill.number in writing.unreadable:
            desk.unreadable(mine)
    desk.texts.mails.sort(key=lambda mail: (mail.date, mail.message_id))
    return desk.texts


def _grouped(lots: list[Consignment], *, by: str) -> list[list[Consignment]]:
    groups: dict[str, list[Consignment]] = {}
    for lot in lots:
        groups.setdefault(lot.container.number if by == "box" else lot.bill.number, []).append(lot)
    return list(groups.values())


class _Desk:
    def __init__(self, rng: Random, lots: list[Consignment], writing: Writing) -> None:
        self.rng = rng
        self.writing = writing
        self.port = writing.port
        self.writer = Writer(rng, writing.wording)
        self.texts = Texts()
        self.own = "desk@agency.example"
        self._boxes = [lot.container.number for lot in lots]
        self._of_bill = {mine[0].bill.number: mine for mine in _grouped(lots, by="bill")}
        self._serial = 0

    def describe(self, lot: Consignment) -> None:
        """Word what the flags say of the cargo; now and then goods merely sound dangerous."""
        hazard = "dangerous.hazard_in_description" in lot.flags
        if not hazard and (lot.un or self.rng.random() >= _SOUNDS_DANGEROUS):
            lot.goods = lot.goods if lot.un else self.writer.goods(lot.hs, lot.language) or lot.goods
            return
        said = self.writer.phrase("hazard" if hazard else "innocent", lot.language, abroad=True)
        lot.goods, lot.language, lot.goods_family = said.text, said.language, said.family

    def remarks(self, lots: list[Consignment]) -> None:
        box, flags = lots[0].container, lots[0].flags
        wanted = [
            intent
            for name, intent in (("damage.remarked", "damage"), ("seal.cut", "seal_cut"))
            if name in flags
        ]
        if (not wanted and self.rng.random() < 0.14) or (wanted and self.rng.random() < 0.1):
            wanted.append("plain" if wanted else self.rng.choice(("plain", "near_miss")))
        for intent in wanted:
            said = self.writer.phrase(intent, self.port.language)
            minutes = self.rng.randint(5, 200)
            self.texts.remarks.append(
                Remark(
                    number=len(self.texts.remarks) + self.writing.first_remark,
                    container=box.number,
                    intent=intent,
                    language=said.language,
                    at=box.discharged_at + timedelta(minutes=minutes),
                    by=f"T{self.rng.randrange(10, 60)}",
                    text=said.text,
                    family=said.family,
                )
            )

    def stop(self, lots: list[Consignment]) -> None:
        """A stop by the shipper's side, in any language."""
        self._send(
            "stop", lots, self._any_language(), _legal(lots[0].bill.shipper), signature=lots[0].bill.shipper
        )

    def write(self, intent: str, lots: list[Consignment], *, sender: Party) -> None:
        """A mail by ``sender`` in his language, about all of ``lots``."""
        person = self.rng.choice(_PEOPLE)
        box = f"{person[0]}.{person.split(' ')[-1]}".lower()
        address = sender.contact if sender.mailbox != "import" else f"{box}@{sender.domain}"
        self._send(intent, lots, sender.language, address, signature=f"{person}\n{sender.name}")

    def fraud(self, lots: list[Consignment]) -> None:
        """Somebody like the consignee or his forwarder wants a change; rarely from the true account."""
        victim = self.rng.choice((lots[0].bill.consignee, lots[0].bill.asker))
        stem = (victim.domain if victim.mailbox == "import" else victim.mailbox).removesuffix(".example")
        alike = stem.replace("o", "0", 1) if "o" in stem else stem.replace("l", "1", 1) + "-eu"
        fake = self.rng.choice(
            (
                f"import@{alike}.example",
                f"import@{stem}-release.example",
                f"{stem.replace('-', '.')}@freemail.example",
                f"import@{stem[0]}{stem[2]}{stem[1]}{stem[3:]}.example",
            )
        )
        person = self.rng.choice(_PEOPLE)
        reply = fake if self.rng.random() < 0.5 else f"{stem.replace('-', '')}@quickpost.example"
        self._send(
            "party_change",
            lots,
            victim.language,
            victim.contact if self.rng.random() < 0.12 else fake,
            signature=f"{person}\n{victim.name}",
            reply_to=reply,
            who=victim.name,
        )

    def harmless(self, lots: list[Consignment]) -> None:
        """A question, papers, an advice, an idle wish, a near miss, or a stop that its author took back."""
        intent = self.rng.choice((*_HARMLESS, "status", "status", "documents"))
        if intent == "no_dispute" and "money.dispute" in lots[0].flags:
            intent = "status"
        if intent != "stop_withdrawn":
            self.write(intent, lots, sender=self.rng.choice((lots[0].bill.consignee, lots[0].bill.asker)))
            return
        if any("stop.instructed" in lot.flags for lot in lots):
            return
        shipper = lots[0].bill.shipper
        first = self._send(
            "stop", lots[:1], self._any_language(), _legal(shipper), signature=shipper, hours=(30, 60)
        )
        self._send(
            "stop_withdrawn",
            lots[:1],
            first.language,
            first.sender,
            signature=shipper,
            answers=first,
            hours=(1, 29),
        )

    def _any_language(self) -> str:
        return self.rng.choice(LANGUAGES)

    def _send(
        self,
        intent: str,
        lots: list[Consignment],
        language: str,
        sender: str,
        *,
        signature: str,
        reply_to: str = "",
        who: str = "",
        answers: Mail | None = None,
        hours: tuple[int, int] = (1, 70),
    ) -> Mail:
        slots = self._slots(lots, sender, hours=hours)
        slots["mail"] = reply_to or sender
        slots["who"] = who or slots["who"]
        slots["other"] = self._another(lots) if not answers and self.rng.random() < 0.09 else ""
        half = half_of(answers.family) if answers else self.writer.half()
        carrier = "body" if answers else carrier_of(self.rng, intent)
        words = self.writer.letter(
            intent,
            language,
            slots,
            signature=signature,
            quoted=answers.text if answers else "",
            half=half,
            layout="" if carrier == "body" else _ON_PAPER[half],
        )
        return self._post(
            words, carrier, intent, lots, slots, signature=signature, reply_to=reply_to, answers=answers
        )

    def unreadable(self, lots: list[Consignment]) -> None:
        """A letter that nobody can open: what it says is not known, and that is what a clerk must say."""
        sender = lots[0].bill.consignee
        slots = self._slots(lots, sender.contact, hours=(1, 60))
        signature = f"{self.rng.choice(_PEOPLE)}\n{sender.name}"
        words = self.writer.letter("status", sender.language, slots, signature=signature)
        self._post(words, "unreadable", "unreadable", lots, slots, signature=signature)

    def _slots(self, lots: list[Consignment], sender: str, *, hours: tuple[int, int]) -> dict[str, str]:
        lot = lots[0]
        minutes = self.rng.randint(hours[0] * 60, hours[1] * 60)
        sent = self.writing.read_at[lot.bill.number] - timedelta(minutes=minutes)
        return {
            "box": self._box_as_typed(lot.container.number),
            "bl": lot.bill.number,
            "doc": self.writing.documents.get(lot.bill.number, lot.bill.number),
            "ship": lot.bill.call.vessel,
            "who": lot.bill.consignee.name,
            "mail": sender,
            "sender": sender,
            "sent": sent.isoformat(),
            "date": f"{sent:%d.%m.%Y %H:%M}",
            "rfc_date": format_datetime(sent),
        }

    def _post(
        self,
        words: Letter,
        carrier: str,
        intent: str,
        lots: list[Consignment],
        slots: dict[str, str],
        *,
        signature: str,
        reply_to: str = "",
        answers: Mail | None = None,
    ) -> Mail:
        lot, sender, text, sentence = lots[0], slots["sender"], words.text, words.sentence
        enclosures = papers_beside(self.rng, intent, slots) if carrier == "body" else ()
        if carrier != "body":
            text = self.writer.cover(words.language, half_of(words.family), slots, signature=signature)
        if carrier == "unreadable":
            enclosures, sentence = (unreadable_file(self.rng, text=words.text, slots=slots),), ""
        elif carrier != "body":
            enclosures = (letter_in(self.rng, carrier, title=words.subject, text=words.text, slots=slots),)
            carrier = enclosures[0].kind
        subject = words.subject
        if not self._names(lot, subject + text):
            subject = f"{subject} ({lot.bill.number} {lot.container.number})"
        self._serial += 1
        mail = Mail(
            message_id=f"<{self.writing.tag}{self._serial:04d}.{self.rng.randrange(10**8)}@{sender.partition('@')[2]}>",
            sender=sender,
            reply_to=reply_to if reply_to != sender else "",
            to=self.own,
            date=datetime.fromisoformat(slots["sent"]),
            subject=subject,
            text=text,
            sentence=sentence,
            in_reply_to=answers.message_id if answers else "",
            intent=intent,
            language=words.language,
            family=words.family,
            layout=words.layout,
            keys=tuple(lot.key for lot in lots),
            carrier=carrier,
            enclosures=enclosures,
        )
        self.texts.mails.append(mail)
        return mail

    def _another(self, lots: list[Consignment]) -> str:
        """Return a box that is merely named beside: of another bill, so that nothing here is about it."""
        mine = {lot.container.number for lot in lots}
        beside = {one.container.number for one in self._of_bill[lots[0].bill.number]}
        found = self.rng.choice(self._boxes)
        return "" if found in mine | beside else found

    def _names(self, lot: Consignment, text: str) -> bool:
        """Say whether the text gives box or bill as they are written in records."""
        return lot.container.number in text or lot.bill.number in text

    def _box_as_typed(self, number: str) -> str:
        draw = self.rng.random()
        if draw < 0.12:
            return f"{number[:4]} {number[4:10]}-{number[10]}"
        if draw < 0.15:
            return mistyped(self.rng, number)
        return number


def _legal(shipper: str) -> str:
    return f"legal@{'-'.join(shipper.lower().split(' ')[:2])}.example"
