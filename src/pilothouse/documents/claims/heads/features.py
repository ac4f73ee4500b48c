"""Owns what a head sees of a sentence: masked words, pieces of words, concepts with polarity; all hashed."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

from pilothouse.documents.claims.lexicon import Marked

__all__ = ["Seen", "see", "skeleton", "spoken"]

_WORD = re.compile(r"\w+(?:'\w+)?")
CHARACTERS = (3, 4, 5)
WORDS, PIECES, CONCEPTS = 1.0, 0.7, 1.6
"""Length of each block of a sentence's features: concepts speak all languages and all wordings."""
MOST_CONCEPTS = 8


@dataclass(frozen=True, slots=True)
class Seen:
    """A sentence as a head sees it.

    Attributes:
        grams: Weight by hashed feature.
        words: Hashes of its words of three letters or more: how much of it was ever met.
        shingles: Hashes of its masked words and pairs: the wording.
        signature: Concepts with polarity and how often it says no: one "not" more is another wording.
        skeleton: The masked words.
    """

    grams: dict[int, float]
    words: frozenset[int]
    shingles: frozenset[int]
    signature: int
    skeleton: str


def see(marked: Marked) -> Seen:
    """Return a marked sentence as a head sees it."""
    tokens = _masked(marked)
    concepts = _concepts(marked)
    grams: dict[int, float] = {}
    _block(grams, _words(tokens), WORDS)
    _block(grams, _pieces(tokens), PIECES)
    _block(grams, concepts, CONCEPTS)
    lines = [*tokens, *(f"{a} {b}" for a, b in pairwise(tokens))]
    noes = sum(token in _NOES for token in tokens)
    return Seen(
        grams=grams,
        words=frozenset(_hash("=" + token) for token in tokens if len(token) > 2 and token.isalpha()),
        shingles=frozenset(map(_hash, lines)),
        signature=_hash(f"{noes}|{'|'.join(sorted(c for c in concepts if c[0] == 'k'))}"),
        skeleton=" ".join(tokens),
    )


def skeleton(marked: Marked) -> str:
    """Return the masked words of a sentence: the same wording of other values is the same skeleton."""
    return " ".join(_masked(marked))


SPOKEN = {
    "amount": "an amount",
    "container": "the container",
    "date": "a date",
    "domain": "a web site",
    "email": "an e-mail address",
    "iban": "a bank account",
    "un_number": "a UN number",
}
"""What an encoder reads in place of a value: a code is noise to it, and a plain word is none."""
_CODED = re.compile(r"\S*\d\S*")


def spoken(marked: Marked) -> str:
    """Return a sentence as an encoder should read it: values are named, not spelt."""
    sentence = marked.sentence
    parts: list[str] = []
    at = 0
    for one in sorted((one for one in marked.tokens if one.mention), key=lambda one: (one.start, -one.end)):
        start, end = one.start - sentence.start, one.end - sentence.start
        if start >= at:
            parts += [sentence.text[at:start], SPOKEN.get(one.name, one.name.replace("_", " "))]
            at = end
    plain = "".join([*parts, sentence.text[at:]])
    return " ".join(_CODED.sub(_named, plain).split())


def _named(match: re.Match[str]) -> str:
    """A long number is an invoice's, a long code a shipment's; short ones stay as they are."""
    word = match[0].strip(".,;:!?()\"'")
    digits = sum(sign.isdigit() for sign in word)
    if digits < 4 and (digits < 2 or len(word) < 6):
        return match[0]
    if re.fullmatch(r"[A-Za-z]{4}\d{6,7}", word):
        return match[0].replace(word, SPOKEN["container"])
    return match[0].replace(word, "the invoice" if word.isdigit() else "the shipment")


_NOES = frozenset((
    "aucun", "aucune", "bez", "can't", "cannot", "don't", "geen", "jamais", "kein", "keine", "keinem",
    "keinen", "mai", "nadie", "nao", "ne", "nessuno", "never", "nicht", "nie", "niemand", "niet",
    "ningun", "ninguna", "no", "nobody", "non", "nooit", "not", "nunca", "ohne", "pas", "personne",
    "sans", "sem", "senza", "sin", "without", "zonder",
))  # fmt: skip


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())


def _masked(marked: Marked) -> list[str]:
    """Return the folded words; values, codes, numbers and names stand as their kind."""
    sentence = marked.sentence
    spans = [(one.start, one.end, one.name) for one in marked.tokens if one.mention]
    held = [(one.start, one.end) for one in marked.tokens if not one.mention]
    tokens: list[str] = []
    last: tuple[int, int, str] | None = None
    for match in _WORD.finditer(sentence.folded.text):
        start, end = sentence.original(match.start(), match.end())
        inside = next((one for one in spans if one[0] <= start < one[1]), None)
        if inside is not None:
            if inside != last:
                tokens.append(f"<{inside[2]}>")
            last = inside
            continue
        last = None
        kept = sentence.language == "de" or any(a <= start < b for a, b in held)
        written = sentence.text[start - sentence.start : end - sentence.start]
        tokens.append(_mask(match[0], written, inside=bool(tokens), kept=kept))
    return tokens


def _mask(folded: str, written: str, *, inside: bool, kept: bool) -> str:
    if any(sign.isdigit() for sign in folded):
        return "<number>" if folded.isdigit() else "<code>"
    if inside and not kept and written[:1].isupper() and not written.isupper() and len(written) > 1:
        return "<name>"
    return folded


def _words(tokens: list[str]) -> Iterator[str]:
    for token in tokens:
        yield "w" + token
    for a, b in pairwise(["<s>", *tokens, "</s>"]):
        yield f"b{a} {b}"


def _pieces(tokens: list[str]) -> Iterator[str]:
    for token in tokens:
        if token[0] == "<":
            continue
        word = f" {token} "
        for size in CHARACTERS:
            for at in range(len(word) - size + 1):
                yield f"p{word[at : at + size]}"


def _concepts(marked: Marked) -> list[str]:
    """Each concept with its polarity, and each pair of them: what no wording changes."""
    found = dict.fromkeys(f"k{name}{'-' if negated else '+'}" for name, negated, *_ in marked.concepts)
    found |= dict.fromkeys(f"m{one.name}" for one in marked.tokens if one.mention)
    singles = list(found)[:MOST_CONCEPTS]
    pairs = [f"{a}&{b}" for a, b in combinations(sorted(s for s in singles if s[0] == "k"), 2)]
    return [*singles, *pairs, *(["?"] if marked.sentence.question else [])]


def _block(grams: dict[int, float], features: Iterable[str], length: float) -> None:
    """Add a block whose vector has the given length; often is a little more than once."""
    counts: dict[int, int] = {}
    for one in features:
        key = _hash(one)
        counts[key] = counts.get(key, 0) + 1
    if not counts:
        return
    weights = {key: 1.0 + math.log(count) for key, count in counts.items()}
    scale = length / math.sqrt(sum(weight * weight for weight in weights.values()))
    for key, weight in weights.items():
        grams[key] = grams.get(key, 0.0) + weight * scale
