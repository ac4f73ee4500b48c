"""Owns hazards in cargo descriptions: names of dangerous goods in any language, tuned to find."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources

from pilothouse_port.reading.tasks import LANGUAGES, lexicon

__all__ = ["Hazard", "folded", "hazard_in", "strange_words"]

_NUMBERED = re.compile(r"\b(?:un|onu)\s?-?\s?(?:no\.?|nr\.?)?\s?\d{4}\b")
NEAR = 14
"""Signs between a word that disarms (``filter``, ``without battery``) and the word it disarms."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """A hazard as it stands in the description."""

    start: int
    end: int
    quote: str
    meaning: str


@functools.lru_cache(maxsize=8192)
def _sign(sign: str) -> str:
    plain = unicodedata.normalize("NFKD", sign)[0].casefold()
    return {"ß": "s", "ł": "l", "ø": "o", "đ": "d", "’": "'", "-": " ", "‑": " ", "–": " "}.get(plain, plain)[
        :1
    ]


def folded(text: str) -> str:
    """Return the text without case and accents, sign by sign, so that places stay."""
    return "".join(map(_sign, text))


def hazard_in(text: str) -> Hazard | None:
    """Return the first hazard that the description names, or nothing."""
    bare = folded(text)
    found = _NUMBERED.search(bare)
    if found is not None:
        return Hazard(found.start(), found.end(), text[found.start() : found.end()], "number")
    disarmed = [match.span() for match in _safe().finditer(bare)]
    for meaning, pattern in (*_hazards(), ("shipping name", _names())):
        for match in pattern.finditer(bare):
            start, end = match.span()
            if _without(bare, start, end):
                continue
            if not any(
                start < b + NEAR and a - 2 < end and _beside(bare, (a, b), (start, end)) for a, b in disarmed
            ):
                return Hazard(start, end, text[start:end], meaning)
    return None


def _beside(bare: str, safe: tuple[int, int], hazard: tuple[int, int]) -> bool:
    """Whether the disarming words hold the hazard word or stand right beside it."""
    if safe[0] < hazard[1] and hazard[0] < safe[1]:
        return True
    between = bare[safe[1] : hazard[0]] if safe[1] <= hazard[0] else bare[hazard[1] : safe[0]]
    return between.count(" ") <= 2 and len(between) <= 10 and not re.search(r"[,;/+&]", between)


_WITHOUT = re.compile(
    r"(?:\b(?:without|no|non|not|ohne|kein\w*|zonder|geen|sans|sin|senza|sem|bez|excl\w*"
    r"|exclud\w*|except|free of)"
    r"\W+"
    r"(?:\w+\W+)?)$"
)
_FREE = re.compile(r"^[\W_]?(?:free|frei\w*|vrij\w*|libre\w*|wolny\w*)\b")


def _without(bare: str, start: int, end: int) -> bool:
    """Whether the description says that the hazard is not there: ``no paint``, ``acid-free``."""
    return bool(_WITHOUT.search(bare[max(0, start - 30) : start]) or _FREE.search(bare[end : end + 8]))


def strange_words(text: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """Return the words of a description that nobody has met in harmless cargo.

    Args:
        text: The description.
        known: Words of the port's own past: cargo that went without a hazard; folded.
    """
    bare = _said_not_there(folded(text))
    found = [match[0] for match in _WORD.finditer(bare)]
    return tuple(
        word for word in dict.fromkeys(found) if len(word) > 2 and word not in known and not _met(word)
    )


def _said_not_there(bare: str) -> str:
    """Take out hazards that the description says are not there, and the words that disarm one."""
    spans = [match.span() for match in _safe().finditer(bare)]
    spans += [
        m.span() for _, pattern in _hazards() for m in pattern.finditer(bare) if _without(bare, *m.span())
    ]
    for start, end in spans:
        bare = f"{bare[:start]}{' ' * (end - start)}{bare[end:]}"
    return bare


@functools.lru_cache(maxsize=16384)
def _met(word: str) -> bool:
    """Whether a word, or each half of a compound, is one of everyday cargo."""
    if word in _english() or _everyday().fullmatch(word):
        return True
    for at in range(3, len(word) - 2):
        head, tail = word[:at], word[at:]
        if (head in _english() or _everyday().fullmatch(head)) and (
            tail in _english() or _everyday().fullmatch(tail)
        ):
            return True
    return False


_WORD = re.compile(r"[^\W\d_]+")


@functools.cache
def _english() -> frozenset[str]:
    path = resources.files("pilothouse_port.reading") / "lexicons" / "cargo_words.txt"
    return frozenset(line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != "#")


@functools.cache
def _everyday() -> re.Pattern[str]:
    path = resources.files("pilothouse_port.reading") / "lexicons" / "cargo.toml"
    listed: dict[str, str] = tomllib.loads(path.read_text(encoding="utf-8"))["words"]
    safe = [lexicon(language)["goods"]["safe"] for language in LANGUAGES]
    parts: set[str] = set()
    for raw in ", ".join((*listed.values(), *safe)).split(","):
        for word in folded(raw).split():
            stem = word.strip("*")
            more = "" if not word.endswith("*") else r"\w*" if len(stem) >= 5 else r"\w{0,3}"
            parts.add(re.escape(stem) + more)
    return re.compile("|".join(sorted(parts, key=len, reverse=True)))


def _any_of(listed: str) -> re.Pattern[str]:
    parts: list[str] = []
    for raw in listed.split(","):
        term = folded(raw).strip()
        if not term:
            continue
        body = (
            re.escape(term)
            .replace(r"\ \.\.\ ", r"\W+(?:\w+\W+){0,4}")
            .replace(r"\*", r"\w*")
            .replace(r"\ ", r"\W+")
        )
        parts.append(body)
    return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(parts, key=len, reverse=True))})(?!\w)")


@functools.cache
def _hazards() -> tuple[tuple[str, re.Pattern[str]], ...]:
    path = resources.files("pilothouse_port.reading") / "lexicons" / "hazards.toml"
    listed: dict[str, str] = tomllib.loads(path.read_text(encoding="utf-8"))["hazard"]
    return tuple((meaning, _any_of(words)) for meaning, words in listed.items())


@functools.cache
def _safe() -> re.Pattern[str]:
    return _any_of(", ".join(lexicon(language)["goods"]["safe"] for language in LANGUAGES))


@functools.cache
def _names() -> re.Pattern[str]:
    path = resources.files("pilothouse_port.reading") / "lexicons" / "proper_names.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    return _any_of(
        ", ".join(line.replace(",", " ") for line in lines if line.strip() and not line.startswith("#"))
    )
