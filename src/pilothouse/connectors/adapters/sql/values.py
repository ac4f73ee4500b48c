"""Owns the way of values: from drivers to wire types, and from a query's values to a column's type."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from pilothouse.connectors.select import as_text
from pilothouse.connectors.types import FieldType, Scalar

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["NEVER", "content_version", "converter", "field_type", "fit", "fit_loose"]

PLAIN: Final = frozenset({str, int, bool, type(None), date, UUID, bytes})


class _Never(Enum):
    NEVER = "never"


NEVER: Final = _Never.NEVER
"""A value that cannot stand in a column of this type, so no row has it."""


def converter(zone: tzinfo | None) -> Callable[[Any], Any]:
    """Return the function that turns a driver's value into one with a wire form.

    Args:
        zone: What a time without a zone means; None keeps it as ISO text.
    """

    def convert(value: Any) -> Any:
        if value.__class__ in PLAIN:
            return value
        match value:
            case datetime():
                return _moment(value, zone)
            case float():
                return value if math.isfinite(value) else str(value)
            case Decimal():
                return value if value.is_finite() else str(value)
            case memoryview() | bytearray():
                return bytes(cast("bytearray", value))
            case _:
                return _composite(value)

    def _composite(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): convert(item) for key, item in cast("Mapping[Any, Any]", value).items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [convert(item) for item in cast("list[Any]", value)]
        return value.isoformat() if isinstance(value, time) else str(value)

    return convert


def _moment(value: datetime, zone: tzinfo | None) -> datetime | str:
    if value.tzinfo is not None:
        return value.astimezone(UTC)
    return value.isoformat() if zone is None else value.replace(tzinfo=zone).astimezone(UTC)


def content_version(values: Sequence[Any]) -> str:
    """Return a token that changes when one of the values does."""
    return hashlib.sha256(repr(tuple(values)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def field_type(kind: sa.types.TypeEngine[Any]) -> FieldType:
    """Return what the values of a column type are here."""
    import sqlalchemy as sa

    table: list[tuple[type | tuple[type, ...], FieldType]] = [
        (sa.types.Enum, "text"),
        (sa.types.Boolean, "boolean"),
        (sa.types.Integer, "integer"),
        (sa.types.Float, "number"),
        (sa.types.Numeric, "decimal"),
        (sa.types.DateTime, "datetime"),
        (sa.types.Date, "date"),
        ((sa.types.JSON, sa.types.ARRAY), "json"),
        (sa.types.LargeBinary, "bytes"),
        ((sa.types.BINARY, sa.types.VARBINARY), "bytes"),
        ((sa.types.String, sa.types.Uuid, sa.types.Time, sa.types.Interval), "text"),
    ]
    for known, name in table:
        if isinstance(kind, known):
            return name
    return "unknown"


def fit(value: Scalar, kind: sa.types.TypeEngine[Any], zone: tzinfo | None) -> Any:
    """Return ``value`` as a column of type ``kind`` takes it, or :data:`NEVER` if it cannot be there."""
    import sqlalchemy as sa

    if value is None:
        return None
    if isinstance(kind, sa.types.Enum):
        text = as_text(value)
        return text if not kind.enums or text in kind.enums else NEVER
    if isinstance(kind, sa.types.Uuid):
        return _try(lambda: UUID(as_text(value)))
    if isinstance(kind, sa.types.Time):
        return _try(lambda: time.fromisoformat(as_text(value)))
    if isinstance(kind, sa.types.Interval):
        return value if isinstance(value, timedelta) else NEVER
    return _fit_plain(value, field_type(kind), zone, aware=bool(getattr(kind, "timezone", False)))


def fit_loose(value: Scalar) -> list[Any]:
    """Return the forms under which SQLite, which keeps any value in any column, may hold ``value``."""
    if value is None or isinstance(value, bytes):
        return [value]
    text = as_text(value)
    number = _try(lambda: _integer(text)) if isinstance(value, bool | int | str) else NEVER
    if number is NEVER:
        number = _try(lambda: float(text))
    if number is NEVER or (isinstance(number, float) and not math.isfinite(number)):
        return [text]
    if isinstance(number, int) and abs(number) >= 2**63:
        return [text]
    return [text, number]


def _fit_plain(value: Scalar, kind: FieldType, zone: tzinfo | None, *, aware: bool) -> Any:
    text = as_text(value)
    readers: dict[FieldType, Callable[[], Any]] = {
        "text": lambda: text,
        "boolean": lambda: {"true": True, "false": False, "1": True, "0": False}.get(text.lower(), NEVER),
        "integer": lambda: _integer(text),
        "number": lambda: float(text),
        "decimal": lambda: Decimal(text),
        "date": lambda: date.fromisoformat(text[:10]),
        "datetime": lambda: _local(datetime.fromisoformat(text), zone, aware=aware),
        "bytes": lambda: value if isinstance(value, bytes) else bytes.fromhex(text),
    }
    return _try(readers.get(kind, lambda: value))


def _integer(text: str) -> int:
    if text in ("true", "false"):
        return int(text == "true")
    number = Decimal(text.strip())
    if number != number.to_integral_value():
        raise ValueError(text)
    return int(number)


def _local(moment: datetime, zone: tzinfo | None, *, aware: bool) -> datetime:
    """Return the moment with a zone for columns that have one, else as the source's local time."""
    if aware:
        return moment if moment.tzinfo else moment.replace(tzinfo=zone or UTC)
    return moment.astimezone(zone or UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _try(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (ValueError, ArithmeticError, InvalidOperation):
        return NEVER
