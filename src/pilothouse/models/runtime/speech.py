"""Owns the nouns of heard speech: words with seconds, and which of them a person has to confirm."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["HeardWord", "Transcript", "needs_confirmation"]

_NUMBERS_OF = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred "
    "thousand million half double triple point minus plus first second third",
    "fr": "un une deux trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize vingt "
    "trente quarante cinquante soixante cent mille virgule moins",
    "es": "uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince veinte "
    "treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento mil coma menos cero",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreissig dreißig "
    "vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend komma",
}
_NUMBERS = frozenset(word for words in _NUMBERS_OF.values() for word in words.split())
_PARTS = re.compile(r"[^\W_]+")
_CAPITALS = re.compile(r"[A-Z]{2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardWord:
    """One word as it was heard.

    Attributes:
        start: Seconds from the beginning of the recording.
        end: Seconds from the beginning.
        confidence: The recogniser's own, 0 to 1; not calibrated.
        confirm: A number, a part of an identifier, or said where little was understood: wrong too often to
            build on, so it is read back and confirmed by a person first.
    """

    text: str
    start: float
    end: float
    confidence: float
    confirm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was said.

    Attributes:
        language: Assumed or detected, ISO 639-1.
        measured: Whether the recogniser was measured on that language.
        seconds: Length of the recording.
        speech_seconds: How much of it held a voice.
    """

    words: tuple[HeardWord, ...]
    language: str
    measured: bool
    seconds: float
    speech_seconds: float

    @property
    def text(self) -> str:
        """The words with spaces between them."""
        return " ".join(word.text for word in self.words)

    @property
    def to_confirm(self) -> tuple[HeardWord, ...]:
        """The words that nothing may be built on before a person confirmed them."""
        return tuple(word for word in self.words if word.confirm)


def needs_confirmation(word: str) -> bool:
    """Whether a word is a number, a letter that was spelled, or a part of an identifier.

    Numbers in words are known in English, French, Spanish and German; digits and capitals in any language.
    """
    if any(letter.isdigit() for letter in word) or _CAPITALS.search(word):
        return True
    parts = _PARTS.findall(word)
    if any(len(part) == 1 and part.isupper() and part not in {"I", "A"} for part in parts):
        return True
    return any(part.casefold() in _NUMBERS for part in parts)
