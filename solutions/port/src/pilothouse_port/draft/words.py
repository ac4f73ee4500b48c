"""Owns what words of headers and data dictionaries mean, in several languages and cut-down header styles."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["abbreviated", "code_words", "concepts_of", "data", "plain", "tokens_of"]


def plain(text: str) -> str:
    """Return lower case without accents."""
    spread = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(char for char in spread if not unicodedata.combining(char)).casefold()


@cache
def data(name: str) -> dict[str, Any]:
    """Return a table of this package such as ``lexicon.toml``."""
    return tomllib.loads(files("pilothouse_port.draft").joinpath(name).read_text(encoding="utf-8"))


@cache
def _entries() -> dict[str, tuple[str, ...]]:
    concepts: dict[str, str] = data("lexicon.toml")["concepts"]
    return {name: tuple(plain(word) for word in words.split()) for name, words in concepts.items()}


def _folded(token: str) -> str:
    """Fold umlauts written as two letters, as headers without accents have them."""
    return re.sub(r"(?<=[a-z])([aou])e(?=[a-z])", r"\1", token)


def tokens_of(text: str) -> list[str]:
    """Split a header or phrase into words: camelCase, snake_case, kebab-case, blanks."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return [part for part in re.split(r"[^0-9a-zA-Zà-ÿÀ-ßœŒ/]+", spaced) if part]


def concepts_of(text: str, *, header: bool = False) -> frozenset[str]:
    """Return the concepts that a phrase names.

    Args:
        text: A phrase of a data dictionary, or a column's name.
        header: Also understand cut-down words: no vowels (``zgl_nmmr``), first letters (``DOCNUM``).
    """
    text = re.sub(
        r"bill[ _-]?of[ _-]?lading", "bl", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text), flags=re.IGNORECASE
    )
    tokens = [plain(token) for token in tokens_of(text)]
    if header and len(tokens) == 1 and re.fullmatch(r"[A-Z]{5,6}", text) and not _whole(tokens[0]):
        tokens = [tokens[0][:3], tokens[0][3:]]
    found: set[str] = set()
    for place, token in enumerate(tokens):
        pair = f"{token}_{tokens[place + 1]}" if place + 1 < len(tokens) else ""
        triple = f"{pair}_{tokens[place + 2]}" if place + 2 < len(tokens) else ""
        cut = header and not _whole(token)  # a word as it stands is no other word cut down
        for name, words in _entries().items():
            if any(_means(token, pair, triple, word, cut) for word in words) or (
                cut and any(_means(_folded(token), "", "", word, cut) for word in words)
            ):
                found.add(name)
    return frozenset(found)


def _whole(token: str) -> bool:
    """Whether a token is a word as it stands."""
    return any(token == word for words in _entries().values() for word in words)


def _means(token: str, pair: str, triple: str, word: str, header: bool) -> bool:
    if "_" in word:
        return bool(pair) and word in (pair, triple)
    if token == word or (len(word) >= 5 and token.startswith(word)):
        return True
    if not header or len(token) < 2:
        return False
    if len(token) >= 3 and word.startswith(token):
        return True
    return any(_cut_from(token, word, vowels) for vowels in ("[aeiou]", "[aeiouy]"))


def _cut_from(token: str, word: str, vowels: str) -> bool:
    """Whether a token is what is left of a word without its vowels; ``y`` counts as one or not."""
    if re.search(vowels, token[1:]):
        return False
    return token in (word[0] + re.sub(vowels, "", word[1:]), re.sub(vowels, "", word))


@cache
def _meanings() -> dict[str, dict[str, tuple[str, ...]]]:
    table: dict[str, dict[str, str]] = data("codes.toml")
    return {
        fact: {value: tuple(plain(word) for word in words.split(", ")) for value, words in values.items()}
        for fact, values in table.items()
    }


def code_words(fact: str, word: str) -> str | None:
    """Return the catalogue value that a code word means for a fact, None when no lexicon knows it."""
    bare = re.sub(r"[_\-]+", " ", plain(word)).strip()
    best: tuple[int, str] | None = None
    for value, words in _meanings().get(fact, {}).items():
        for known in words:
            if bare == known or (len(known) >= 4 and bare.startswith(known)):
                best = max(best or (0, ""), (len(known), value))
    return best[1] if best else None


def abbreviated(fact: str, word: str) -> str | None:
    """Return the only catalogue value whose words begin with ``word``; None when none or several."""
    bare = plain(word).strip()
    if len(bare) < 2 or not bare.isalpha():
        return None
    fits = {
        value for value, words in _meanings().get(fact, {}).items() if any(w.startswith(bare) for w in words)
    }
    return fits.pop() if len(fits) == 1 else None
