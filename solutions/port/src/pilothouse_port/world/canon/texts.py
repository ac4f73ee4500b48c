"""Owns what people wrote about boxes: mails to the desk, remarks at the terminal, harmless ones included."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from pilothouse_port.world import wording
from pilothouse_port.world.canon.cargo import Cargo
from pilothouse_port.world.canon.money import Accounts
from pilothouse_port.world.canon.stock import mistyped
from pilothouse_port.world.canon.types import Consignment, Mail, Party, Port, Remark

__all__ = ["Texts", "write_texts"]

_HARMLESS = ("status", "documents", "payment_advice", "waiver", "stop_withdrawn")
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


def write_texts(rng: Random, cargo: Cargo, books: Accounts, *, port: Port, as_of: datetime) -> Texts:
    """Write the texts that the flags ask for, and about as many that mean nothing."""
    desk = _Desk(rng, books, port=port, as_of=as_of)
    for lot in cargo.consignments:
        if "dangerous.hazard_in_description" in lot.flags:
            lot.language = lot.language if lot.language in wording.LANGUAGES else "en"
            lot.goods = wording.hazard(rng, lot.language)
    for lots in _grouped(cargo, by="box"):
        desk.remarks(lots)
        if "stop.instructed" in lots[0].flags:
            desk.stop(lots)
    for lots in _grouped(cargo, by="bill"):
        if "money.dispute" in lots[0].flags:
            desk.write("dispute", lots, sender=lots[0].bill.consignee)
        if "fraud.suspicious_text" in lots[0].flags:
            desk.fraud(lots)
        if rng.random() < 0.16:
            desk.harmless(lots)
    desk.texts.mails.sort(key=lambda mail: (mail.date, mail.message_id))
    return desk.texts


def _grouped(cargo: Cargo, *, by: str) -> list[list[Consignment]]:
    groups: dict[str, list[Consignment]] = {}
    for lot in cargo.consignments:
        groups.setdefault(lot.container.number if by == "box" else lot.bill.number, []).append(lot)
    return list(groups.values())


class _Desk:
    def __init__(self, rng: Random, books: Accounts, *, port: Port, as_of: datetime) -> None:
        self.rng = rng
        self.port = port
        self.as_of = as_of
        self.texts = Texts()
        self.own = "desk@agency.example"
        self._documents: dict[str, str] = {}
        for row in books.charges:
            if row.open > 0 or row.bill not in self._documents:
                self._documents[row.bill] = row.document
        self._serial = 0

    def remarks(self, lots: list[Consignment]) -> None:
        box, flags = lots[0].container, lots[0].flags
        wanted = [
            intent
            for name, intent in (("damage.remarked", "damage"), ("seal.cut", "seal_cut"))
            if name in flags
        ]
        if (not wanted and self.rng.random() < 0.12) or (wanted and self.rng.random() < 0.1):
            wanted.append("plain")
        language = self.port.language if self.port.language in wording.LANGUAGES else "en"
        for intent in wanted:
            text, family = wording.remark(self.rng, intent, language)
            minutes = self.rng.randint(5, 200)
            self.texts.remarks.append(
                Remark(
                    number=len(self.texts.remarks) + 1,
                    container=box.number,
                    intent=intent,
                    language=language,
                    at=box.discharged_at + timedelta(minutes=minutes),
                    by=f"T{self.rng.randrange(10, 60)}",
                    text=text,
                    family=family,
                )
            )

    def stop(self, lots: list[Consignment]) -> None:
        """A stop by the shipper's side, in any language."""
        language = self.rng.choice(wording.LANGUAGES)
        sender = f"legal@{_slug(lots[0].bill.shipper)}.example"
        self._send("stop", lots, language, sender, signature=lots[0].bill.shipper)

    def write(self, intent: str, lots: list[Consignment], *, sender: Party) -> None:
        """A mail by ``sender`` in his language, about all of ``lots``."""
        person = self.rng.choice(_PEOPLE)
        box = f"{person[0]}.{person.split(' ')[-1]}".lower()
        self._send(
            intent, lots, sender.language, f"{box}@{sender.domain}", signature=f"{person}\n{sender.name}"
        )

    def fraud(self, lots: list[Consignment]) -> None:
        """Somebody who looks like the consignee or his forwarder wants a change."""
        victim = self.rng.choice((lots[0].bill.consignee, lots[0].bill.asker))
        stem = victim.domain.removesuffix(".example")
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
            fake,
            signature=f"{person}\n{victim.name}",
            reply_to=reply,
            who=victim.name,
        )

    def harmless(self, lots: list[Consignment]) -> None:
        """A question, papers, an advice, an idle wish, or a stop that its author took back."""
        intent = self.rng.choice((*_HARMLESS, "status", "status", "documents"))
        if intent != "stop_withdrawn":
            self.write(intent, lots, sender=self.rng.choice((lots[0].bill.consignee, lots[0].bill.asker)))
            return
        if any("stop.instructed" in lot.flags for lot in lots):
            return
        language = self.rng.choice(wording.LANGUAGES)
        sender = f"legal@{_slug(lots[0].bill.shipper)}.example"
        first = self._send("stop", lots[:1], language, sender, signature=lots[0].bill.shipper, hours=(30, 60))
        self._send(
            "stop_withdrawn",
            lots[:1],
            language,
            sender,
            signature=lots[0].bill.shipper,
            answers=first,
            hours=(1, 29),
        )

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
        lot = lots[0]
        slots = {
            "box": self._box_as_typed(lot.container.number),
            "bl": lot.bill.number,
            "doc": self._documents.get(lot.bill.number, lot.bill.number),
            "ship": lot.bill.call.vessel,
            "who": who or lot.bill.consignee.name,
            "mail": reply_to or sender,
        }
        language = language if language in wording.LANGUAGES else "en"
        words = wording.letter(
            self.rng, intent, language, slots, signature=signature, quoted=answers.text if answers else ""
        )
        subject = words.subject
        if not self._names(lot, subject + words.text):
            subject = f"{subject} ({lot.bill.number} {lot.container.number})"
        self._serial += 1
        mail = Mail(
            message_id=f"<{self._serial:05d}.{self.rng.randrange(10**8)}@{sender.partition('@')[2]}>",
            sender=sender,
            reply_to=reply_to if reply_to != sender else "",
            to=self.own,
            date=self.as_of - timedelta(minutes=self.rng.randint(hours[0] * 60, hours[1] * 60)),
            subject=subject,
            text=words.text,
            sentence=words.sentence,
            in_reply_to=answers.message_id if answers else "",
            intent=intent,
            language=language,
            family=words.family,
            keys=tuple(lot.key for lot in lots),
        )
        self.texts.mails.append(mail)
        return mail

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


def _slug(name: str) -> str:
    return "-".join(name.lower().split(" ")[:2])
