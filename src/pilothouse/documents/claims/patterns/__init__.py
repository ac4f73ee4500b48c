"""Patterns own values with a form: found by expression, believed by check digit, doubted where undecided."""

from __future__ import annotations

from dataclasses import dataclass

from pilothouse.documents.claims.patterns.addresses import addresses
from pilothouse.documents.claims.patterns.amounts import Decimals, amounts
from pilothouse.documents.claims.patterns.moments import DateOrder, dates
from pilothouse.documents.claims.patterns.numbers import CodePattern, codes, containers, ibans, un_numbers
from pilothouse.documents.claims.types import Mention

__all__ = ["KINDS", "CodePattern", "DateOrder", "Decimals", "Locale", "mentions"]

KINDS = ("amount", "container", "date", "domain", "email", "iban", "un_number")
"""Kinds that are always looked for; a task adds its own codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locale:
    """How a writer writes dates and numbers, where that is declared."""

    order: DateOrder = ""
    decimals: Decimals = ""


def mentions(
    text: str, *, patterns: tuple[CodePattern, ...] = (), locale: Locale | None = None
) -> tuple[Mention, ...]:
    """Return every value with a form, in order; offsets are code points.

    Args:
        text: Any text.
        patterns: Codes of a task's own.
        locale: Declared by the document or the source, never guessed from the text.
    """
    place = locale or Locale()
    found = [
        *codes(text, patterns),
        *containers(text),
        *un_numbers(text),
        *dates(text, order=place.order),
        *amounts(text, decimals=place.decimals),
    ]
    if any(sign.isdigit() for sign in text):
        found += ibans(text)
    if "." in text:
        found += addresses(text)
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (one.start, -one.end, one.kind)))
