"""Owns how a person or machine is reached: e-mail, phone, addresses of the network, dates of birth."""

from __future__ import annotations

import re

from pilothouse.labels.pii.types import Rule, after

__all__ = ["RULES"]

# Numbers without a country code are read as these countries would.
_REGIONS = ("US", "GB", "DE", "FR", "NL", "BE", "ES", "IT", "PL", "TR", "CN", "IN", "BR")
_PHONE_WORDS = (
    r"tel|telefon|telephone|téléphone|phone|fax|mobile|mob|cell|call|handy|gsm|whatsapp|téléfono|rufnummer"
)
_MONTHS = (
    r"(?i:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli|"
    r"aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?|okt(?:ober)?|nov(?:ember)?|dec(?:ember)?|dez(?:ember)?)"
)
_DATE = (
    r"(?:(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:3[01]|[12]\d|0?[1-9])"
    r"|(?:3[01]|[12]\d|0?[1-9])[-/. ]{1,2}(?:3[01]|[12]\d|0?[1-9])[-/. ]{1,2}(?:19|20)?\d\d"
    rf"|(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th|\.)?[ ]{_MONTHS}\.?,?[ ](?:19|20)\d\d"
    rf"|{_MONTHS}\.?[ ](?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?,?[ ](?:19|20)\d\d)"
)


def _is_email(text: str) -> bool:
    name, _, host = text.rpartition("@")
    return ".." not in text and not name.startswith(".") and not name.endswith(".") and ".-" not in host


def _is_phone(text: str) -> bool:
    import phonenumbers

    regions: tuple[str | None, ...] = (None,) if text.startswith(("+", "00")) else _REGIONS
    if text.startswith("00"):
        text = "+" + text[2:]
    for region in regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(text, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _is_ipv4(text: str) -> bool:
    parts = [int(part) for part in text.split(".")]
    return all(part < 256 for part in parts) and parts[0] not in (0, 127) and text != "255.255.255.255"


def _is_ipv6(text: str) -> bool:
    import ipaddress

    try:
        found = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    few = text.count(":") < 3 and max(map(len, text.split(":"))) < 4
    return not (found.is_loopback or found.is_unspecified or few)


RULES = (
    Rule(
        kind="email",
        pattern=re.compile(
            r"(?<![\w.%+-])[\w.%+-]{1,64}+@(?:[^\W_](?:[^\W_]|-){0,62}\.){1,8}[^\W\d_]{2,24}(?![\w@])"
        ),
        check=_is_email,
        needs=("@",),
    ),
    Rule(
        kind="ipv6",
        pattern=re.compile(
            r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}+(?:(?:\.\d{1,3}){3})?(?![\w:])"
        ),
        check=_is_ipv6,
        needs=(":",),
    ),
    Rule(
        kind="mac",
        pattern=re.compile(
            r"(?<![\w:-])[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})(?![\w:-])"
            r"|(?<![\w.])(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}(?![\w.])"
        ),
        check=lambda text: len(set(text)) > 2,
    ),
    Rule(
        kind="phone",
        pattern=re.compile(r"(?<![\w+'?])\+[1-9](?:[ ./()-]{0,2}\d){7,14}(?!\d)"),
        check=_is_phone,
        digits=True,
    ),
    Rule(
        kind="phone",
        pattern=re.compile(r"(?<![\w.+/-])(?:\(\d{3}\)[ ]?|\d{3}[-.])\d{3}[-.]\d{4}(?![\w-])"),
        check=_is_phone,
        digits=True,
    ),
    Rule(
        kind="phone",
        words=("tel", "tél", "phone", "fax", "mob", "cell", "call", "handy", "gsm", "whatsapp", "rufnummer"),
        pattern=after(_PHONE_WORDS, r"[(+]?\d(?:[ ./()-]{0,2}\d){6,14}"),
        check=_is_phone,
        digits=True,
    ),
    Rule(
        kind="birth_date",
        words=("born", "birth", "d.o.b", "dob", "geb", "né", "naissance", "nacimiento", "nato il", "nata il"),
        pattern=after(
            r"born|birth[ _-]?(?:date|day)|date[ _-]of[ _-]birth|d\.?o\.?b\.?|geboren|geburtsdatum|née?[ ]le|"
            r"date[ _-]de[ _-]naissance|fecha[ _-]de[ _-]nacimiento|nat[oa][ ]il",
            _DATE,
        ),
    ),
    Rule(
        kind="ipv4",
        pattern=re.compile(r"(?<![\w.])(?<!version )(?<!release )(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\w)"),
        check=_is_ipv4,
        needs=(".",),
    ),
)
