"""Owns telling languages apart: by common words and telling letters, silent when it cannot know."""

from __future__ import annotations

import functools
import re

from pilothouse.documents.claims.language.fold import fold
from pilothouse.documents.claims.language.words import words

__all__ = ["detect"]

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_LETTERS = {
    "ß": "de", "ä": "de", "ö": "de", "ü": "de", "ñ": "es", "¿": "es", "¡": "es", "ã": "pt", "õ": "pt",
    "ą": "pl", "ę": "pl", "ł": "pl", "ś": "pl", "ż": "pl", "ź": "pl", "ć": "pl", "ń": "pl",
    "œ": "fr", "ê": "fr", "û": "fr", "ì": "it", "ò": "it",
}  # fmt: skip
_ENDINGS = (
    ("en", ("ing", "tion", "ght", "ould", "ment")),
    ("de", ("ung", "keit", "lich", "isch", "cht", "ieren")),
    ("fr", ("eux", "ement", "ait", "aux", "eurs", "ez")),
    ("es", ("cion", "dad", "ado", "amos", "ando", "emos")),
    ("it", ("zione", "iamo", "mente", "ato", "ggio", "tto")),
    ("nl", ("ijk", "aan", "heid", "ijn", "oor", "eren")),
    ("pt", ("cao", "coes", "mento", "dade", "amos", "eiro")),
    ("pl", ("nie", "ego", "owy", "ych", "ymi", "acja")),
)


def detect(text: str, *, among: frozenset[str] | None = None) -> str:
    """Return the language of the text (ISO 639-1), or nothing where the signs do not suffice.

    Args:
        text: A sentence or a whole text.
        among: Only these languages.
    """
    scores = _scores(text)
    ranked = sorted(
        ((score, language) for language, score in scores.items() if among is None or language in among),
        reverse=True,
    )
    if not ranked or ranked[0][0] < 1.5:
        return ""
    second = ranked[1][0] if len(ranked) > 1 else 0.0
    return ranked[0][1] if ranked[0][0] >= second * 1.15 + 0.4 else ""


@functools.lru_cache(maxsize=4096)
def _scores(text: str) -> dict[str, float]:
    scores = dict.fromkeys(words(), 0.0)
    found = _WORD.findall(fold(text[:4000]).text)
    weights = _weights()
    for word in found:
        for language, weight in weights.get(word, ()):
            scores[language] += weight
        if len(word) < 5:
            continue
        for language, endings in _ENDINGS:
            if word.endswith(endings):
                scores[language] += 0.35
    for sign in text[:4000]:
        language = _LETTERS.get(sign.lower())
        if language:
            scores[language] += 0.6
    return scores


@functools.cache
def _weights() -> dict[str, tuple[tuple[str, float], ...]]:
    """A word of one language tells more than a word of four."""
    owners: dict[str, list[str]] = {}
    for language, one in words().items():
        extra = {w for phrase in (*one.greetings, *one.closings) for w in phrase.split() if len(w) > 3}
        for word in one.stop | extra:
            owners.setdefault(word, []).append(language)
    return {word: tuple((one, 1.0 / len(spoken)) for one in spoken) for word, spoken in owners.items()}
