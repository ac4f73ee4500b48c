"""Owns the raw material of an invented port: places, firm names, goods, ISO 6346 box numbers.

Names and goods lie in ``data/stock.toml``; no firm is real.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib import resources
from random import Random
from typing import Any, Final

from pilothouse_port.world.canon.types import Port

__all__ = [
    "BOX_TYPES",
    "BRANCHES",
    "CITIES",
    "DANGEROUS_GOODS",
    "FIRST",
    "GOODS",
    "HAULIERS",
    "LEGAL_FORMS",
    "OWNERS",
    "PORTS",
    "SHIPPERS",
    "VESSELS",
    "BoxNumbers",
    "check_digit",
    "mistyped",
]

_BOOK: Final[dict[str, Any]] = tomllib.loads(
    (resources.files("pilothouse_port.world") / "data" / "stock.toml").read_text(encoding="utf-8")
)

PORTS: Final = (
    Port(name="Port of Saltmere", language="en", timezone="Europe/London", currency="GBP", country="GB"),
    Port(name="Haven Oosterdiep", language="nl", timezone="Europe/Amsterdam", currency="EUR", country="NL"),
    Port(name="Seehafen Grauwerder", language="de", timezone="Europe/Berlin", currency="EUR", country="DE"),
    Port(name="Port de Roquebrune", language="fr", timezone="Europe/Paris", currency="EUR", country="FR"),
    Port(name="Puerto de Almarena", language="es", timezone="Europe/Madrid", currency="EUR", country="ES"),
    Port(name="Haven Schorrekaai", language="nl", timezone="Europe/Brussels", currency="EUR", country="BE"),
    Port(name="Hafen Morkenfleet", language="de", timezone="Europe/Berlin", currency="EUR", country="DE"),
)

FIRST: Final[list[str]] = _BOOK["names"]["first"]
BRANCHES: Final[dict[str, list[str]]] = _BOOK["branches"]
LEGAL_FORMS: Final[dict[str, list[str]]] = _BOOK["legal_forms"]
CITIES: Final[dict[str, list[str]]] = _BOOK["cities"]
SHIPPERS: Final[list[str]] = _BOOK["names"]["shippers"]
HAULIERS: Final[list[str]] = _BOOK["names"]["hauliers"]
VESSELS: Final[list[str]] = _BOOK["names"]["vessels"]

OWNERS: Final = ("PHVU", "KRDU", "SLWU", "OSTU", "GRMU", "VLNU", "QMRU", "TBSU")

# ISO 6346 size-type, length, kind, tare kg, weight in the deal
BOX_TYPES: Final = (
    ("22G1", 20, "dry", 2230, 34),
    ("42G1", 40, "dry", 3750, 18),
    ("45G1", 40, "dry", 3900, 22),
    ("L5G1", 45, "dry", 4800, 6),
    ("45R1", 40, "reefer", 4600, 12),
    ("22T1", 20, "tank", 3650, 4),
    ("22U1", 20, "open", 2360, 4),
)

# HS code, then what the paper says by language
GOODS: Final[list[tuple[str, list[str]]]] = list(_BOOK["goods"].items())
# UN number, class, packing group, HS code, names by language
DANGEROUS_GOODS: Final[list[tuple[str, str, str, str, list[str]]]] = [
    (one["un"], one["class"], one["group"], one["hs"], one["names"]) for one in _BOOK["dangerous"]
]

# letters count 10..38 without the multiples of 11
_VALUES: Final = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", [n for n in range(10, 39) if n % 11], strict=True))


def check_digit(ten: str) -> str:
    """Return the check digit of the first ten characters of a container number."""
    total = sum((_VALUES[c] if c.isalpha() else int(c)) * 2**i for i, c in enumerate(ten))
    return str(total % 11 % 10)


def mistyped(rng: Random, number: str) -> str:
    """Return ``number`` with one digit wrong, so that its check digit no longer fits."""
    at = rng.randrange(4, 10)
    for step in range(1, 10):
        digit = str((int(number[at]) + step) % 10)
        wrong = number[:at] + digit + number[at + 1 :]
        if check_digit(wrong[:10]) != wrong[10]:
            return wrong
    return number


class BoxNumbers:
    """Gives each number once, and none of ``taken``; remainder 10 is never dealt, as owners avoid it."""

    def __init__(self, rng: Random, *, taken: Iterable[str] = ()) -> None:
        self._rng = rng
        self._seen = {number[:10] for number in taken}

    def next(self) -> str:
        """Return a new valid number."""
        while True:
            ten = f"{self._rng.choice(OWNERS)}{self._rng.randrange(100000, 1000000)}"
            total = sum((_VALUES[c] if c.isalpha() else int(c)) * 2**i for i, c in enumerate(ten))
            if total % 11 != 10 and ten not in self._seen:
                self._seen.add(ten)
                return ten + check_digit(ten)
