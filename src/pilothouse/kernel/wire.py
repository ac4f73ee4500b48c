"""Owns the wire form: JSON with an allow-list of tagged types, and its canonical bytes and hash.

JSON types pass as they are. ``{"$t": name, "v": ...}`` carries datetime (UTC), date, timedelta, Decimal,
UUID, bytes, frozensets of strings, integers beyond 2**53, enums, and dataclasses or Pydantic models
registered with :func:`wired` as ``name@n``. Nothing is ever imported by name. Canonical bytes
follow RFC 8785.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar, cast
from uuid import UUID

from pilothouse.kernel.errors import DataError, UsageError

__all__ = ["Json", "canonical", "content_hash", "decode", "encode", "loads", "wired"]

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
T = TypeVar("T")
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

MAX_DEPTH = 64
MAX_KEPT = 4096
MAX_SAFE_INTEGER = 2**53

_types: dict[str, tuple[type[Any], int, dict[int, Upgrade]]] = {}
_names: dict[type, str] = {}
_kept: dict[type, dict[object, Json]] = {}


def wired(
    name: str, *, version: int = 1, upgrades: Mapping[int, Upgrade] | None = None, kept: bool = False
) -> Callable[[type[T]], type[T]]:
    """Register a dataclass, Pydantic model or enum under ``name@version``.

    Args:
        name: Stable wire name, never the Python path.
        version: Raised when fields change.
        upgrades: ``{n: function}``, each taking the fields of version n to version n+1.
        kept: Whether wire forms are remembered: for immutable, hashable values that are stored again and
            again. Whoever gets a wire form never changes it.

    Raises:
        UsageError: The name already belongs to another class.
    """

    def register(cls: type[T]) -> type[T]:
        known = _types.get(name)
        if known is not None and known[0].__qualname__ != cls.__qualname__:
            raise UsageError(f"wire name {name!r} already belongs to {known[0]!r}", code="wire.name_taken")
        _types[name] = (cls, version, dict(upgrades or {}))
        _names[cls] = name
        if kept:
            _kept[cls] = {}
        return cls

    return register


def encode(value: object, *, path: str = "value", depth: int = 0) -> Json:
    """Return the wire form of ``value``.

    Raises:
        UsageError: ``wire.type``: a type outside the allow-list, NaN, or too deep; names the path.
    """
    if depth > MAX_DEPTH:
        raise UsageError(f"{path} is nested deeper than {MAX_DEPTH}", code="wire.depth")
    cls = value.__class__
    if cls in _kept:
        return _encode_kept(value, path, depth)
    if cls in _names:
        return _encode_registered(value, path, depth)
    if value is None or cls is bool or cls is str:
        return cast("Json", value)
    if cls is int or cls is float:
        return _encode_number(cast("int | float", value), path)
    if isinstance(value, Mapping):
        return _encode_mapping(cast("Mapping[object, object]", value), path, depth)
    if isinstance(value, list | tuple):
        items = cast("list[object]", value)
        return [encode(item, path=f"{path}[{i}]", depth=depth + 1) for i, item in enumerate(items)]
    return _encode_scalar(value, path)


def _encode_number(value: int | float, path: str) -> Json:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"{path}: {value!r} is not a JSON number", code="wire.type")
        return value
    return value if abs(value) <= MAX_SAFE_INTEGER else {"$t": "int", "v": str(value)}


def _encode_mapping(value: Mapping[object, object], path: str, depth: int) -> Json:
    out: dict[str, Json] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise UsageError(f"{path}: key {key!r} is not a string", code="wire.type")
        out[key] = encode(item, path=f"{path}.{key}", depth=depth + 1)
    return {"$t": "map", "v": out} if "$t" in out else out


def _encode_scalar(value: object, path: str) -> Json:
    match value:
        case datetime():
            if value.tzinfo is None:
                raise UsageError(f"{path}: {value!r} has no time zone; use UTC", code="wire.type")
            return {"$t": "datetime", "v": value.astimezone(UTC).isoformat()}
        case date():
            return {"$t": "date", "v": value.isoformat()}
        case timedelta():
            return {"$t": "timedelta", "v": str(value // timedelta(microseconds=1))}
        case Decimal():
            if not value.is_finite():
                raise UsageError(f"{path}: {value!r} is not a finite decimal", code="wire.type")
            return {"$t": "decimal", "v": str(value)}
        case UUID():
            return {"$t": "uuid", "v": str(value)}
        case frozenset():
            return {"$t": "set", "v": [*sorted(cast("frozenset[str]", value))]}
        case bytes():
            return {"$t": "bytes", "v": base64.b64encode(value).decode()}
        case _:
            name = value.__class__.__qualname__
            raise UsageError(
                f"{path}: {name} has no wire form; register it with @wired or pass JSON types",
                code="wire.type",
            )


def _encode_kept(value: object, path: str, depth: int) -> Json:
    """Encode an immutable value once; when there are too many, all are forgotten."""
    known = _kept[value.__class__]
    found = known.get(value)
    if found is None:
        if len(known) >= MAX_KEPT:
            known.clear()
        found = known[value] = _encode_registered(value, path, depth)
    return found


def _encode_registered(value: object, path: str, depth: int) -> Json:
    name = _names[value.__class__]
    tag = f"{name}@{_types[name][1]}"
    if isinstance(value, enum.Enum):
        return {"$t": tag, "v": encode(value.value, path=path, depth=depth + 1)}
    fields: dict[str, object]
    if dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
        fields = {key: getattr(value, key) for key in type(value).model_fields}  # type: ignore[attr-defined]
    return {
        "$t": tag,
        "v": {k: encode(v, path=f"{path}.{k}", depth=depth + 1) for k, v in fields.items()},
    }


def decode(value: Json, *, path: str = "value") -> Any:
    """Return the Python value of a wire form.

    Raises:
        DataError: ``wire.tag``: an unknown tag or a value that does not fit it.
    """
    if isinstance(value, list):
        return [decode(item, path=f"{path}[{i}]") for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if "$t" not in value:
        return {key: decode(item, path=f"{path}.{key}") for key, item in value.items()}
    tag, inner = value["$t"], value.get("v")
    if not isinstance(tag, str):
        raise DataError(f"{path}: tag {tag!r} is not a name", code="wire.tag")
    try:
        if tag in _SCALARS:
            return _SCALARS[tag](inner)
        return _decode_registered(tag, inner, path)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise DataError(f"{path}: {inner!r} does not fit {tag!r}: {error}", code="wire.tag") from error


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "timedelta": lambda text: timedelta(microseconds=int(text)),
    "decimal": Decimal,
    "uuid": UUID,
    "set": frozenset,
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "map": lambda fields: {key: decode(item) for key, item in fields.items()},
}


def _decode_registered(tag: str, inner: Json, path: str) -> Any:
    name, _, number = tag.partition("@")
    if name not in _types:
        raise DataError(f"{path}: unknown type {tag!r}; it is not registered here", code="wire.tag")
    cls, version, upgrades = _types[name]
    if issubclass(cls, enum.Enum):
        return cls(decode(inner, path=path))
    fields = cast("dict[str, Any]", inner)
    for n in range(int(number), version):
        if n not in upgrades:
            raise DataError(f"{path}: {tag!r} has no upgrade to version {n + 1}", code="wire.tag")
        fields = upgrades[n](fields)
    decoded = {key: decode(item, path=f"{path}.{key}") for key, item in fields.items()}
    return cls(**{key: _fit(cls, key, item) for key, item in decoded.items()})


def _fit(cls: type[Any], key: str, item: Any) -> Any:
    """Turn JSON lists back into the tuples that a dataclass declares."""
    if not isinstance(item, list) or not dataclasses.is_dataclass(cls):
        return cast("object", item)
    items = cast("list[Any]", item)
    return tuple(items) if str(cls.__dataclass_fields__[key].type).startswith("tuple") else items


def loads(text: str | bytes) -> Json:
    """Parse JSON, refusing NaN, infinities and duplicate keys.

    Raises:
        DataError: ``wire.json``.
    """

    def no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        out = dict(pairs)
        if len(out) != len(pairs):
            raise DataError(f"duplicate key in {[k for k, _ in pairs]!r}", code="wire.json")
        return out

    def no_constant(name: str) -> None:
        raise DataError(f"{name!r} is not JSON", code="wire.json")

    try:
        return json.loads(text, object_pairs_hook=no_duplicates, parse_constant=no_constant)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", code="wire.json") from error


def canonical(value: object) -> bytes:
    """Return the RFC 8785 bytes of the wire form of ``value``.

    Raises:
        UsageError: ``wire.type``, with the path of what has no wire form.
    """
    import rfc8785

    try:
        return rfc8785.dumps(cast("Any", encode(value)))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise UsageError(f"value has no canonical form: {error}", code="wire.type") from error


def content_hash(value: object) -> str:
    """Return the lower-case hexadecimal SHA-256 of :func:`canonical`."""
    return hashlib.sha256(canonical(value)).hexdigest()
