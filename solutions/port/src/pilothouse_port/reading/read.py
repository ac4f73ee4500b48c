"""Owns reading one text: what it says of the kinds that a policy asks about, and whether anything stays open."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilothouse.kernel import wired
from pilothouse.labels import Label
from pilothouse_port.reading.cargo import hazard_in
from pilothouse_port.reading.tasks import ignored, task_for

if TYPE_CHECKING:
    from pilothouse.documents.claims import Encoder, Generator, Judge, Reader, Reading

__all__ = ["OUTCOME_OF", "PortReader", "Said", "TextReading"]

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
        why: For a person: the first thing that stayed open.
        language: ISO 639-1, empty if unknown.
    """

    said: tuple[Said, ...] = ()
    open: tuple[str, ...] = ()
    why: str = ""
    language: str = ""

    def of(self, *types: str) -> tuple[Said, ...]:
        """Return what is said of these types."""
        return tuple(one for one in self.said if one.type in types)


MAIL_TYPES: Final = ("stop", "dispute", "party_change")
REMARK_TYPES: Final = ("seal_cut", "damage")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_LETTER = re.compile(r"[^\W\d_]")


class PortReader:
    """Reads mails, remarks and cargo descriptions; remembers what it read.

    Args:
        heads: Trained judges by task (``port.mail``, ``port.remark``); without one the rules read alone.
        encoder: Vectors for heads that were trained on some.
        generator: A text model for what stays open, where one is routed and promoted.
    """

    def __init__(
        self,
        *,
        heads: dict[str, Judge] | None = None,
        encoder: Encoder | None = None,
        generator: Generator | None = None,
    ) -> None:
        self._heads = heads or {}
        self._encoder = encoder
        self._generator = generator
        self._readers: dict[str, Reader] = {}
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
            said = Said(type="hazard", quote=found.quote, start=found.start, p=0.95, sure=True, by=found.meaning)
            return TextReading(said=(said,))
        letters = _LETTER.findall(text)
        if len(letters) < 3 or len(_LATIN.findall(text)) * 10 < len(letters) * 9:
            return TextReading(open=("hazard",), why=f"no words that anybody knows: {text[:60]!r}")
        return TextReading()

    async def _words(self, kind: str, text: str, label: Label, part: str) -> TextReading:
        from pilothouse.documents.claims import plain_text

        types = MAIL_TYPES if kind == "mail" else REMARK_TYPES
        content = plain_text(text).content
        masked = plain_text(ignored().sub(lambda match: " " * len(match[0]), content))
        document = hashlib.sha256(content.encode()).hexdigest()
        reading = await self._reader(kind).read(masked, document=document, label=label)
        said = tuple(
            Said(
                type=claim.type,
                quote=content[claim.span.start : claim.span.end],
                start=claim.span.start,
                p=claim.p,
                sure=claim.use == "fill",
                by=claim.why or ",".join(claim.extractors),
            )
            for claim in reading.claims
        )
        if part == "subject":
            return TextReading(said=said, language=reading.language)
        opened, why = _left_open(reading, said, types)
        return TextReading(said=said, open=opened, why=why, language=reading.language)

    def _reader(self, kind: str) -> Reader:
        from pilothouse.documents.claims import Reader

        if kind not in self._readers:
            task = task_for("mail" if kind == "mail" else "remark")
            self._readers[kind] = Reader(
                task, heads=self._heads.get(task.name), encoder=self._encoder, generator=self._generator
            )
        return self._readers[kind]


def _left_open(reading: Reading, said: Sequence[Said], types: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Return the types that nobody can exclude.

    A text that was found to say something tightening is blocked already: what stays unread in it counts only
    where a word that matters stands in it.
    """
    tight = {one.type for one in said if one.type in types}
    opened: list[str] = []
    why = ""
    for left in reading.abstained:
        if left.type in types and left.type not in tight:
            opened.append(left.type)
            why = why or f"{left.type} is open: {left.cause} {left.detail}".strip()
    for unread in reading.unread:
        if tight and unread.cause != "alert":
            continue
        opened += [one for one in types if one not in tight]
        why = why or f"nobody understood {unread.span.quote[:80]!r}"
    return tuple(dict.fromkeys(opened)), why
