"""Owns the shape of a projection: which records an object shows, under which concepts, with which codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pilothouse_port.world.canon import Canon
from pilothouse_port.world.views import FieldType

__all__ = ["CODE_SETS", "FieldSpec", "ObjectSpec", "f"]

CODE_SETS: Final[dict[str, tuple[str, ...]]] = {
    "title.kind": ("original", "waybill", "electronic"),
    "title.state": ("surrendered", "open", "withdrawn"),
    "customs.state": ("declared", "cleared", "held", "inspection", "cancelled", "refused"),
    "health.state": ("cleared", "pending", "refused"),
    "damage.code": ("none", "minor", "major"),
    "stop.listed": ("active", "lifted"),
    "mandate.state": ("active", "revoked"),
    "mandate.scope": ("release", "all", "customs", "transport", "invoices"),
    "order.state": ("active", "rejected", "cancelled"),
    "slot.state": ("booked", "cancelled"),
    "ticket.verdict": ("release", "held", "referred"),
    "box.kind": ("dry", "reefer", "tank", "open", "flat"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field: the record's attribute, the concept it is named by, its type and its code set."""

    attr: str
    phrase: str
    type: FieldType
    get: Callable[[Any], Any]
    codes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSpec:
    """One object of a role: its records in order, its fields and its key (attributes)."""

    role: str
    id: str
    phrase: str
    records: Callable[[Canon], list[Any]]
    fields: tuple[FieldSpec, ...]
    key: tuple[str, ...]

    def field(self, attr: str) -> FieldSpec:
        """Return the field that shows ``attr``."""
        return next(field for field in self.fields if field.attr == attr)


def f(
    attr: str,
    phrase: str,
    type: FieldType = "text",
    *,
    get: Callable[[Any], Any] | None = None,
    codes: str = "",
) -> FieldSpec:
    """Return a field that shows ``attr`` of its record, or what ``get`` makes of it."""

    def plain(record: Any) -> Any:
        return getattr(record, attr)

    return FieldSpec(attr=attr, phrase=phrase, type=type, get=get or plain, codes=codes)
