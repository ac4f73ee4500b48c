"""Owns what readings mean for a consignment: outcomes with words, withdrawn stops, what stays open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pilothouse.labels import Labelled
from pilothouse_port.reading.read import MAIL_TYPES, OUTCOME_OF, PortReader, Said, TextReading
from pilothouse_port.types import Claim, Consignment, Fact, Facts, Unread

__all__ = ["Readout", "read_facts"]

_BOX = re.compile(r"(?<![0-9A-Z])[A-Z]{3}[UJZ][\s.-]?[0-9OIl][0-9OIl\s./-]{5,9}[0-9OIl](?![0-9])")
_REPLY = re.compile(
    r"^\s*(re|aw|antw|antwort|rv|rif|odp|tr|sv|fw|fwd|wg|i|r|enc|pd)\s*(\[\d+\])?\s*:", re.IGNORECASE
)
_ALL = re.compile(
    r"\b(all|both|entire|whole|every|alle|gesamte?n?|samtliche|sämtliche|beide|hele|gehele|tous|toutes|ensemble|toute|tod[oa]s"
    r"|amb[oa]s|tutt[eio]|entramb[ei]|wszystki\w+|cal\w+|obydw\w+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """What the texts of one consignment come to.

    Attributes:
        claims: For the checks; those that loosen are proposed, never more.
        facts: With only those texts left unread that could still hide something.
        notes: One line a text, for a person.
        language: In which the party last wrote; a mail with a sign of fraud does not count.
    """

    claims: tuple[Claim, ...]
    facts: Facts
    notes: tuple[str, ...] = ()
    language: str = "en"


@dataclass(frozen=True, slots=True)
class _Read:
    text: Unread
    subject: TextReading
    body: TextReading

    @property
    def sender(self) -> str:
        return _field(self.text, "from")

    @property
    def said(self) -> tuple[Said, ...]:
        return (*self.subject.said, *self.body.said)


def _field(text: Unread, name: str) -> str:
    found = text.also.get(name)
    return str(found.value or "") if found is not None else ""


async def read_facts(facts: Facts, reader: PortReader) -> Readout:
    """Read every text of a consignment.

    The result may only tighten what the same facts without texts would give: a reading that finds nothing
    adds
    nothing, one that finds something adds its outcome, one that is unsure leaves the text unread.
    """
    if not facts.unread:
        return Readout(claims=(), facts=facts)
    read = _with_letters([await _read(text, reader) for text in facts.unread])
    claims: list[Claim] = []
    left: list[Unread] = []
    for one in read:
        found = _claims(one, facts)
        claims += found
        rest = _unread(one)
        if rest is not None:
            left.append(rest)
    claims += _withdrawn(read, facts)
    notes = tuple(_note(one) for one in read)
    return Readout(
        claims=tuple(claims), facts=replace(facts, unread=tuple(left)), notes=notes, language=_language(read)
    )


def _with_letters(read: list[_Read]) -> list[_Read]:
    """A mail whose attachment says the thing is its cover: what is only guessed of the cover adds nothing."""
    letters = {
        _field(one.text, "message_id")
        for one in read
        if one.text.part and any(s.type in OUTCOME_OF for s in one.said)
    } - {""}
    out: list[_Read] = []
    for one in read:
        if one.text.part or _field(one.text, "message_id") not in letters:
            out.append(one)
            continue
        said = tuple(s for s in one.body.said if s.by != "head")
        out.append(_Read(one.text, one.subject, replace(one.body, said=said, open=())))
    return out


async def _read(text: Unread, reader: PortReader) -> _Read:
    if text.part == "attachment":
        return await _attachment(text, reader)
    body = await reader.read(text.kind, str(text.text.value or ""), text.text.label)
    subject = TextReading()
    line = _field(text, "subject")
    # the subject of an answer is an earlier mail's
    if text.kind == "mail" and line and not _REPLY.match(line):
        subject = await reader.read("mail", line, text.also["subject"].label, part="subject")
        if body.of("stop_withdrawn") and not body.of("stop"):
            subject = TextReading()
    return _Read(text, subject, body)


async def _attachment(text: Unread, reader: PortReader) -> _Read:
    """Return what a file on a mail says; one that nobody could open hides whatever a mail can say."""
    if text.why and not text.words:
        return _Read(text, TextReading(), TextReading(open=MAIL_TYPES, why=text.why))
    body = await reader.read("mail", text.words, text.text.label, part="attachment")
    if text.why:
        body = TextReading(said=body.said, open=MAIL_TYPES, why=text.why, language=body.language)
    return _Read(text, TextReading(), body)


def _claims(one: _Read, facts: Facts) -> list[Claim]:
    out: list[Claim] = []
    for where, reading in ((one.text.text, one.body), (one.text.also.get("subject"), one.subject)):
        for said in reading.said:
            if where is None or said.type not in OUTCOME_OF or not _about(said, one, facts.consignment):
                continue
            if said.type == "hazard" and _named_hazard(facts):
                continue
            claim = _claim(said, where)
            if not any((c.check, c.code) == (claim.check, claim.code) for c in out):
                out.append(claim)
    for sign in () if one.text.part else one.text.signs:
        where = one.text.also.get("from", one.text.text)
        out.append(
            Claim(
                check="fraud",
                code="suspicious_text",
                effect="tighten",
                quote=str(where.value),
                text=where,
                detail=sign,
            )
        )
    return out


def _claim(said: Said, where: Labelled) -> Claim:
    check, code = OUTCOME_OF[said.type]
    return Claim(
        check=check,
        code=code,
        effect="tighten",
        quote=said.quote,
        start=said.start,
        text=where,
        detail=said.by,
    )


def _named_hazard(facts: Facts) -> bool:
    """A hazard whose UN number stands on the manifest is not hidden; the records decide."""
    number = facts["goods.un"]
    return isinstance(number, Fact) and bool(number.value)


def _about(said: Said, one: _Read, box: Consignment) -> bool:
    """Whether a stop is about this box: who names boxes means those; all else holds for the whole B/L."""
    if said.type not in ("stop", "stop_withdrawn") or one.text.kind != "mail":
        return True
    whole = f"{_field(one.text, 'subject')}\n{one.text.words or one.text.text.value}"
    for text in (said.quote, whole):
        named = _boxes(text)
        if named:
            mine = _short(box.container)
            slip = any(sum(a != b for a, b in zip(mine, one, strict=False)) <= 1 for one in named)
            return slip or bool(_ALL.search(said.quote))
    return True


def _boxes(text: str) -> set[str]:
    return {_short(match[0]) for match in _BOX.finditer(text.upper())}


def _short(box: str) -> str:
    """Ten signs: the check digit may be missing or wrong."""
    return re.sub(r"[^0-9A-Z]", "", box.upper()).translate(str.maketrans({"O": "0", "I": "1", "L": "1"}))[:10]


def _unread(one: _Read) -> Unread | None:
    """Return the text as far as it stays unread."""
    left = one.body.open
    if _field(one.text, "in_reply_to") and any(said.sure for said in one.body.of("stop_withdrawn")):
        # an answer that takes something back; the stop itself stands in the mail it answers
        left = tuple(name for name in left if name != "stop")
    if not left:
        return None
    about = tuple(".".join(OUTCOME_OF[name]) for name in left)
    return replace(one.text, about=about, why=one.body.why)


def _withdrawn(read: Sequence[_Read], facts: Facts) -> list[Claim]:
    """Return a proposal to loosen when each stop was taken back by the same authority, in answer to it."""
    box = facts.consignment
    stops = [
        one
        for one in read
        if one.text.kind == "mail" and any(s.type == "stop" and _about(s, one, box) for s in one.said)
    ]
    if not stops:
        return []
    backs = [
        (one, said)
        for one in read
        for said in one.body.of("stop_withdrawn")
        if said.sure and _about(said, one, box)
    ]
    last: tuple[_Read, Said] | None = None
    for stop in stops:
        found = next(((one, said) for one, said in backs if _takes_back(one, stop)), None)
        if found is None:
            return []
        last = found
    assert last is not None
    one, said = last
    return [
        Claim(
            check="stop",
            code="instructed",
            effect="loosen",
            quote=said.quote,
            start=said.start,
            text=one.text.text,
            endorser="desk",
            detail="taken back by the same authority",
        )
    ]


def _takes_back(back: _Read, stop: _Read) -> bool:
    """Whether a mail answers, from the same address, the mail that said stop: no other takes it back."""
    if back is stop or back.text.signs or not back.sender or back.sender.casefold() != stop.sender.casefold():
        return False
    parent = _field(back.text, "in_reply_to")
    return bool(parent) and parent == _field(stop.text, "message_id")


def _language(read: Sequence[_Read]) -> str:
    mails = [one for one in read if one.text.kind == "mail" and one.body.language and not one.text.signs]
    return mails[-1].body.language if mails else "en"


def _note(one: _Read) -> str:
    nothing = f"nothing that matters, {one.body.why}" if one.body.why else "nothing that matters"
    said = ", ".join(dict.fromkeys(s.type for s in one.said)) or ("unread" if one.body.open else nothing)
    return f"{one.text.kind} of {one.text.source}: {said}"
