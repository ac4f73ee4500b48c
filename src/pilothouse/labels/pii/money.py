"""Owns bank accounts, cards and tax numbers of firms and people."""

from __future__ import annotations

import re

from pilothouse.labels.pii.types import Rule, after

__all__ = ["RULES"]

_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
    r"|(?:6011|64[4-9]\d|65\d\d|62\d\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12}|5[06-9]\d{14}"
)


def _is_iban(text: str) -> bool:
    from stdnum import iban

    return text[2:4] not in ("00", "01", "99") and iban.is_valid(text, check_country=False)


def _is_card(text: str) -> bool:
    from stdnum import luhn

    digits = text.replace(" ", "").replace("-", "")
    return _CARDS.fullmatch(digits) is not None and len(set(digits)) > 1 and luhn.is_valid(digits)


def _is_vat(text: str) -> bool:
    from stdnum.eu import vat
    from stdnum.gb import vat as british

    text = text.replace(" ", "").replace(".", "").replace("-", "")
    return british.is_valid(text) if text.startswith("GB") else vat.is_valid(text)


def _is_bitcoin(text: str) -> bool:
    from stdnum import bitcoin

    return bitcoin.is_valid(text)


RULES = (
    Rule(
        kind="iban",
        pattern=re.compile(
            r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)(?!\w)"
        ),
        check=_is_iban,
        digits=True,
    ),
    Rule(
        kind="card",
        pattern=re.compile(
            r"(?<![\w.+-])"
            r"(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-])"
        ),
        check=_is_card,
        digits=True,
    ),
    Rule(
        kind="vat",
        pattern=re.compile(
            r"(?<![A-Za-z0-9])(?:AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|GB|GR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)"
            r"[ ]?[0-9A-Z](?:[.-]?[0-9A-Z+*]){6,12}(?!\w)"
        ),
        check=_is_vat,
        digits=True,
    ),
    Rule(
        kind="bitcoin",
        pattern=re.compile(r"(?<!\w)(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[02-9ac-hj-np-z]{8,87})(?!\w)"),
        check=_is_bitcoin,
        needs=("1", "3"),
    ),
    Rule(
        kind="bank_account",
        words=("account", "acct", "konto", "routing", "sort"),
        pattern=after(
            r"account|acct|konto(?:nummer)?|routing|sort[ _-]?code",
            r"\d{2}-\d{2}-\d{2}(?:[ ,/]{1,3}\d{8})?|\d{8,12}",
        ),
        digits=True,
    ),
)
