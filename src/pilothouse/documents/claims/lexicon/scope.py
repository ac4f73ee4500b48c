"""Owns what small words do to a term: negation, condition, and words that are only quoted."""

from __future__ import annotations

import bisect
import functools
import re
from dataclasses import dataclass

from pilothouse.documents.claims.language import Sentence, words
from pilothouse.documents.claims.lexicon.match import Hit, word_starts

__all__ = ["Scoped", "scope"]

_BORDER = re.compile(r"[;:()!?]")
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]{3,300})[\"”“»]")
_NOT_NEGATION = (
    "without delay", "without further delay", "no problem", "not only", "no doubt", "no later than",
    "no matter", "not least", "sans delai", "sans tarder", "sans attendre", "sans faute", "ohne verzug",
    "ohne verzogerung", "nicht nur", "ohne weiteres", "zonder vertraging", "niet alleen",
    "zonder uitstel", "no obstante", "sin demora", "no solo", "sin falta", "senza indugio", "non solo",
    "senza ritardo", "sem demora", "nao so", "sem falta", "bez zwloki", "nie tylko", "no. ", "nos. ",
    "why don't", "why not",
)  # fmt: skip
JOINED = 3
"""Words between two terms that one negation holds for."""


@dataclass(frozen=True, slots=True)
class Scoped:
    """A hit and what the words around it make of it."""

    hit: Hit
    negated: bool
    conditional: bool
    quoted: bool


@dataclass(frozen=True, slots=True)
class _Marks:
    negators: tuple[tuple[int, int, int, int], ...]
    conditions: tuple[int, ...]
    contrasts: tuple[int, ...]


def scope(sentence: Sentence, hits: list[Hit], negatable: tuple[bool, ...]) -> list[Scoped]:
    """Return the hits with what holds for each.

    Args:
        sentence: Where they stand.
        hits: In the order of the text.
        negatable: For each concept, whether "not" turns it round.
    """
    if not hits:
        return []
    text = sentence.folded.text
    starts = word_starts(text)
    marks = _marks(sentence, text, starts)
    turned = _negated(text, starts, hits, negatable, marks)
    quoted = [_spans(sentence, match) for match in _QUOTED.finditer(sentence.text) if " " in match[1].strip()]
    return [
        Scoped(
            hit,
            index in turned,
            any(_depends(text, starts, at, hit) for at in marks.conditions),
            _inside(sentence, hit, quoted),
        )
        for index, hit in enumerate(hits)
    ]


def _inside(sentence: Sentence, hit: Hit, quoted: list[tuple[int, int]]) -> bool:
    first, last = sentence.folded.original(hit.start, hit.end)
    return any(start <= first and last <= end for start, end in quoted)


def _spans(sentence: Sentence, match: re.Match[str]) -> tuple[int, int]:
    # A sentence that is quoted as a whole is what the sender says.
    if match.end() - match.start() > len(sentence.text) - 4:
        return 0, 0
    return match.start(1), match.end(1)


def _marks(sentence: Sentence, text: str, starts: list[int]) -> _Marks:
    languages = frozenset({sentence.language}) if sentence.language in words() else frozenset(words())
    negator, condition, contrast, none = _patterns(languages)
    blocked = [match.span() for match in none.finditer(text)]
    found: list[tuple[int, int, int, int]] = []
    for match in negator.finditer(text):
        if any(a <= match.start() < b for a, b in blocked):
            continue
        before, after = _reach(languages)
        found.append((_word_at(starts, match.start()), _word_at(starts, match.end() - 1), before, after))
    return _Marks(
        tuple(found),
        tuple(_word_at(starts, match.start()) for match in condition.finditer(text)),
        tuple(_word_at(starts, match.start()) for match in contrast.finditer(text)),
    )


def _word_at(starts: list[int], at: int) -> int:
    return max(0, bisect.bisect_right(starts, at) - 1)


@functools.lru_cache(maxsize=64)
def _reach(languages: frozenset[str]) -> tuple[int, int]:
    known = [words()[one] for one in languages]
    return max(one.before for one in known), max(one.after for one in known) if len(known) == 1 else 0


@functools.lru_cache(maxsize=64)
def _patterns(
    languages: frozenset[str],
) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    known = [words()[one] for one in languages]

    return (
        _any_of({term for one in known for term in one.negators}),
        _any_of({term for one in known for term in one.conditions}),
        _any_of({term for one in known for term in one.contrast}),
        re.compile("|".join(map(re.escape, _NOT_NEGATION))),
    )


def _any_of(listed: set[str]) -> re.Pattern[str]:
    """Whole words; one that ends in an apostrophe stands before any word."""
    ends = [re.escape(term) + ("" if term.endswith("'") else r"(?!\w)") for term in listed]
    return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(ends, key=len, reverse=True))})")


def _negated(
    text: str, starts: list[int], hits: list[Hit], negatable: tuple[bool, ...], marks: _Marks
) -> set[int]:
    turned: set[int] = set()
    able = [index for index, hit in enumerate(hits) if negatable[hit.concept]]
    for first, last, before, after in marks.negators:
        # A term that holds the negation itself, such as "no objection", is not turned by it.
        if any(not one.split and one.first <= first and one.last >= last for one in hits):
            continue
        near = [i for i in able if hits[i].last > first and hits[i].first - last <= before]
        ahead = [i for i in near if _free(text, starts, last, hits[i].first, marks)]
        ahead.sort(key=lambda i: hits[i].first)
        chosen = _run(ahead, hits)
        if not chosen and after:
            near = [i for i in able if 0 < first - hits[i].last <= after]
            behind = [i for i in near if _free(text, starts, hits[i].last, first, marks)]
            chosen = sorted(behind, key=lambda i: -hits[i].last)[:1]
        turned.update(chosen)
    return turned


def _run(ahead: list[int], hits: list[Hit]) -> list[int]:
    """The nearest, and those joined to it by a few words."""
    chosen = ahead[:1]
    for index in ahead[1:]:
        if hits[index].first - hits[chosen[-1]].last > JOINED:
            break
        chosen.append(index)
    return chosen


def _free(text: str, starts: list[int], first: int, last: int, marks: _Marks) -> bool:
    """Whether no border of a clause stands between two words; a short insertion between commas is none."""
    if last <= first:
        return True
    between = text[starts[first] : starts[last]]
    if _BORDER.search(between) or any(first < at < last for at in marks.contrasts):
        return False
    commas = between.count(",")
    return commas != 1 and (commas < 2 or last - first <= 7)


def _depends(text: str, starts: list[int], at: int, hit: Hit) -> bool:
    """Whether a condition governs a term: it stands before it, or behind it without a comma between."""
    first, last = min(at, hit.first), max(at, hit.first)
    between = text[starts[first] : starts[last]] if last > first else ""
    if _BORDER.search(between):
        return False
    # "se" is a condition only where a clause starts; elsewhere it is "oneself".
    opens = at == 0 or text[: starts[at]].rstrip().endswith(",")
    if text[starts[at] : starts[at] + 3] == "se " and not opens:
        return False
    return at <= hit.first or "," not in between
