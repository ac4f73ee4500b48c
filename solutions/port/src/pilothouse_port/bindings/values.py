"""Owns turning a foreign value into a catalogue value: transforms, code words, units, times, decimals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from pilothouse.connectors import as_text
from pilothouse.kernel import DataError, UsageError
from pilothouse_port.facts import Kind

__all__ = [
    "TRANSFORMS",
    "apply",
    "moment_of",
    "parts_of",
    "pipeline",
    "rank_of",
    "text_of",
    "to_decimal",
    "typed",
]

Step = Callable[[Any], Any]

_PLAIN: Final[Mapping[str, Step]] = {
    "strip": lambda v: str(v).strip(),
    "upper": lambda v: str(v).upper(),
    "lower": lambda v: str(v).lower(),
    "digits": lambda v: re.sub(r"\D", "", str(v)),
    "alnum": lambda v: re.sub(r"[^0-9A-Za-z]", "", str(v)),
    "int": lambda v: int(str(v).strip()),
    "nozeros": lambda v: str(v).lstrip("0") or "0",
    "abs": lambda v: abs(Decimal(v)),
    "negate": lambda v: -Decimal(v),
    "epoch": lambda v: datetime.fromtimestamp(float(v), UTC),
    "epoch_ms": lambda v: datetime.fromtimestamp(float(v) / 1000, UTC),
    "decimal": lambda v: to_decimal(v, "."),
    "decimal_comma": lambda v: to_decimal(v, ","),
    "first_word": lambda v: str(v).split()[0] if str(v).split() else "",
    "box": lambda v: re.sub(r"[^0-9A-Z]", "", str(v).upper()),
}

_WITH_ARGUMENT: Final[Mapping[str, Callable[[str], Step]]] = {
    "zfill": lambda a: lambda v: str(v).zfill(int(a)),
    "prefix": lambda a: lambda v: a + str(v),
    "suffix": lambda a: lambda v: str(v) + a,
    "cut": lambda a: lambda v: str(v).removeprefix(a),
    "cut_end": lambda a: lambda v: str(v).removesuffix(a),
    "slice": lambda a: lambda v: str(v)[slice(*(int(part) if part else None for part in a.split(":")))],
    "split": lambda a: (
        lambda v: tuple(
            part.strip() for part in re.split(re.escape(a) if a else r"\s+", str(v)) if part.strip()
        )
    ),
    "format": lambda a: lambda v: a.replace("{}", str(v)),
    "regex": lambda a: lambda v: found[1] if (found := re.search(a, str(v))) else "",
    "remove": lambda a: lambda v: str(v).replace(a, ""),
    "scale": lambda a: lambda v: Decimal(str(v)) * Decimal(a),
    "iso_box": lambda a: lambda v: _spaced_box(str(v), a),
}

TRANSFORMS: Final = (*sorted(_PLAIN), *(f"{name}:<argument>" for name in sorted(_WITH_ARGUMENT)))


def _spaced_box(box: str, pattern: str) -> str:
    """Write a container number as ``pattern`` says: A letters, 9 digits, anything else itself."""
    letters, digits = iter(box[:4]), iter(box[4:])
    return "".join(next(letters, "") if c == "A" else next(digits, "") if c == "9" else c for c in pattern)


def pipeline(steps: Sequence[str]) -> Step:
    """Return one function for a list of transforms such as ``[strip, "zfill:10"]``.

    Raises:
        UsageError: ``port.transform``: names the unknown word and what there is.
    """
    made: list[Step] = []
    for step in steps:
        name, _, argument = step.partition(":")
        if step in _PLAIN:
            made.append(_PLAIN[step])
        elif name in _WITH_ARGUMENT and argument:
            made.append(_WITH_ARGUMENT[name](argument))
        else:
            raise UsageError(
                f"{step!r} is no transform; use one of {', '.join(TRANSFORMS)}", code="port.transform"
            )

    def run(value: Any) -> Any:
        for each in made:
            many = isinstance(value, tuple)
            value = tuple(each(part) for part in parts_of(value)) if many else each(value)
        return value

    return run


def apply(steps: Sequence[str], value: Any) -> Any:
    """Run ``value`` through ``steps``."""
    return pipeline(steps)(value)


def parts_of(value: object) -> tuple[Any, ...]:
    """Return a list's parts, or the one value."""
    if isinstance(value, list | tuple):
        return tuple(cast("Sequence[Any]", value))
    return (value,)


def text_of(value: object) -> str:
    """Return the text a key or code word is compared by: plain, without blanks at the ends."""
    return as_text(value).strip()


