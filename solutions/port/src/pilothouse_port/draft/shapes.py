"""Owns recognising what a column holds by its values alone, whatever it is called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from stdnum import iso6346

from pilothouse_port.bindings.values import moment_of, to_decimal

__all__ = ["Shape", "box_pattern", "is_box", "shape_of"]

Shape = str
"""One of ``empty box moment day decimal whole flag code mail country currency name text id``."""

_BOX = re.compile(r"([A-Z]{3}[UJZ])[\s\-./]*(\d{6})[\s\-./]*(\d)")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_FLAGS: Final = frozenset(
    [
        "y",
        "n",
        "yes",
        "no",
        "j",
        "nein",
        "ja",
        "non",
        "oui",
        "si",
        "s",
        "true",
        "false",
        "t",
        "f",
        "0",
        "1",
        "x",
        "-",
    ]
)
_CURRENCIES: Final = frozenset(
    ["EUR", "USD", "GBP", "CHF", "PLN", "SEK", "DKK", "NOK", "JPY", "CNY", "CZK", "HUF"]
)
_LEGAL = re.compile(
    r"\b(gmbh|ag|kg|ltd|llc|inc|bv|b\.v|nv|n\.v|s\.?a\.?s?|s\.?r\.?l|s\.?p\.?a|sarl|oy|ab|sp\. ?z|lda)\b",
    re.IGNORECASE,
)


def is_box(value: str) -> bool:
    """Whether a text is an ISO 6346 container number, however spaced."""
    return _BOX.fullmatch(value.strip().upper()) is not None


def _checks(value: str) -> bool:
    """Whether the check digit fits: of B/L numbers that look like a box's one in ten does."""
    return iso6346.is_valid(re.sub(r"[^A-Z0-9]", "", value.upper()))


def box_pattern(values: Sequence[str]) -> str:
    """Return how a column writes boxes, as the pattern of ``iso_box:``; empty when plain or mixed."""
    shapes = Counter(re.sub(r"\d", "9", re.sub(r"[A-Za-z]", "A", value.strip())) for value in values)
    (shape, count), *_ = shapes.most_common(1)
    plain = shape == "AAAA9999999"
    return "" if plain or count < len(values) else shape


def _is_moment(value: str) -> bool:
    try:
        moment_of(value, zone="UTC")
    except Exception:
        return bool(re.fullmatch(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}( \d{1,2}:\d{2}(:\d{2})?)?", value))
    return bool(re.search(r"\d{4}", value)) and not re.fullmatch(r"\d{1,7}|\d{9,11}", value)


def _is_decimal(value: str) -> bool:
    if not re.fullmatch(r"[(\-]?[\d.,' ]+[)\-]?", value) or not re.search(r"[.,]", value):
        return False
    try:
        to_decimal(value, "," if value.rfind(",") > value.rfind(".") else ".")
    except Exception:
        return False
    return True


def _share(values: Sequence[str], test: Callable[[str], object]) -> float:
    return sum(bool(test(value)) for value in values) / len(values)


def shape_of(values: Sequence[str]) -> Shape:
    """Return the shape of a column from its non-empty values."""
    filled = [value.strip() for value in values if value.strip()]
    if not filled:
        return "empty"
    if _share(filled, is_box) > 0.8 and _share(filled, _checks) > 0.4:
        return "box"
    if _share(filled, _MAIL.fullmatch) > 0.8:
        return "mail"
    if _share(filled, _is_moment) > 0.95:
        clock = _share(filled, lambda v: re.search(r"\d{1,2}:\d{2}|T\d{4}|^\d{12,14}$", v))
        return "moment" if clock > 0.5 else "day"
    if _share(filled, _is_decimal) > 0.9:
        return "decimal"
    return _worded(filled)


def _worded(filled: Sequence[str]) -> Shape:
    distinct = set(filled)
    folded = {value.casefold() for value in distinct}
    if folded <= _FLAGS and len(folded) <= 3:
        return "flag"
    if distinct <= _CURRENCIES:
        return "currency"
    words = sum(len(value.split()) for value in filled) / len(filled)
    if len(distinct) <= max(12, len(filled) // 20) and len(filled) > 3 * len(distinct) and words < 4:
        return "code"
    if _share(filled, lambda v: re.fullmatch(r"-?\d+", v)) > 0.95:
        return "whole"
    if _share(filled, _LEGAL.search) > 0.4:
        return "name"
    return "text" if words >= 2.5 else "id"
