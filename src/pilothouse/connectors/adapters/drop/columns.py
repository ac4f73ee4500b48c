"""Owns deciding what a column of text holds: numbers, dates or text, with the evidence for each decision.

A decision needs proof from the data. ``1,234`` alone may be a thousand or a little more than one, and
``03/04/2026`` March or April: without proof elsewhere in the file, or a declaration, they stay text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any, Literal

from pilothouse.connectors.adapters.drop.settings import ColumnType
from pilothouse.connectors.types import FieldType

__all__ = ["Column", "decide"]

ENOUGH = 0.9
"""Share of the values that must be dates or decimals for a column to be of that type."""
INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})")
COMMA = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)|[1-9]\d{0,2}(?:[. '\u00a0\u202f]\d{3})+)(?:,\d+)?-?")
POINT = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)|[1-9]\d{0,2}(?:[, '\u00a0\u202f]\d{3})+)(?:\.\d+)?-?")
CLOCK = r"(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?"
DOTTED = re.compile(rf"(\d{{1,2}})\.\s?(\d{{1,2}})\.\s?(\d{{4}}|\d{{2}}){CLOCK}")
SLASHED = re.compile(rf"(\d{{1,2}})[/-](\d{{1,2}})[/-](\d{{4}}){CLOCK}")
YEAR_FIRST = re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){CLOCK}\s*(Z|[+-]\d{{2}}:?\d{{2}})?")
SERIAL = re.compile(r"(?:19|20)\d\d[.,](\d{4,})")
"""A year and a number that counts within it, such as ``2026.002108``: a reference, not a quantity."""

Parse = Callable[[str], Any]
Order = Literal["dmy", "mdy", "ymd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column as decided.

    Attributes:
        type: What its values are.
        parse: Turns a cell into a value; raises ValueError for a cell that does not fit.
        evidence: Why, in words.
        ambiguous: Whether the data allows two readings, so that it stays text.
    """

    type: FieldType
    parse: Parse
    evidence: str
    ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What holds where one column's values prove nothing."""

    decimal: str | None
    dates: str | None
    zone: tzinfo | None


def decide(
    cells: Sequence[Sequence[str]],
    *,
    declared: Sequence[ColumnType | None],
    decimal: str | None,
    dates: str | None,
    zone: tzinfo | None,
) -> list[Column]:
    """Return a decision for every column.

    Args:
        cells: The values of each column that are not empty.
        declared: The declared type of each column, or None.
        decimal: The declared decimal sign of the file, if any.
        dates: The declared order of dates of the file, if any.
        zone: What a time without a zone means; None keeps it as text.
    """
    proof_decimal = decimal or _proof(cells, _decimal_sign)
    proof_dates = dates or _proof(cells, _date_order)
    hints = Hints(decimal=proof_decimal, dates=proof_dates, zone=zone)
    return [
        _declared(kind, zone) if kind is not None else _detected(values, hints)
        for values, kind in zip(cells, declared, strict=True)
    ]


def _proof(cells: Sequence[Sequence[str]], sign: Callable[[Sequence[str]], str | None]) -> str | None:
    """Return what the columns that prove something agree on."""
    found = {proof for values in cells if (proof := sign(values)) in (",", ".", "dmy", "mdy")}
    return found.pop() if len(found) == 1 else None


def _declared(kind: ColumnType, zone: tzinfo | None) -> Column:
    if kind == "text":
        return Column(type="text", parse=str, evidence="declared")
    if kind == "integer":
        return Column(type="integer", parse=int, evidence="declared")
    if kind in ("decimal,", "decimal."):
        return Column(type="decimal", parse=_number_reader(kind[-1]), evidence="declared")
    order: Order = {"dmy": "dmy", "mdy": "mdy", "iso": "ymd"}[kind]  # type: ignore[assignment]
    return Column(type="date", parse=_date_reader(order, zone), evidence="declared")


def _detected(values: Sequence[str], hints: Hints) -> Column:
    if not values:
        return Column(type="text", parse=str, evidence="empty")
    if all(map(INTEGER.fullmatch, values)):
        return Column(
            type="integer", parse=int, evidence=f"{len(values)} whole numbers without leading zeros"
        )
    return _as_decimal(values, hints) or _as_date(values, hints) or _text(values)


def _text(values: Sequence[str]) -> Column:
    if values and _serial(values):
        return Column(type="text", parse=str, evidence=f"a year and a number, as {values[0]!r}, kept")
    zeros = sum(value.isdigit() and len(value) > 1 and value[0] == "0" for value in values)
    evidence = f"{zeros} numbers with leading zeros, kept" if zeros else "text"
    return Column(type="text", parse=str, evidence=evidence)


def _share(values: Sequence[str], pattern: re.Pattern[str]) -> float:
    return sum(1 for value in values if pattern.fullmatch(value)) / len(values)


def _decimal_sign(values: Sequence[str]) -> str | None:
    """Return ``,`` or ``.`` if the values prove it, ``?`` if both fit, None if they are no numbers."""
    if not values or not any(sign in value for value in values for sign in ",.") or _serial(values):
        return None
    comma, point = _share(values, COMMA), _share(values, POINT)
    if max(comma, point) < ENOUGH:
        return None
    if comma == point:
        return "?"
    return "," if comma > point else "."


