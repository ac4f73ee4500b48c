"""Owns finding a task's terms in a sentence: all of them in one pass, small typing errors forgiven."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pilothouse.documents.claims.lexicon.terms import Concept, Term

__all__ = ["Hit", "Matcher", "word_starts"]

_WORD = re.compile(r"\w+(?:'\w*)?")
GAP = 12
"""Words between the halves of a split verb at most."""
SHORTEST = 6
"""Letters of a word in which one typing error is forgiven."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A term in a folded sentence.

    Attributes:
        concept: Index of the concept.
        start: First folded character.
        end: Behind the last.
        first: Number of its first word.
        last: Number of its last word.
        fuzzy: Only after one typing error was forgiven.
        language: Of the term, empty for every language.
        split: The halves of a split verb, other words between them.
    """

    concept: int
    start: int
    end: int
    first: int
    last: int
    fuzzy: bool = False
    language: str = ""
    split: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    concept: int
    term: int
    index: int
    of: int
    start_bound: bool
    end_bound: bool
    language: str


def word_starts(folded: str) -> list[int]:
    """Return where the words of a folded text start."""
    return [match.start() for match in _WORD.finditer(folded)]


class Matcher:
    """Finds the terms of some concepts; built once for a task."""

    def __init__(self, concepts: Sequence[Concept]) -> None:
        from ahocorasick_rs import AhoCorasick

        parts: dict[str, list[_Part]] = {}
        number = 0
        for index, concept in enumerate(concepts):
            for term in concept.terms:
                number += 1
                for piece, text in enumerate(term.parts):
                    parts.setdefault(text, []).append(_part(index, number, piece, term))
        self._texts = list(parts)
        self._parts = [tuple(parts[text]) for text in self._texts]
        self._automaton = AhoCorasick(self._texts) if self._texts else None
        self._deleted = _deletions(concepts)
        self._lengths = sorted({length for length, _ in self._deleted})

    def find(self, folded: str) -> list[Hit]:
        """Return every hit in the order of the text."""
        if self._automaton is None:
            return []
        starts = word_starts(folded)
        found: list[Hit] = []
        halves: dict[int, list[tuple[_Part, int, int]]] = {}
        for which, start, end in self._automaton.find_matches_as_indexes(folded, overlapping=True):
            for part in self._parts[which]:
                if not _bounded(folded, start, end, part):
                    continue
                if part.of == 1:
                    found.append(_hit(part, start, end, starts))
                else:
                    halves.setdefault(part.term, []).append((part, start, end))
        for pieces in halves.values():
            found += _joined(pieces, starts)
        found += self._fuzzy(folded, starts, found)
        return sorted(set(found), key=lambda hit: (hit.start, -hit.end))

    def _fuzzy(self, folded: str, starts: list[int], found: list[Hit]) -> Iterator[Hit]:
        taken = {number for hit in found for number in range(hit.first, hit.last + 1)}
        for number, start in enumerate(starts):
            match = _WORD.match(folded, start)
            word = match[0] if match else ""
            if number in taken or len(word) < SHORTEST or not word.isalpha():
                continue
            near = self._near(word)
            if near is not None:
                concept, language = near
                yield Hit(concept, start, start + len(word), number, number, True, language)

    def _near(self, word: str) -> tuple[int, str] | None:
        for length in self._lengths:
            for cut in range(length - 1, min(length + 1, len(word)) + 1):
                near = self._nearest(word[:cut], length, cut == len(word))
                if near is not None:
                    return near
        return None

    def _nearest(self, word: str, length: int, whole: bool) -> tuple[int, str] | None:
        for shape in _shapes(word):
            for text, closed, concept, language in self._deleted.get((length, shape), ()):
                if (whole or not closed) and _one_error(word, text):
                    return concept, language
        return None


def _part(concept: int, number: int, piece: int, term: Term) -> _Part:
    last = len(term.parts) - 1
    return _Part(
        concept=concept,
        term=number,
        index=piece,
        of=len(term.parts),
        start_bound=not (term.open_start and piece == 0),
        end_bound=not (term.open_end and piece == last) and not term.parts[piece].endswith("'"),
        language=term.language,
    )


def _bounded(text: str, start: int, end: int, part: _Part) -> bool:
    if part.start_bound and start and text[start - 1].isalnum() and text[start].isalnum():
        return False
    return not (part.end_bound and end < len(text) and text[end].isalnum() and text[end - 1].isalnum())


def _hit(part: _Part, start: int, end: int, starts: list[int]) -> Hit:
    first = max(0, bisect.bisect_right(starts, start) - 1)
    last = max(0, bisect.bisect_right(starts, end - 1) - 1)
    return Hit(part.concept, start, end, first, last, False, part.language)


def _joined(pieces: list[tuple[_Part, int, int]], starts: list[int]) -> list[Hit]:
    """Both halves in order with few words between them are one hit."""
    hits: list[Hit] = []
    firsts = [one for one in pieces if one[0].index == 0]
    for part, start, end in firsts:
        behind = [one for one in pieces if one[0].index == 1 and one[1] >= end]
        if not behind:
            continue
        nearest = min(behind, key=lambda one: one[1])
        hit = replace(_hit(part, start, nearest[2], starts), split=True)
        if hit.last - hit.first <= GAP:
            hits.append(hit)
    return hits


def _deletions(concepts: Sequence[Concept]) -> dict[tuple[int, str], list[tuple[str, bool, int, str]]]:
    """Return long single words by each form with one letter left out (as in SymSpell)."""
    found: dict[tuple[int, str], list[tuple[str, bool, int, str]]] = {}
    for index, concept in enumerate(concepts):
        for term in concept.terms:
            text = term.parts[0]
            if len(term.parts) > 1 or len(text) < SHORTEST or not text.isalpha() or term.open_start:
                continue
            for shape in _shapes(text):
                entry = (text, not term.open_end, index, term.language)
                found.setdefault((len(text), shape), []).append(entry)
    return found


def _shapes(word: str) -> set[str]:
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def _one_error(a: str, b: str) -> bool:
    """Whether one letter too many, missing, other, or two exchanged make one word of the other."""
    if abs(len(a) - len(b)) > 1 or a[:1] != b[:1]:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    if a[at + 1 :] == b[at + 1 :] or a[at + 1 :] == b[at:] or a[at:] == b[at + 1 :]:
        return True
    return a[at + 2 :] == b[at + 2 :] and a[at : at + 2] == b[at : at + 2][::-1]
