"""Owns made variants of a wording: other words of a concept, typing errors, words left out, no accents."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from random import Random

from pilothouse.documents import claims
from pilothouse.documents.claims import Marked, Task

__all__ = ["variants"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def variants(marked: Marked, task: Task, rng: Random, count: int) -> Iterator[Marked]:
    """Yield up to ``count`` variants of a sentence, marked anew; its claims are taken to stay the same.

    A word of a concept is replaced by another of the same concept and language; other words are left out,
    misspelt or lose their accents. Words of concepts and negations are never left out.
    """
    made: set[str] = {marked.sentence.text}
    for _ in range(count * 2):
        text = _replaced(marked, task, rng)
        text = _worn(text, rng, _protected(marked))
        if text in made:
            continue
        made.add(text)
        prepared = claims.prepare(claims.plain_text(text), task)
        if len(prepared.marked) == 1 and prepared.marked[0].sentence.kind == "said":
            yield prepared.marked[0]
        if len(made) > count:
            return


def _protected(marked: Marked) -> frozenset[str]:
    """Lower-case words that carry the claim."""
    text, start = marked.sentence.text, marked.sentence.start
    held = " ".join(text[a - start : b - start] for _, _, a, b in marked.concepts)
    small = {word for word in text.lower().split() if len(word) <= 5}
    return frozenset(held.lower().split()) | small


def _replaced(marked: Marked, task: Task, rng: Random) -> str:
    text, start = marked.sentence.text, marked.sentence.start
    spots = [one for one in marked.concepts if one[3] - one[2] < 40 and rng.random() < 0.5]
    rng.shuffle(spots)
    by_name = {one.name: one for one in task.concepts}
    taken: list[tuple[int, int]] = []
    chosen: list[tuple[int, int, str]] = []
    for name, _, first, last in spots:
        if any(first < b and a < last for a, b in taken):
            continue
        language = marked.sentence.language
        terms = [
            t.parts[0]
            for t in by_name[name].terms
            if t.language == language and len(t.parts) == 1 and not t.open_start and not t.open_end
        ]
        if terms:
            taken.append((first, last))
            chosen.append((first - start, last - start, rng.choice(terms)))
    for first, last, term in sorted(chosen, reverse=True):
        text = text[:first] + term + text[last:]
    return text


def _worn(text: str, rng: Random, protected: frozenset[str]) -> str:
    words = text.split(" ")
    out: list[str] = []
    for word in words:
        roll = rng.random()
        plain = word.strip(".,;:!?").lower()
        if roll < 0.10 and len(words) > 5 and plain not in protected and word.isalpha():
            continue
        out.append(_misspelt(word, rng) if 0.10 <= roll < 0.15 and word.isalpha() and len(word) > 5 else word)
    joined = " ".join(out)
    if rng.random() < 0.25:
        joined = "".join(s for s in unicodedata.normalize("NFD", joined) if not unicodedata.combining(s))
    if rng.random() < 0.15:
        joined = joined.lower()
    return joined


def _misspelt(word: str, rng: Random) -> str:
    at = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(3)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + rng.choice(LETTERS) + word[at + 1 :]
