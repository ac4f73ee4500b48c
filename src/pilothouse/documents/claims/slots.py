"""Owns filling slots: values of the sentence first, of the whole text else, none where two could be meant."""

from __future__ import annotations

from collections.abc import Sequence

from pilothouse.documents.claims.language import Sentence
from pilothouse.documents.claims.prepare import Prepared
from pilothouse.documents.claims.types import Candidate, ClaimType, Mention, Slot, SlotValue
from pilothouse.documents.types import Span

__all__ = ["fill_slots"]


def fill_slots(
    type_: ClaimType, prepared: Prepared, sentence: Sentence, candidate: Candidate, document: str
) -> tuple[tuple[SlotValue, ...], tuple[str, ...]]:
    """Return the filled slots and the names of those without one clear value."""
    values: list[SlotValue] = []
    missing: list[str] = []
    named = dict(candidate.slots)
    for slot in type_.slots:
        found = _near(slot, prepared.mentions, sentence)
        if slot.name in named:
            found = _agreeing(found, named[slot.name], prepared, slot)
        if not found or (not slot.many and len({one.value for one in found}) > 1):
            missing.append(slot.name)
            continue
        values += [
            SlotValue(
                name=slot.name,
                value=one.value,
                span=Span.of(document, prepared.text, one.start, one.end),
                check=one.check,
            )
            for one in found
        ]
    return tuple(values), tuple(missing)


def _near(slot: Slot, mentions: Sequence[Mention], sentence: Sentence) -> list[Mention]:
    kind = [one for one in mentions if one.kind == slot.mention]
    here = [one for one in kind if sentence.start <= one.start and one.end <= sentence.end]
    return here or (kind if slot.anywhere else [])


def _agreeing(found: list[Mention], quote: str, prepared: Prepared, slot: Slot) -> list[Mention]:
    """A model's value counts where it stands verbatim, and where a pattern reads the same characters."""
    content = prepared.text.content
    agreed = [one for one in found if content[one.start : one.end] == quote or one.value == quote]
    if agreed or found or not quote.strip() or content.count(quote) != 1:
        return agreed
    start = content.index(quote)
    return [Mention(kind=slot.mention, value=quote, start=start, end=start + len(quote))]