def to_decimal(value: object, comma: str = ".") -> Decimal:
    """Read a decimal as people and old systems write it: ``1.234,56``, ``12.50-``, ``(3.00)``.

    Raises:
        DataError: ``port.value``.
    """
    if isinstance(value, Decimal | int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    text = re.sub(r"[^\d,.()\-]", "", str(value))
    negative = text.endswith("-") or text.startswith(("-", "("))
    bare = text.strip("()-")
    bare = bare.replace(".", "").replace(",", ".") if comma == "," else bare.replace(",", "")
    try:
        number = Decimal(bare)
    except InvalidOperation as error:
        raise DataError(f"{value!r} is not a number", code="port.value") from error
    return -number if negative else number


_STAMPS: Final = (
    (re.compile(r"\d{14}"), "%Y%m%d%H%M%S"),
    (re.compile(r"\d{12}"), "%Y%m%d%H%M"),
    (re.compile(r"\d{8}"), "%Y%m%d"),
    (re.compile(r"\d{8}T\d{6}"), "%Y%m%dT%H%M%S"),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"), "%d.%m.%Y"),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}"), "%d.%m.%Y %H:%M"),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}:\d{2}"), "%d.%m.%Y %H:%M:%S"),
    (re.compile(r"\d{1,2}-\d{1,2}-\d{4}"), "%d-%m-%Y"),
    (re.compile(r"\d{1,2}-\d{1,2}-\d{4} \d{1,2}:\d{2}"), "%d-%m-%Y %H:%M"),
    (re.compile(r"\d{1,2}-[A-Za-z]{3}-\d{4}"), "%d-%b-%Y"),
    (re.compile(r"\d{4}/\d{2}/\d{2}"), "%Y/%m/%d"),
    (re.compile(r"\d{4}/\d{2}/\d{2} \d{2}:\d{2}"), "%Y/%m/%d %H:%M"),
)
"""Forms that mean one thing only; ``dd/mm`` against ``mm/dd`` needs a ``date:`` in port.yaml."""


def moment_of(value: object, *, zone: str, formats: Sequence[str] = ()) -> datetime:
    """Return an aware UTC time; a time without zone is local time of ``zone``.

    Raises:
        DataError: ``port.value``: no format fits.
    """
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, date):
        found = datetime.combine(value, time())
    else:
        found = _parsed(str(value).strip(), formats)
    local = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC)


def _parsed(text: str, formats: Sequence[str]) -> datetime:
    for form in formats:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    for shape, form in _STAMPS:
        if shape.fullmatch(text):
            return _strict(text, form)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(
            f"{text!r} is no time that is clear; give its format as date: in port.yaml", code="port.value"
        ) from error


def _strict(text: str, form: str) -> datetime:
    try:
        return datetime.strptime(text, form)
    except ValueError as error:
        raise DataError(f"{text!r} does not fit {form!r}", code="port.value") from error


def day_of(value: object, *, zone: str, formats: Sequence[str] = ()) -> date:
    """Return a day; a time with a zone is the day in ``zone``."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.date()
    if isinstance(value, str):
        parsed = _parsed(value.strip(), formats)
        return parsed.astimezone(ZoneInfo(zone)).date() if parsed.tzinfo else parsed.date()
    return moment_of(value, zone=zone).astimezone(ZoneInfo(zone)).date()


def typed(value: Any, kind: Kind, *, zone: str, comma: str, formats: Sequence[str] = ()) -> Any:
    """Return ``value`` as the catalogue's ``kind``.

    Raises:
        DataError: ``port.value``: it does not fit.
    """
    match kind:
        case "amount":
            return to_decimal(value, comma)
        case "number":
            return int(to_decimal(value, comma))
        case "day":
            return day_of(value, zone=zone, formats=formats)
        case "moment":
            return moment_of(value, zone=zone, formats=formats)
        case _:
            return text_of(value)


def rank_of(value: object, *, zone: str, formats: Sequence[str] = ()) -> tuple[int, Any]:
    """Return what rows are ordered by: nothing, then numbers, then times, then text."""
    if value is None or value == "":
        return (0, 0)
    if isinstance(value, int | float | Decimal):
        return (1, Decimal(str(value)))
    if isinstance(value, date):
        return (2, moment_of(value, zone=zone))
    text = str(value).strip()
    try:
        return (2, moment_of(text, zone=zone, formats=formats))
    except DataError:
        pass
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return (1, Decimal(text))
    return (3, cast("object", text))


def older_than(then: datetime, at: datetime, age: timedelta) -> bool:
    """Whether ``then`` lies more than ``age`` before ``at``."""
    return at.astimezone(UTC) - then > age
