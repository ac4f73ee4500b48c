"""Owns folding: text without case, accents and odd blanks, with the way back to the characters."""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass

__all__ = ["Folded", "fold", "folded_word"]

_BLANKS = frozenset("-‐‑‒–—_/\\·•|\t\n\r\x0b\x0c\u00a0\u2007\u2009\u200a\u202f\u3000")
_DROPPED = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")
_QUOTES = str.maketrans("’‘´`ʼ", "'''''")


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text; ``at[i]`` is where character ``i`` stands in the original, one more entry for the end.

    Attributes:
        text: Lower case, NFKD without marks, every blank and hyphen one space, zero-width signs dropped.
    """

    text: str
    at: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the original characters of a folded stretch."""
        return self.at[start], self.at[end - 1] + 1


@functools.lru_cache(maxsize=8192)
def _fold_sign(sign: str) -> str:
    if sign in _DROPPED:
        return ""
    if sign in _BLANKS:
        return " "
    plain = unicodedata.normalize("NFKD", sign.translate(_QUOTES))
    kept = "".join(one for one in plain if not unicodedata.combining(one))
    return kept.casefold().replace("ł", "l").replace("ø", "o").replace("đ", "d")


def fold(text: str) -> Folded:
    """Return the text folded; runs of blanks become one."""
    out: list[str] = []
    at: list[int] = []
    blank = False
    for index, sign in enumerate(text):
        for one in _fold_sign(sign):
            if one == " " and blank:
                continue
            blank = one == " "
            out.append(one)
            at.append(index)
    at.append(len(text))
    return Folded("".join(out), tuple(at))


def folded_word(text: str) -> str:
    """Return a term folded as texts are, without blanks around it."""
    return fold(text).text.strip()
