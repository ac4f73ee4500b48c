"""Owns how a system names things: concepts become identifiers by language and style, values become codes.

Every name is dealt from the world's seed; no identifier occurs outside the made world.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Sequence
from importlib import resources
from random import Random
from typing import Any, Final, Literal, TypeAlias

from pilothouse_port.world.canon.parties import fold

__all__ = ["LANGUAGES", "STYLES", "CodeStyle", "Names", "Style", "code_word", "deal_codes", "system_name"]

Style: TypeAlias = Literal["snake", "camel", "pascal", "upper", "kebab", "title", "erp", "prefix", "vowels"]
CodeStyle: TypeAlias = Literal["words", "short", "numbers", "letters"]
STYLES: Final[tuple[Style, ...]] = (
    "snake",
    "camel",
    "pascal",
    "upper",
    "kebab",
    "title",
    "erp",
    "prefix",
    "vowels",
)
LANGUAGES: Final = ("en", "de", "nl", "fr", "es")


@functools.cache
def _terms() -> dict[str, Any]:
    path = resources.files("pilothouse_port.world") / "data" / "terms.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def system_name(rng: Random, role: str, language: str) -> str:
    """Return a name for the system of ``role`` as its owner calls it."""
    return str(rng.choice(_terms()["systems"][role][1 + LANGUAGES.index(language)]))


class Names:
    """Names the things of one system in one language and style; a concept keeps the synonym it got first.

    Args:
        rng: The system's stream.
        language: One of :data:`LANGUAGES`.
        style: One of :data:`STYLES`.
    """

    def __init__(self, rng: Random, *, language: str, style: Style) -> None:
        self._rng = rng
        self._at = LANGUAGES.index(language)
        self.language = language
        self.style: Style = style
        self._chosen: dict[str, str] = {}
        self._module = "".join(rng.choice("bcdfgkmprstv") for _ in range(2))

    def words(self, phrase: str) -> str:
        """Return ``phrase`` (concepts with blanks) in the system's language, for notes and titles."""
        return " ".join(self._word(concept) for concept in phrase.split(" "))

    def name(self, phrase: str, taken: Sequence[str] = ()) -> str:
        """Return the identifier of ``phrase``, other than those in ``taken`` whatever their case."""
        found = self._styled(self.words(phrase))
        used = {name.lower() for name in taken}
        stem, n = found, 1
        while found.lower() in used:
            n += 1
            found = f"{stem[:5]}{n}" if self.style == "erp" else f"{stem}{n}"
        return found

    def _word(self, concept: str) -> str:
        if concept not in self._chosen:
            self._chosen[concept] = self._rng.choice(_terms()["words"][concept][self._at].split("|"))
        return self._chosen[concept]

    def _styled(self, words: str) -> str:
        if self.style == "title":
            return " ".join(
                w if w.isupper() else w[:1].upper() + w[1:] for w in words.replace("'", " ").split()
            )
        parts = [part for part in fold(words.replace("'", " ").replace("-", " ")).split() if part]
        return _IN_STYLE[self.style](parts, self._module)


def _six_letters(parts: list[str]) -> str:
    if len(parts) == 1:
        return parts[0][:6].upper()
    if len(parts) == 2:
        return (parts[0][:3] + parts[1][:3]).upper()
    return (parts[0][:2] + parts[1][:2] + parts[-1][:2]).upper()


_IN_STYLE: Final[dict[Style, Callable[[list[str], str], str]]] = {
    "snake": lambda parts, _: "_".join(parts).lower(),
    "camel": lambda parts, _: parts[0].lower() + "".join(p.capitalize() for p in parts[1:]),
    "pascal": lambda parts, _: "".join(p.capitalize() for p in parts),
    "upper": lambda parts, _: "_".join(parts).upper(),
    "kebab": lambda parts, _: "-".join(parts).lower(),
    "erp": lambda parts, _: _six_letters(parts),
    "prefix": lambda parts, module: f"{module}_{'_'.join(p[:5] for p in parts)}".lower(),
    "vowels": lambda parts, _: "_".join(map(_without_vowels, parts)).lower(),
}


def _without_vowels(word: str) -> str:
    return word[0] + "".join(c for c in word[1:] if c not in "aeiouAEIOU")


def deal_codes(rng: Random, values: Sequence[str], *, language: str, style: CodeStyle) -> dict[str, str]:
    """Return canonical value -> the system's code word, each once."""
    at = LANGUAGES.index(language)
    codes: dict[str, str] = {}
    numbers = rng.sample(range(10, 99), len(values))
    letters = rng.sample("ABCDEFGHKLMNPRSTUVWXYZ", len(values))
    for n, value in enumerate(values):
        word = _terms()["codes"][value][at]
        short = "".join(c for c in fold(word).upper() if c.isalnum())
        code = {
            "words": fold(word).lower().replace(" ", "_"),
            "short": short[:3],
            "numbers": str(numbers[n]),
            "letters": letters[n],
        }[style]
        while code in codes.values():
            code = short[: len(code) + 1] if len(short) > len(code) else f"{code}{n}"
        codes[value] = code
    return codes


def code_word(value: str, language: str) -> str:
    """Return what the code value is called in a language."""
    return str(_terms()["codes"][value][LANGUAGES.index(language)])
