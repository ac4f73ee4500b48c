"""Owns the nouns of recognition: what was found, and the rule that finds a kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Found", "Recogniser", "Rule", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One piece of personal data or one credential in a text.

    Attributes:
        kind: Such as ``iban``; see ``KINDS``.
        start: First character, counted from 0.
        end: One after the last.
        text_hash: Tells equal values apart inside this process, under a key that is never stored: a plain
            hash of a phone number is as good as the number.
    """

    kind: str
    start: int
    end: int
    text_hash: str


class Recogniser(Protocol):
    """Finds what no pattern can, such as names with a local model."""

    def spans(self, text: str) -> Iterable[tuple[str, int, int]]:
        """Return kind, start and end of everything found."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one kind is found: a pattern in linear time, then a check.

    Attributes:
        kind: What it finds.
        pattern: Every repetition is bounded or possessive; the group ``v``, if there is one, is the value.
        check: Whether the value is one; None if the pattern says enough.
        needs: The pattern is tried only where one of these stands in the text; empty means always.
        words: The same, in small letters and in any case.
        digits: The pattern is tried only where digits stand close together.
    """

    kind: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool] | None = None
    needs: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    digits: bool = False

    def may(self, text: str, lower: str, *, numbers: bool) -> bool:
        """Whether the pattern is worth trying: most texts hold few kinds."""
        if self.digits and not numbers:
            return False
        if self.words and not any(word in lower for word in self.words):
            return False
        return not self.needs or any(word in text for word in self.needs)

    def spans(self, text: str) -> Iterable[tuple[int, int]]:
        """Return where the values stand."""
        group = "v" if "v" in self.pattern.groupindex else 0
        for match in self.pattern.finditer(text):
            if self.check is None or self.check(match[group]):
                yield match.span(group)


def after(words: str, value: str, *, ends: str = r"(?![\w-]*\d)") -> re.Pattern[str]:
    """Return the pattern of a value that is one only after certain words.

    Args:
        words: Alternatives, in any case.
        value: The pattern of the value.
        ends: What must not follow.
    """
    filler = r"(?i:(?:numbers?|numéro|nummer|num|nr|no|id|is|est|ist|on|am|le)(?![A-Za-z0-9])[^\w\n+(]{0,4})"
    return re.compile(
        rf"(?<![A-Za-z])(?i:{words})(?![A-Za-z])[^\w\n+(]{{0,4}}{filler}{{0,2}}(?P<v>{value}){ends}"
    )
