"""Hand-made consignments for the port's unit tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pilothouse.labels import Integrity, Label, Labelled, Origin
from pilothouse_port.facts import FACTS
from pilothouse_port.policy import PolicyRow, PolicyTable, Twist
from pilothouse_port.types import Absent, Consignment, Fact, Facts, Reading, Unknown, Unread, Verdict

AT = datetime(2026, 3, 4, 12, tzinfo=ZoneInfo("Europe/Amsterdam"))
BOX = Consignment(container="MSCU1234566", bl="BL1", call="C1")

CLEAN: dict[str, Any] = {
    "discharge.call": "C1",
    "discharge.at": datetime(2026, 3, 2, 8, tzinfo=UTC),
    "box.size": 40,
    "box.kind": "dry",
    "goods.hs": ("940360",),
    "goods.weight": Decimal(10000),
    "goods.box_weight": Decimal(10000),
    "goods.packages": 10,
    "title.kind": "original",
    "title.state": "surrendered",
    "charge.open_amount": Decimal(0),
    "customs.state": "cleared",
    "customs.weight": Decimal(10000),
    "customs.packages": 10,
    "seal.manifest": "AB-1234",
    "seal.terminal": "ab1234",
    "damage.code": "none",
    "consignee.party": "0042",
    "consignee.name": "Möbel & Söhne",
    "party.name": "MOBEL AND SOHNE",
    "order.state": "active",
    "order.valid_until": datetime(2026, 3, 10, tzinfo=UTC),
    "order.party": "0042",
    "pickup.at": datetime(2026, 3, 5, 9, tzinfo=UTC),
    "pickup.haulier": "H1",
    "mass.verified": Decimal(13800),
    "box.tare": Decimal(3800),
    "empty.outstanding": 0,
}


def cite(name: str, value: object, *, integrity: Integrity = Integrity.RECORD) -> Labelled:
    origin = Origin(
        source=name.partition(".")[0],
        object="table",
        key={"id": "1"},
        field=name,
        version="1",
        read_at=AT.astimezone(UTC),
    )
    return Labelled(
        value=value, label=Label(readers=frozenset({"acl:desk"}), integrity=integrity, origin=origin)
    )


def fact(name: str, value: object) -> Fact:
    return Fact(name=name, value=value, cited=(cite(name, str(value)),))


def box(*, unread: Sequence[Unread] = (), **changes: object) -> Facts:
    """A clean box with ``changes`` (double underscore for the dot); ``...`` makes the fact unknown."""
    values: dict[str, object] = {**CLEAN, **{key.replace("__", "."): value for key, value in changes.items()}}
    readings: dict[str, Reading] = {}
    for name, spec in FACTS.items():
        value = values.get(name)
        if value is ...:
            readings[name] = Unknown(name=name, cause="system_down", detail=f"{name}: no answer")
        elif value is None and spec.absent == "unknown":
            readings[name] = Unknown(name=name, cause="missing_row", detail=f"{name}: no row")
        elif value is None:
            readings[name] = Absent(name=name)
        else:
            readings[name] = fact(name, value)
    return Facts(consignment=BOX, readings=readings, unread=tuple(unread))


def mail(text: str = "please hurry", kind: str = "mail") -> Unread:
    return Unread(source="desk", kind=kind, text=cite("text", text, integrity=Integrity.UNTRUSTED))


def row(check: str, outcome: str, verdict: str = "HOLD", **more: Any) -> PolicyRow:
    reason = more.pop("reason", f"{check}-{outcome}")
    return PolicyRow(check=check, outcome=outcome, verdict=Verdict(verdict), reason=reason, quote="q", **more)


def table(*rows: PolicyRow, **more: Any) -> PolicyTable:
    return PolicyTable(rows=rows, document="d", current=more.pop("current", "d"), **more)


__all__ = ["AT", "BOX", "CLEAN", "Twist", "box", "cite", "fact", "mail", "row", "table"]
