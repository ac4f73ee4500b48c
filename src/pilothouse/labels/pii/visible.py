"""Owns the references of the trade that stay visible: containers, ships, bills of lading."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["visible"]

_CONTAINER = re.compile(r"(?<![A-Za-z0-9])([A-Z]{3}[UJZ])[ -]?(\d{6})[ -]?(\d)(?![A-Za-z0-9])")
# A carrier's letters, then mostly digits: also what states and banks never start with four letters.
_BILL = re.compile(
    r"(?<![A-Za-z0-9@._+-])[A-Z]{4}[A-Z]{0,4}\d{6,12}[A-Z]{0,2}(?![A-Za-z0-9@]|[._+-][A-Za-z0-9]{0,60}+@)"
)
_SHIP = re.compile(r"(?<![A-Za-z])(?:IMO|MMSI)[ :]{0,2}\d{7,9}(?!\w)")


def _is_container(owner: str, serial: str, check: str) -> bool:
    """The check digit of ISO 6346."""
    total = sum(_letter(sign) << i for i, sign in enumerate(owner))
    total += sum(int(sign) << (i + 4) for i, sign in enumerate(serial))
    return total % 11 % 10 == int(check)


def _letter(sign: str) -> int:
    """A is 10; multiples of 11 are left out."""
    value = ord(sign) - 55
    return value + (value > 10) + (value > 20) + (value > 30)


def visible(text: str) -> Iterator[tuple[int, int]]:
    """Return where references stand that nobody hides."""
    for match in _CONTAINER.finditer(text):
        if _is_container(*match.groups()):
            yield match.span()
    for pattern in (_BILL, _SHIP):
        for match in pattern.finditer(text):
            yield match.span()
