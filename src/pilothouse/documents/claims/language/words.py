"""Owns the common words of each language: read once from the packaged file, folded."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from pilothouse.documents.claims.language.fold import folded_word

__all__ = ["LANGUAGES", "Words", "words"]

LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pl", "pt")
"""Languages whose common words are packaged: others are read by patterns only, and the reading says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Common words of one language, folded.

    Attributes:
        before: A negation reaches so many words ahead of it.
        after: And so many behind it: ``nicht`` stands behind its verb.
    """

    language: str
    stop: frozenset[str]
    negators: tuple[str, ...]
    before: int
    after: int
    conditions: tuple[str, ...]
    contrast: tuple[str, ...]
    greetings: tuple[str, ...]
    closings: tuple[str, ...]
    said: tuple[str, ...]
    fields: tuple[str, ...]
    abbreviations: frozenset[str]
    months: tuple[tuple[str, ...], ...]


@functools.cache
def words() -> dict[str, Words]:
    """Return the words by language."""
    path = resources.files("pilothouse.documents.claims.language") / "words.toml"
    loaded = tomllib.loads(path.read_text(encoding="utf-8"))
    return {language: _words(language, entry) for language, entry in loaded.items()}


def _words(language: str, entry: dict[str, Any]) -> Words:
    def folded(name: str) -> tuple[str, ...]:
        return tuple(folded_word(one) for one in entry[name])

    months = zip(entry["months"].split(), entry["short"].split(), strict=True)
    return Words(
        language=language,
        stop=frozenset(folded_word(one) for one in entry["stop"].split()),
        negators=folded("negators"),
        before=entry["before"],
        after=entry["after"],
        conditions=folded("conditions"),
        contrast=folded("contrast"),
        greetings=folded("greetings"),
        closings=folded("closings"),
        said=folded("said"),
        fields=folded("fields"),
        abbreviations=frozenset(one.casefold() for one in entry["abbreviations"]),
        months=tuple((long, short) for long, short in months),
    )
