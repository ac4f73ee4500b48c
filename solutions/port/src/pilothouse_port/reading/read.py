"""Owns reading one text: what it says of the kinds a policy asks about, and whether any stays open."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilothouse.kernel import wired
from pilothouse.labels import Label
from pilothouse_port.reading.cargo import hazard_in, strange_words
from pilothouse_port.reading.tasks import cleared, task_for
from pilothouse_port.reading.weigh import STRICT, Limits, Weighed, limits_for, weigh

if TYPE_CHECKING:
    from pilothouse.documents import Text
    from pilothouse.documents.claims import Encoder, Judge, Prepared, Task

__all__ = ["OUTCOME_OF", "PortReader", "Said", "TextReading", "wording_of"]

OUTCOME_OF: Final[dict[str, tuple[str, str]]] = {
    "stop": ("stop", "instructed"),
    "dispute": ("money", "dispute"),
    "party_change": ("fraud", "suspicious_text"),
    "seal_cut": ("seal", "cut"),
    "damage": ("damage", "remarked"),
    "hazard": ("dangerous", "hazard_in_description"),
}
"""Claim types that tighten, and the outcome each is."""
KEPT = 20_000


@wired("port.said")
@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing a text says.

    Attributes:
        type: A key of :data:`OUTCOME_OF`, or ``stop_withdrawn``.
        quote: The verbatim characters from ``start`` on.
        sure: Whether it is sure enough to fill a field, not only to tighten.
    """

    type: str
    quote: str
    start: int
    p: float
    sure: bool
    by: str = ""


@wired("port.text_reading")
@dataclass(frozen=True, slots=True, kw_only=True)
class TextReading:
    """What one text says, and what it could still hide.

    Attributes:
        open: Types of :data:`OUTCOME_OF` nobody can exclude; empty when the text was read.
        why: For a person: the first thing that stayed open, or why nothing did.
        language: ISO 639-1, empty if unknown.
    """

    said: tuple[Said, ...] = ()
    open: tuple[str, ...] = ()
    why: str = ""
    language: str = ""

    def of(self, *types: str) -> tuple[Said, ...]:
        """Return what is said of these types."""
        return tuple(one for one in self.said if one.type in types)


_HEADED = re.compile(r"^(?!>)[^\W\d]{2,12}\.?:\s", re.MULTILINE)
MAIL_TYPES: Final = ("stop", "dispute", "party_change")
REMARK_TYPES: Final = ("seal_cut", "damage")
_FORWARD = re.compile(
    r"forward|fwd|weitergeleit|weiterleit|doorgestuurd|doorsturen|transf[eé]r|r[eé]exp|reenvi|inoltrat|encaminhad|przekaz|przesłan",
    re.IGNORECASE,
)
_HEADER_LINE = re.compile(
    r"^(?:[ \t>]*[-_=*]{3,}.*|[ \t>]*\*?[\w \u00c0-\u017e-]{1,20}\*?[ \t]?:[ \t]\S*@.*"
    r"|[ \t>]*[\w\u00c0-\u017e-]{1,14}[ \t]?:[ \t][^\n]*\d{4}[^\n]*\d:\d[^\n]*|[ \t]*>+)",
    re.MULTILINE,
)
_SPEECH = re.compile(
    r"@|\b(?:we|you|your|our|please|ignore|instructions?"
    r"|ich|wir|sie|ihre?[nmrs]?|unsere?[nmrs]?|bitte|sind|wurden?|anweisung\w*"
    r"|wij|jullie|uw|onze|gelieve|graag|negeer|instructies?"
    r"|nous|vous|votre|notre|veuillez|merci|ignorez"
    r"|nosotros|usted|nuestr[oa]s?|favor|ignore[ns]?|instrucci[oó]n(?:es)?"
    r"|noi|vostr[oa]|prego|n[oó]s|vosso|nossa?|prosz[eę]|nasz\w*)\b",
    re.IGNORECASE,
)
"""Words of whoever addresses somebody: a description of cargo addresses nobody."""
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_LETTER = re.compile(r"[^\W\d_]")
_WORDS = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\S*\d\S*")


