"""Owns dates as people write them; day and month that could be either way round are two readings."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import date
from typing import Literal

from pilothouse.documents.claims.language.fold import fold
from pilothouse.documents.claims.language.words import words
from pilothouse.documents.claims.types import Mention

__all__ = ["DateOrder", "dates"]

DateOrder = Literal["dmy", "mdy", ""]
_ISO = re.compile(
    r"(?<![\d.])(?P<y>(?:19|20)\d\d)[-./](?P<m>0?[1-9]|1[0-2])[-./](?P<d>3[01]|[12]\d|0?[1-9])(?![\d])"
)
_NUMBERS = re.compile(
    r"(?<![\d.,/-])(?P<a>\d{1,2})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<y>(?:19|20)\d\d|\d\d)(?![\d/-])"
)


def dates(text: str, *, order: DateOrder = "") -> Iterator[Mention]:
    """Yield the dates of a text as ISO.

    Args:
        text: Any text.
        order: How the writer writes numbers, where it is declared; without, ``03.04.2026`` is ambiguous.
    """
    for match in _ISO.finditer(text):
        yield from _one(match, [(match["y"], match["m"], match["d"])])
    for match in _NUMBERS.finditer(text):
        year, first, second = match["y"], match["a"], match["b"]
        ways = [(year, second, first), (year, first, second)]
        chosen = ways if not order else ways[:1] if order == "dmy" else ways[1:]
        yield from _one(match, chosen)
    yield from _named(text)


def _one(match: re.Match[str], ways: list[tuple[str, str, str]]) -> Iterator[Mention]:
    found = list(dict.fromkeys(iso for way in ways if (iso := _iso(*way))))
    if not found:
        return
    check: Literal["passed", "ambiguous"] = "passed" if len(found) == 1 else "ambiguous"
    yield Mention(
        kind="date",
        value=found[0],
        start=match.start(),
        end=match.end(),
        check=check,
        others=tuple(found[1:]),
    )


def _iso(year: str, month: str, day: str) -> str:
    number = int(year) + (2000 if len(year) == 2 else 0)
    try:
        return date(number, int(month), int(day)).isoformat()
    except ValueError:
        return ""


def _named(text: str) -> Iterator[Mention]:
    folded = fold(text)
    pattern, months = _month_pattern()
    for match in pattern.finditer(folded.text):
        month = months[match["m1"] or match["m2"]]
        iso = _iso(match["y1"] or match["y2"], str(month), match["d1"] or match["d2"])
        if iso:
            start, end = folded.original(match.start(), match.end())
            yield Mention(kind="date", value=iso, start=start, end=end, check="passed")


@functools.cache
def _month_pattern() -> tuple[re.Pattern[str], dict[str, int]]:
    months = {
        name: number
        for one in words().values()
        for number, pair in enumerate(one.months, start=1)
        for name in pair
    }
    names = "|".join(sorted(map(re.escape, months), key=len, reverse=True))
    day, year = r"3[01]|[12]\d|0?[1-9]", r"(?:19|20)\d\d"
    first = rf"(?P<d1>{day})(?:st|nd|rd|th|er|\.|º|o)?,?(?: (?:of|de|di))? ?(?P<m1>{names})\.?,?"
    second = rf"(?P<m2>{names})\.? (?P<d2>{day})(?:st|nd|rd|th)?,? (?P<y2>{year})"
    return re.compile(rf"(?<![\w.])(?:{first}(?: (?:de|of|di|del))? (?P<y1>{year})|{second})(?!\d)"), months