def _serial(values: Sequence[str]) -> bool:
    """Whether all are a year and a number filled up with zeros to one length."""
    hits = [hit for value in values if (hit := SERIAL.fullmatch(value))]
    same = len({len(value) for value in values}) == 1
    return len(hits) == len(values) and same and any(hit[1].startswith("0") for hit in hits)


def _as_decimal(values: Sequence[str], hints: Hints) -> Column | None:
    sign = _decimal_sign(values)
    if sign is None:
        return None
    sample = next(value for value in values if "," in value or "." in value)
    if sign == "?" and hints.decimal is None:
        return Column(
            type="text",
            parse=str,
            ambiguous=True,
            evidence=f"{sample!r} may have a decimal sign or a thousands separator; declare decimal",
        )
    if sign == "?":
        sign = hints.decimal or "."
        evidence = f"decimal sign {sign!r} as in the rest of the file"
    else:
        proof = next(value for value in values if _proves(value, sign))
        evidence = f"decimal sign {sign!r}, proved by {proof!r}"
    return Column(type="decimal", parse=_number_reader(sign), evidence=evidence)


def _proves(value: str, sign: str) -> bool:
    own, other = (COMMA, POINT) if sign == "," else (POINT, COMMA)
    return bool(own.fullmatch(value)) and not other.fullmatch(value)


def _number_reader(sign: str) -> Parse:
    pattern = COMMA if sign == "," else POINT
    drop = str.maketrans("", "", "' \u00a0\u202f" + ("." if sign == "," else ","))

    def read(cell: str) -> Decimal:
        if not pattern.fullmatch(cell):
            raise ValueError(cell)
        plain = cell.translate(drop).replace(",", ".")
        return Decimal("-" + plain[:-1] if plain.endswith("-") else plain)

    return read


def _date_order(values: Sequence[str]) -> str | None:
    """Return the order that values with slashes prove, ``?`` if both fit, None if they are no dates."""
    hits = [hit for value in values if (hit := SLASHED.fullmatch(value))]
    if not values or len(hits) < ENOUGH * len(values):
        return None
    day_first = sum(int(hit[1]) > 12 for hit in hits)
    month_first = sum(int(hit[2]) > 12 for hit in hits)
    if day_first and month_first:
        return "both"
    if day_first or month_first:
        return "dmy" if day_first else "mdy"
    return "?"


def _as_date(values: Sequence[str], hints: Hints) -> Column | None:
    for pattern, order, name in ((YEAR_FIRST, "ymd", "year first"), (DOTTED, "dmy", "dd.mm.yyyy")):
        if _share(values, pattern) >= ENOUGH:
            return _dates(values, order, f"{name}, as {values[0]!r}", hints)  # type: ignore[arg-type]
    order = _date_order(values)
    if order is None:
        return None
    if order == "both":
        return Column(
            type="text", parse=str, ambiguous=True, evidence="some values are day first and some month first"
        )
    if order == "?" and hints.dates is None:
        evidence = f"{values[0]!r} may be day first or month first in all {len(values)} values; declare dates"
        return Column(type="text", parse=str, ambiguous=True, evidence=evidence)
    if order == "?":
        return _dates(values, hints.dates, "as declared or proved by the rest of the file", hints)  # type: ignore[arg-type]
    place = 1 if order == "dmy" else 2
    proof = next(v for v in values if (hit := SLASHED.fullmatch(v)) and int(hit[place]) > 12)
    return _dates(values, order, f"proved by {proof!r}", hints)  # type: ignore[arg-type]


def _dates(values: Sequence[str], order: Order, why: str, hints: Hints) -> Column:
    timed = any(":" in value for value in values)
    return Column(
        type="datetime" if timed else "date",
        parse=_date_reader(order, hints.zone, timed=timed),
        evidence=f"dates {order}, {why}",
    )


def _date_reader(order: Order, zone: tzinfo | None, *, timed: bool | None = None) -> Parse:
    patterns = (YEAR_FIRST,) if order == "ymd" else (DOTTED, SLASHED)

    def read(cell: str) -> date | datetime | str:
        hit = next((found for pattern in patterns if (found := pattern.fullmatch(cell))), None)
        if hit is None:
            raise ValueError(cell)
        first, second, third = int(hit[1]), int(hit[2]), int(hit[3])
        if order == "ymd":
            day = date(first, second, third)
        else:
            year = third + 2000 if third < 100 else third
            day = date(year, second, first) if order == "dmy" else date(year, first, second)
        if hit[4] is None and not timed:
            return day
        offset = hit[7] if order == "ymd" else None
        return _moment(day, hit, offset, zone)

    return read


def _moment(day: date, hit: re.Match[str], offset: str | None, zone: tzinfo | None) -> datetime | str:
    moment = datetime(day.year, day.month, day.day, int(hit[4] or 0), int(hit[5] or 0), int(hit[6] or 0))
    if offset is not None:
        return datetime.fromisoformat(moment.isoformat() + offset.replace("Z", "+00:00")).astimezone(UTC)
    return moment.isoformat() if zone is None else moment.replace(tzinfo=zone).astimezone(UTC)
