"""Owns meeting rules: which concepts of a sentence, in which polarity and how near, say what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from pilothouse.documents.claims.language import Sentence
from pilothouse.documents.claims.lexicon.match import Matcher, word_starts
from pilothouse.documents.claims.lexicon.scope import Scoped, scope
from pilothouse.documents.claims.lexicon.terms import Alternative, Concept, Rule
from pilothouse.documents.claims.types import Mention, Use

__all__ = ["Lexicon", "Marked", "Met"]

MOST_PER_ELEMENT = 6


@dataclass(frozen=True, slots=True)
class _Token:
    """Something an element can meet: a scoped concept or a mention, and where."""

    name: str
    mention: bool
    negated: bool
    sure: bool
    first: int
    last: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Marked:
    """A sentence with its concepts found.

    Attributes:
        concepts: Name, polarity and place (text offsets) of every concept hit.
        alert: An alerting concept stands there.
    """

    sentence: Sentence
    tokens: tuple[_Token, ...]
    concepts: tuple[tuple[str, bool, int, int], ...]
    alert: bool


@dataclass(frozen=True, slots=True)
class Met:
    """A rule that a sentence meets.

    Attributes:
        sentence: Number of the sentence.
        use: The rule's, or only ``tighten`` after a condition, a quotation or a typing error.
        start: First character of the words met, in the text.
        end: Behind the last.
    """

    rule: Rule
    sentence: int
    use: Use
    start: int
    end: int
    why: str


class Lexicon:
    """The concepts and rules of one task, ready to be met.

    Args:
        concepts: With their terms.
        rules: Over the concepts.
    """

    def __init__(self, concepts: Sequence[Concept], rules: Sequence[Rule]) -> None:
        self.concepts = tuple(concepts)
        self.rules = tuple(rules)
        self._matcher = Matcher(self.concepts)
        self._negatable = tuple(one.negatable for one in self.concepts)

    def mark(self, sentence: Sentence, mentions: Sequence[Mention]) -> Marked:
        """Return the sentence with its concepts and the mentions that stand in it."""
        hits = self._matcher.find(sentence.folded.text)
        own = [hit for hit in hits if _own_language(sentence, hit.language, hit.end - hit.start)]
        # The same words may stand for the same in two languages.
        hits = list({(hit.concept, hit.first, hit.last): hit for hit in own}.values())
        scoped = scope(sentence, hits, self._negatable)
        tokens = [*(self._token(sentence, one) for one in scoped), *_mentioned(sentence, mentions)]
        concepts = tuple((one.name, one.negated, one.start, one.end) for one in tokens if not one.mention)
        alert = any(self.concepts[one.hit.concept].alert for one in scoped)
        return Marked(sentence, tuple(tokens), concepts, alert)

    def _token(self, sentence: Sentence, one: Scoped) -> _Token:
        start, end = sentence.original(one.hit.start, one.hit.end)
        return _Token(
            name=self.concepts[one.hit.concept].name,
            mention=False,
            negated=one.negated,
            sure=not (one.conditional or one.quoted or one.hit.fuzzy),
            first=one.hit.first,
            last=one.hit.last,
            start=start,
            end=end,
        )

    def met(self, marked: Sequence[Marked]) -> list[Met]:
        """Return the rules that the sentences meet, each with its strictest use."""
        found: list[Met] = []
        for rule in self.rules:
            if rule.scope == "text":
                found += _meet_text(rule, marked)
                continue
            for number, one in enumerate(marked):
                met = _meet(rule, number, one.tokens, one.sentence.question)
                if met is not None:
                    found.append(met)
        return found


def _own_language(sentence: Sentence, language: str, letters: int) -> bool:
    """Short words of another language are other words: ``die``, ``not``, ``pas``."""
    return not language or not sentence.own or sentence.language == language or letters > 4


def _mentioned(sentence: Sentence, mentions: Sequence[Mention]) -> list[_Token]:
    found: list[_Token] = []
    starts = word_starts(sentence.folded.text)
    for one in mentions:
        if one.start < sentence.start or one.end > sentence.end:
            continue
        first = sum(sentence.start + sentence.folded.at[at] < one.start for at in starts)
        last = sum(sentence.start + sentence.folded.at[at] < one.end for at in starts)
        found.append(
            _Token(
                one.kind,
                True,
                False,
                one.check != "proposed",
                first,
                max(first, last - 1),
                one.start,
                one.end,
            )
        )
    return found


def _meet_text(rule: Rule, marked: Sequence[Marked]) -> list[Met]:
    """Elements may stand in several sentences; the one with the first element shows the claim."""
    pooled = tuple(token for one in marked for token in one.tokens)
    met = _meet(rule, 0, pooled, None)
    if met is None:
        return []
    number = next(i for i, one in enumerate(marked) if one.sentence.start <= met.start < one.sentence.end)
    start, end = met.start, min(met.end, marked[number].sentence.end)
    return [Met(rule, number, met.use, start, max(end, start + 1), met.why)]


def _meet(rule: Rule, number: int, tokens: tuple[_Token, ...], question: bool | None) -> Met | None:
    if rule.question is not None and question is not None and rule.question != question:
        return None
    if any(_fits(token, one) for one in rule.none for token in tokens):
        return None
    choices = [[t for t in tokens if any(_fits(t, a) for a in element)] for element in rule.all]
    if not all(choices):
        return None
    best: tuple[bool, int, tuple[_Token, ...]] | None = None
    for chosen in product(*(one[:MOST_PER_ELEMENT] for one in choices)):
        reach = max(t.last for t in chosen) - min(t.first for t in chosen)
        if len(set(chosen)) < len(chosen) or (rule.within and reach > rule.within):
            continue
        key = (not all(t.sure for t in chosen), reach, chosen)
        if best is None or key[:2] < best[:2]:
            best = key
    if best is None:
        return None
    chosen = best[2]
    why = " + ".join(f"not {t.name}" if t.negated else t.name for t in chosen)
    use: Use = "tighten" if best[0] else rule.use
    return Met(rule, number, use, min(t.start for t in chosen), max(t.end for t in chosen), why)


def _fits(token: _Token, wanted: Alternative) -> bool:
    if token.name != wanted.name or token.mention != wanted.mention:
        return False
    return wanted.polarity == "either" or token.negated == (wanted.polarity == "negated")