class PortReader:
    """Reads mails, remarks and cargo descriptions; remembers what it read.

    Args:
        heads: Trained judges by task (``port.mail``, ``port.remark``); without one the rules read alone.
        encoders: By task, who gives vectors to a head that was trained with them.
        cargo_words: Folded words of cargo that left the port without a hazard.
        settled: Wordings of remarks that no clerk of the port took for a reason: such a remark does not stay
            open. What a head or a rule claims is claimed all the same.
    """

    def __init__(
        self,
        *,
        heads: Mapping[str, Judge] | None = None,
        encoders: Mapping[str, Encoder] | None = None,
        cargo_words: Collection[str] = frozenset(),
        settled: Collection[str] = frozenset(),
    ) -> None:
        self._heads = heads or {}
        self._encoders = encoders or {}
        self._cargo_words = frozenset(cargo_words)
        self._settled = frozenset(settled)
        self._known: OrderedDict[str, TextReading] = OrderedDict()

    @property
    def version(self) -> str:
        """Tasks and heads; another version may read otherwise."""
        heads = ",".join(f"{name}={one.version}" for name, one in sorted(self._heads.items()))
        return f"{task_for('mail').version}/{task_for('remark').version}/{heads or 'rules'}"

    async def read(self, kind: str, text: str, label: Label, *, part: str = "body") -> TextReading:
        """Return what a text says.

        Args:
            kind: ``mail``, ``remark`` or ``description``.
            text: As the source gave it.
            label: Of every word in it.
            part: ``subject`` is only a hint: nothing in it stays open.
        """
        key = hashlib.sha256(f"{kind}\0{part}\0{text}".encode()).hexdigest()
        found = self._known.get(key)
        if found is None:
            found = self._cargo(text) if kind == "description" else await self._words(kind, text, label, part)
            self._known[key] = found
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found

    def _cargo(self, text: str) -> TextReading:
        found = hazard_in(text)
        if found is not None:
            said = Said(
                type="hazard", quote=found.quote, start=found.start, p=0.95, sure=True, by=found.meaning
            )
            return TextReading(said=(said,))
        if _SPEECH.search(text):
            return TextReading(open=("hazard",), why=f"somebody speaks, no cargo is named: {text[:60]!r}")
        if len(_LETTER.findall(text)) < 3 or _foreign(text):
            return TextReading(open=("hazard",), why=f"no words that anybody knows: {text[:60]!r}")
        strange = strange_words(text, self._cargo_words)
        if strange:
            return TextReading(open=("hazard",), why=f"cargo words nobody has met: {', '.join(strange[:4])}")
        return TextReading()

    async def _words(self, kind: str, text: str, label: Label, part: str) -> TextReading:
        from pilothouse.documents.claims import plain_text, prepare

        del label  # the claims made of this carry the label of the field they quote
        types = MAIL_TYPES if kind == "mail" else REMARK_TYPES
        task = task_for("mail" if kind == "mail" else "remark")
        content = plain_text(text).content
        if _foreign(content):
            return TextReading(open=types, why=f"a script that nobody reads: {content.strip()[:60]!r}")
        masked = plain_text(cleared(content))
        prepared = prepare(masked, task)
        weighed = await self._weighed(prepared, task, types)
        if kind == "mail" and part == "body":
            weighed += await self._forwarded(masked, task, weighed, types)
        if not weighed and part != "subject" and len(_LETTER.findall(content)) >= 20:
            return TextReading(
                open=types, why=f"none of it are the sender's own words: {content.strip()[:60]!r}"
            )
        said = _said(content, weighed)
        if part == "subject":
            return TextReading(said=tuple(one for one in said if one.sure), language=prepared.language)
        tight = {one.type for one in said if one.type in types}
        left = () if tight else tuple(dict.fromkeys(name for one in weighed for name in one.open))
        if left and kind == "remark" and wording_of(masked.content) in self._settled:
            return TextReading(said=said, why="settled before", language=prepared.language)
        first = next((one for one in weighed if one.open), None)
        why = f"{first.why}: {content[first.start : first.end][:80]!r}" if first and left else ""
        return TextReading(said=said, open=left, why=why, language=prepared.language)

    async def _weighed(
        self, prepared: Prepared, task: Task, types: Sequence[str], limits: Limits | None = None
    ) -> list[Weighed]:
        from pilothouse.documents.claims import encode_wanted

        judge = self._heads.get(task.name)
        if judge is None:
            return weigh(prepared, task, None, types)
        vectors = await encode_wanted(judge, self._encoders.get(task.name), prepared.marked)
        wanted = limits or limits_for(task.name.partition(".")[2], encoded=bool(judge.encoder))
        return weigh(prepared, task, judge.judge(prepared.marked, vectors), types, limits=wanted)

    async def _forwarded(
        self, masked: Text, task: Task, own: Sequence[Weighed], types: Sequence[str]
    ) -> list[Weighed]:
        """Read what stands below where the sender hardly says a word of his own: he hands it on as his."""
        from pilothouse.documents.claims import prepare, split_quoted

        if any(one.claims for one in own) or sum(one.end - one.start for one in own if one.open) > 200:
            return []
        blocks = [one for one in split_quoted(masked.content) if one.kind == "quoted"]
        if not blocks:
            return []
        lead = masked.content[max(0, blocks[0].start - 80) : blocks[0].start + 200]
        if not _FORWARD.search(lead) and len(_HEADED.findall(lead)) < 2:
            return []
        lines = _HEADER_LINE.sub(lambda match: " " * len(match[0]), masked.content[: blocks[-1].end])
        below = " " * blocks[0].start + lines[blocks[0].start :]
        ready = prepare(type(masked)(content=below, extractor=masked.extractor), task)
        return await self._weighed(ready, task, types, STRICT)


def _foreign(text: str) -> bool:
    """Whether a tenth of the letters or more is of another script than the lexicons'."""
    return len(_LATIN.findall(text)) * 10 < len(_LETTER.findall(text)) * 9


def _said(content: str, weighed: Sequence[Weighed]) -> tuple[Said, ...]:
    return tuple(
        Said(type=name, quote=content[one.start : one.end], start=one.start, p=p, sure=sure, by=by)
        for one in weighed
        for name, p, sure, by in one.claims
    )


def wording_of(text: str) -> str:
    """Return the words of a text without its numbers, case and marks: what two remarks have in common."""
    return " ".join(_WORDS.findall(_NUMBER.sub(" ", text.casefold())))
