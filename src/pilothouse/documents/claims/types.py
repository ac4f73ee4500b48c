"""Owns the nouns of claims: what may be claimed, what an extractor proposes, what a reading holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pilothouse.documents.types import Span, Text
from pilothouse.kernel import UsageError, wired
from pilothouse.labels import Integrity, Label

__all__ = [
    "Abstained",
    "Candidate",
    "Cause",
    "Check",
    "Claim",
    "ClaimType",
    "Layout",
    "Mention",
    "Reading",
    "Rung",
    "Slot",
    "SlotValue",
    "State",
    "Unread",
    "Use",
]

Layout = Literal["known", "new"]
State = Literal["proposed", "corroborated", "endorsed", "rejected"]
Use = Literal["tighten", "fill"]
"""What a claim is sure enough for: ``fill`` is the stronger and includes ``tighten``."""
Rung = Literal["pattern", "rule", "head", "model"]
Check = Literal["passed", "none", "proposed", "ambiguous"]
Cause = Literal["unsure", "disagree", "ambiguous", "hidden", "quoted", "language", "model", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A value that a claim of a type may carry.

    Attributes:
        mention: Kind of mention that fills it, such as ``container`` or ``amount``.
        many: Several different values may stand; otherwise two values leave it empty.
        anywhere: Look through the whole text where the sentence has none.
    """

    name: str
    mention: str
    many: bool = False
    anywhere: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimType:
    """Something a text may say.

    Attributes:
        name: Such as ``stop``.
        tightens: It makes a decision stricter, so that missing it is the expensive error.
        slots: Values that belong to it.
        mention: Every mention of this kind is a claim of this type; empty for what sentences say.
        excludes: Types that cannot hold of the same sentence; both found means abstain.
    """

    name: str
    tightens: bool = False
    slots: tuple[Slot, ...] = ()
    mention: str = ""
    excludes: tuple[str, ...] = ()


@wired("documents.mention")
@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A value with a form, found by a pattern.

    Attributes:
        kind: ``container``, ``iban``, ``date``, ``amount``, ``un_number``, ``email``, ``domain``
            or the task's own.
        value: Normalised: ``MSKU1234565``, ISO date, ``EUR 1200.50``.
        check: ``passed`` by check digit or range, ``none`` to check, ``proposed``: a repaired reading that
            would pass (0 for O, 1 for I), ``ambiguous``: one of ``others``.
        others: Other readings of the same characters.
    """

    kind: str
    value: str
    start: int
    end: int
    check: Check = "none"
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What an extractor proposes; nothing is believed before it is verified and calibrated.

    Attributes:
        type: Name of a claim type.
        start: First character of the words that say it (code points).
        end: Behind the last.
        extractor: With its version, such as ``rules@4f2a``.
        p: The extractor's own estimate, calibrated where it was trained.
        use: What the extractor stands for at most.
        quote: Verbatim, where the extractor names no place; located by exact search.
        slots: Values by slot name, verbatim; located within or near the quote.
        layout: Whether the wording is one that the extractor was trained on.
        why: Words for a person, such as the concepts a rule met.
    """

    type: str
    start: int = 0
    end: int = 0
    extractor: str
    rung: Rung
    p: float
    use: Use = "tighten"
    quote: str = ""
    slots: tuple[tuple[str, str], ...] = ()
    layout: Layout = "new"
    why: str = ""


@wired("documents.slot_value")
@dataclass(frozen=True, slots=True, kw_only=True)
class SlotValue:
    """A filled slot; the span shows the characters, ``value`` is their normal form."""

    name: str
    value: str
    span: Span
    check: Check = "none"


