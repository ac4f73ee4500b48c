"""Owns the declaration of a source, ``[sources.<name>]``, checked when the project opens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pilothouse.connectors.errors import SourceUsageError
from pilothouse.connectors.marks import CALLER, Marks, ObjectMarks
from pilothouse.connectors.ports import Secrets, SourceContext
from pilothouse.kernel import Clock
from pilothouse.labels import Integrity

if TYPE_CHECKING:
    from datetime import tzinfo

__all__ = ["declared", "seconds"]

COMMON = frozenset({"kind", "integrity", "readers", "labels", "timeout", "timezone", "title", "owner"})
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
SECRET = re.compile(r"(^|_)(password|passwd|token|secret|api_?key|private_key|authorization)$", re.IGNORECASE)
_OF_OBJECT = {"readers", "integrity", "row", "fields", "kind", "attributes"}
INTEGRITIES = {"untrusted": Integrity.UNTRUSTED, "record": Integrity.RECORD}


def seconds(value: object) -> float | None:
    """Return a duration such as ``5s``, ``250ms``, ``2m`` or a number of seconds; None if it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if value > 0 else None
    match = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) == 0:
        return None
    return float(match[1]) * UNITS[match[2]]


def declared(
    name: str, table: Mapping[str, Any], *, base: Path, secrets: Secrets, clock: Clock
) -> SourceContext:
    """Return the context of one declared source.

    Raises:
        SourceUsageError: ``sources.declaration`` or ``sources.literal_secret``; names key and next step.
    """
    if not NAME.fullmatch(name):
        raise _wrong(name, f"the name {name!r} may only have letters, digits, '_' and '-'")
    kind = table.get("kind")
    if not isinstance(kind, str):
        raise _wrong(name, f"kind is {kind!r}; name one such as 'sql'")
    options = {key: value for key, value in table.items() if key not in COMMON}
    _refuse_literal_secrets(name, options, "")
    return SourceContext(
        name=name,
        kind=kind,
        options=options,
        base=base,
        secrets=secrets,
        clock=clock,
        integrity=_integrity(name, table.get("integrity", "untrusted")),
        readers=_readers(name, table.get("readers", [CALLER])),
        marks=_marks(name, table.get("labels", {})),
        timeout=_timeout(name, table.get("timeout", "5s")),
        timezone=_timezone(name, table.get("timezone")),
    )


def _integrity(name: str, value: object, where: str = "integrity") -> Integrity:
    if isinstance(value, str) and value in INTEGRITIES:
        return INTEGRITIES[value]
    raise _wrong(name, f"{where} is {value!r}; it is 'untrusted' or 'record'")


def _readers(name: str, value: object, where: str = "readers") -> frozenset[str]:
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    if all(isinstance(item, str) for item in items):
        return frozenset(cast("list[str]", items))
    raise _wrong(name, f"{where} is {value!r}; give a list of ACL ids such as ['acl:desk']")


def _marks(name: str, value: object) -> dict[str, ObjectMarks]:
    """Return what ``[sources.<name>.labels.<object>]`` adds; it can only tighten."""
    return {
        object: ObjectMarks(
            marks=_mark(name, found, f"labels.{object}", _OF_OBJECT),
            row=_row(name, found.get("row"), f"labels.{object}.row"),
            fields={
                field: _mark(name, mark, f"labels.{object}.fields.{field}", {"readers", "integrity"})
                for field, mark in _tables(name, found.get("fields", {}), f"labels.{object}.fields").items()
            },
            kind=_words(name, {"kind": found.get("kind", "")}, f"labels.{object}")["kind"],
            attributes=_words(name, found.get("attributes", {}), f"labels.{object}.attributes"),
        )
        for object, found in _tables(name, value, "labels").items()
    }


def _tables(name: str, value: object, where: str) -> dict[str, dict[str, Any]]:
    if isinstance(value, Mapping):
        found = cast("dict[str, Any]", value)
        if all(isinstance(item, Mapping) for item in found.values()):
            return found
    raise _wrong(name, f"{where} is {value!r}; it is a table of tables")


def _words(name: str, value: object, where: str) -> dict[str, str]:
    if isinstance(value, Mapping):
        found = cast("dict[str, object]", value)
        if all(isinstance(item, str) for item in found.values()):
            return cast("dict[str, str]", found)
    raise _wrong(name, f"{where} is {value!r}; it holds names")


def _mark(name: str, table: Mapping[str, Any], where: str, known: set[str]) -> Marks:
    unknown = sorted(table.keys() - known)
    if unknown:
        raise _wrong(name, f"{where} has {unknown[0]!r}; it may have {', '.join(sorted(known))}")
    integrity = table.get("integrity")
    return Marks(
        readers=_readers(name, table.get("readers", []), f"{where}.readers"),
        integrity=None if integrity is None else _integrity(name, integrity, f"{where}.integrity"),
    )


def _row(name: str, value: object, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and re.fullmatch(r"[\w:.-]*(\{\w+\}[\w:.-]*)+", value):
        return value
    raise _wrong(name, f"{where} is {value!r}; write an ACL id with a field, such as 'acl:site-{{site}}'")


def _timeout(name: str, value: object) -> float:
    found = seconds(value)
    if found is None:
        raise _wrong(name, f"timeout is {value!r}; write it as '5s', '250ms' or '2m'")
    return found


def _timezone(name: str, value: object) -> tzinfo | None:
    if value is None:
        return None
    try:
        return ZoneInfo(value if isinstance(value, str) else "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _wrong(name, f"timezone is {value!r}; use a name such as 'Europe/Rotterdam'") from None


def _refuse_literal_secrets(name: str, value: object, path: str) -> None:
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            _refuse_literal_secrets(name, item, f"{path}.{key}" if path else key)
        return
    if isinstance(value, list):
        for item in cast("list[object]", value):
            _refuse_literal_secrets(name, item, path)
        return
    if not isinstance(value, str) or value.startswith("secret://"):
        return
    if SECRET.search(path.rpartition(".")[2]) or _has_password(value):
        raise SourceUsageError(
            name,
            f"{path!r} holds a secret in clear text; put it elsewhere and write secret://env/NAME "
            "or secret://file/path#field",
            code="sources.literal_secret",
        )


def _has_password(value: str) -> bool:
    if "://" not in value:
        return False
    try:
        return bool(urlsplit(value).password)
    except ValueError:
        return False


def _wrong(name: str, why: str) -> SourceUsageError:
    return SourceUsageError(name, f"[sources.{name}]: {why}", code="sources.declaration")
