"""Owns amounts of money by locale: ``1.200,50`` and ``1,200.50``; what could be either is two readings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from pilothouse.documents.claims.types import Mention

__all__ = ["Decimals", "amounts"]

Decimals = Literal["comma", "point", ""]
_CODES = "EUR|USD|GBP|CHF|PLN|SEK|NOK|DKK|CZK|HUF|RON|TRY|JPY|CNY|RMB|INR|BRL|AUD|CAD|SGD|HKD|AED|ZAR|MXN"
_SIGNS = {
    "€": "EUR", "$": "USD", "US$": "USD", "£": "GBP", "¥": "JPY", "zł": "PLN", "zl": "PLN", "euro": "EUR",
    "euros": "EUR", "eur": "EUR", "usd": "USD", "dollars": "USD", "dollar": "USD", "rmb": "CNY",
}  # fmt: skip
_MONEY = rf"(?:{_CODES}|US\$|[€$£¥]|zł|[Ee]uros?|[Dd]ollars?)"
_NUMBER = r"\d{1,3}(?:[.,'’ \u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,3})?"
_AMOUNT = re.compile(
    rf"(?<![\w.,])(?:(?P<c1>{_MONEY})\.?[ \u00a0]?(?P<n1>{_NUMBER})(?:,-|,--|\.-)?(?![\d])"
    rf"|(?P<n2>{_NUMBER})(?:,-|,--|\.-)?[ \u00a0]?(?P<c2>{_MONEY})(?![\w]))"
)


def amounts(text: str, *, decimals: Decimals = "") -> Iterator[Mention]:
    """Yield amounts that name their currency, as ``EUR 1200.50``.

    Args:
        text: Any text.
        decimals: The writer's decimal sign where it is declared; without, ``1.200`` is ambiguous.
    """
    for match in _AMOUNT.finditer(text):
        number, sign = match["n1"] or match["n2"], match["c1"] or match["c2"]
        currency = _SIGNS.get(sign) or _SIGNS.get(sign.lower()) or sign.upper()
        readings = _readings(number, decimals)
        if not readings:
            continue
        values = tuple(dict.fromkeys(f"{currency} {one}" for one in readings))
        check: Literal["passed", "ambiguous"] = "passed" if len(values) == 1 else "ambiguous"
        yield Mention(
            kind="amount",
            value=values[0],
            start=match.start(),
            end=match.end(),
            check=check,
            others=values[1:],
        )


def _readings(number: str, decimals: Decimals) -> list[Decimal]:
    plain = re.sub(r"['’ \u00a0\u202f]", "", number)
    signs = [sign for sign in plain if sign in ".,"]
    if not signs:
        return [Decimal(plain)]
    if len(set(signs)) == 2:
        return [_value(plain, signs[-1])]
    if len(signs) > 1:
        return [Decimal(re.sub(r"[.,]", "", plain))]
    behind = len(plain) - plain.index(signs[0]) - 1
    if behind != 3:
        return [_value(plain, signs[0])]
    if decimals:
        return [_value(plain, "," if decimals == "comma" else ".")]
    # Three digits behind one sign: thousands nearly always, but nobody can know.
    return [Decimal(re.sub(r"[.,]", "", plain)), _value(plain, signs[0])]


def _value(plain: str, sign: str) -> Decimal:
    other = "." if sign == "," else ","
    return Decimal(plain.replace(other, "").replace(sign, "."))