@wired("documents.claim")
@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One thing a text says, with the words that say it.

    Attributes:
        span: The sentence or value; its quote stands in the text verbatim.
        use: ``fill``: sure enough for its type's strict threshold; ``tighten``: may only make stricter.
        extractors: Who proposed it, with versions; several that agree.
        p: Calibrated chance that it holds.
        language: Of the sentence (ISO 639-1), empty if unknown.
        layout: ``known`` if the wording was in training.
        label: Never of more integrity than the document.
        state: ``proposed`` until a record or a person says more.
        missing: Slots without one clear value.
    """

    type: str
    document: str
    span: Span
    slots: tuple[SlotValue, ...] = ()
    use: Use
    extractors: tuple[str, ...]
    p: float
    language: str
    layout: Layout
    label: Label
    state: State = "proposed"
    missing: tuple[str, ...] = ()
    why: str = ""

    def value(self, slot: str) -> str | None:
        """Return the value of a slot that has exactly one."""
        found = {one.value for one in self.slots if one.name == slot}
        return found.pop() if len(found) == 1 else None

    def values(self, slot: str) -> tuple[str, ...]:
        """Return every value of a slot, in order."""
        return tuple(dict.fromkeys(one.value for one in self.slots if one.name == slot))


@wired("documents.abstained")
@dataclass(frozen=True, slots=True, kw_only=True)
class Abstained:
    """A wanted type that cannot be told: not the same as "not there".

    Attributes:
        cause: ``unsure``: between the thresholds; ``disagree``: two readers, two answers; ``ambiguous``: two
            places or values; ``hidden``, ``quoted``: not the sender's visible words; ``language``: not
            measured in this one; ``model``, ``failed``: a reader that should have looked could not.
        tightens: Whether the type does.
        claims: What was proposed, for a person to choose.
    """

    type: str
    cause: Cause
    tightens: bool = False
    claims: tuple[Claim, ...] = ()
    detail: str = ""


@wired("documents.unread")
@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A sentence that nobody understood; it can only tighten.

    Attributes:
        cause: ``unsure``: no reader is confident; ``words``: too many words never met; ``alert``: a word that
            matters stands in no known sentence; ``language``: of no measured language; ``hidden``.
    """

    span: Span
    cause: Literal["unsure", "words", "alert", "language", "hidden"]
    language: str = ""
    detail: str = ""


@wired("documents.reading")
@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one text says, what it leaves open, and what nobody read.

    Attributes:
        document: Id of the document.
        text: Version of the text that the spans point into.
        language: Of most of the text.
        claims: Accepted, each for its ``use``.
        abstained: Wanted types that stay open.
        unread: Sentences of the sender that nobody understood.
        mentions: Every value with a form, quoted parts left out.
        layout: ``known`` if every sentence that matters has a known wording.
        dropped: Proposals that failed verification, such as quotes that are not in the text.
    """

    document: str
    text: str
    language: str
    label: Label
    claims: tuple[Claim, ...] = ()
    abstained: tuple[Abstained, ...] = ()
    unread: tuple[Unread, ...] = ()
    mentions: tuple[Mention, ...] = ()
    layout: Layout = "new"
    dropped: int = 0

    def of(self, type: str, *, use: Use | None = None) -> tuple[Claim, ...]:
        """Return the claims of a type; with ``use="fill"`` only those sure enough to fill a field."""
        return tuple(one for one in self.claims if one.type == type and (use in (None, "tighten", one.use)))

    def open(self, type: str) -> bool:
        """Whether nobody can say that the text does *not* claim this."""
        return bool(self.unread) or any(one.type == type for one in self.abstained)

    @property
    def unsettled(self) -> bool:
        """Whether something that would tighten may stand there although nothing claims it."""
        return bool(self.unread) or any(one.tightens for one in self.abstained)

    @property
    def understood(self) -> bool:
        """Whether every sentence was read and no type stays open."""
        return not self.unread and not self.abstained


def checked_label(label: object, document: str) -> Label:
    """Return the label of what is read.

    Raises:
        UsageError: ``labels.missing``.
    """
    if not isinstance(label, Label):
        raise UsageError(
            f"document {document!r} has no label ({label!r}); unlabelled text is not read",
            code="labels.missing",
        )
    return label


def plain_text(content: str) -> Text:
    """Return a text without places, as spans count it."""
    from pilothouse.documents.types import canonical_text

    return Text(content=canonical_text(content))


def below(label: Label, source: Label) -> bool:
    """Whether a claim's label keeps to its source: every reader, and no more integrity."""
    return label.readers >= source.readers and Integrity(label.integrity) <= source.integrity
