"""Owns finding a value in a text by code: recognised kinds, patterns, and that it has no rival there."""

from __future__ import annotations

import re
from functools import lru_cache

from pilothouse.kernel import DataError, UsageError

__all__ = ["KINDS", "found", "only"]

_DATE = r"\b\d{4}-\d{2}-\d{2}\b"
KINDS = {
    "amount": r"(?<![\w.,])\d{1,3}(?:,\d{3})*\.\d{2}\b(?![.,]?\d)",
    "date": _DATE,
    "email": r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
    "iban": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
    "number": r"(?<![\w.,-])-?\d+(?:\.\d+)?(?![\w]|[.,]\d)",
    "phone": r"(?<!\w)\+\d[\d ()-]{6,18}\d\b",
    "time": r"\b(?:[01]\d|2[0-3]):[0-5]\d\b",
    "url": r"https?://[^\s<>\"')\]]{1,500}",
}
"""What ``Find.kind`` may say, as linear patterns."""

_NUMBERS = {"amount", "number"}
_BETWEEN = re.compile(r"[\s:=#€$£-]*$")


def found(text: str, *, kind: str = "", pattern: str = "", after: str = "") -> list[str | int | float]:
    """Return the different values of a kind, in the order they stand.

    Raises:
        UsageError: ``agents.plan``: an unknown kind or a pattern that does not compile.
    """
    values: list[str | int | float] = []
    for match in _compiled(kind, pattern).finditer(text):
        if after and not _follows(text, match.start(), after):
            continue
        raw = match.group(1) if pattern and match.re.groups else match.group(0)
        value = _number(raw) if kind in _NUMBERS else raw.replace(" ", "") if kind == "iban" else raw
        if value not in values:
            values.append(value)
    return values


def only(values: list[str | int | float], *, what: str) -> str | int | float:
    """Return the one value there is.

    Raises:
        DataError: ``agents.nothing`` or ``agents.rival``; never repeats what the text says.
    """
    if not values:
        raise DataError(f"the text holds no {what}; nothing was called", code="agents.nothing")
    if len(values) > 1:
        raise DataError(
            f"it holds {len(values)} different values for {what} and so proves none; nothing was done",
            code="agents.rival",
        )
    return values[0]


@lru_cache(maxsize=256)
def _compiled(kind: str, pattern: str) -> re.Pattern[str]:
    if bool(kind) == bool(pattern) or (kind and kind not in KINDS):
        raise UsageError(
            f"Find needs a kind ({', '.join(sorted(KINDS))}) or a pattern, not {kind!r} and {pattern!r}",
            code="agents.plan",
        )
    try:
        return re.compile(pattern or KINDS[kind])
    except re.error as error:
        raise UsageError(f"pattern {pattern!r} does not compile: {error}", code="agents.plan") from error


def _follows(text: str, start: int, after: str) -> bool:
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return _BETWEEN.sub("", line).casefold().endswith(after.casefold())


def _number(raw: str) -> int | float:
    number = float(raw.replace(",", ""))
    return int(number) if number.is_integer() else number
