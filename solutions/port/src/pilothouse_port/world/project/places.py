"""Owns where each fact of the catalogue truly lies; answer key and tests read it, no world tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypedDict

from pilothouse_port.world.canon import Canon
from pilothouse_port.world.project.build import cell_of, written
from pilothouse_port.world.project.deal import SPECS, Dealt, deal_systems
from pilothouse_port.world.project.specs import ObjectSpec

__all__ = ["EvidenceLine", "Place", "evidence_of", "places", "show_fact"]


class EvidenceLine(TypedDict):
    """One piece of evidence as the answer key gives it."""

    system: str
    object: str
    key: dict[str, str]
    field: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The true place of a fact: system, object, key fields by subject part, value field, newest-by field."""

    fact: str
    system: str
    object: str
    key: dict[str, str]
    field: str
    latest_by: str | None
    codes: dict[str, str]


# fact -> role, object, value, key parts, newest by
_FACTS: Final[dict[str, tuple[str, str, str, dict[str, str], str]]] = {
    "discharge.call": ("terminal", "discharge", "call", {"container": "container", "bl": "bill"}, ""),
    "discharge.at": ("terminal", "unit", "discharged_at", {"container": "number"}, ""),
    "box.size": ("terminal", "unit", "length", {"container": "number"}, ""),
    "box.kind": ("terminal", "unit", "kind", {"container": "number"}, ""),
    "box.tare": ("terminal", "unit", "tare", {"container": "number"}, ""),
    "goods.description": ("bills", "item", "goods", {"container": "container", "bl": "bill"}, ""),
    "goods.hs": ("bills", "item", "hs", {"container": "container", "bl": "bill"}, ""),
    "goods.un": ("bills", "item", "un", {"container": "container", "bl": "bill"}, ""),
    "goods.weight": ("bills", "item", "weight", {"container": "container", "bl": "bill"}, ""),
    "goods.box_weight": ("bills", "item", "weight", {"container": "container"}, ""),
    "goods.packages": ("bills", "item", "packages", {"container": "container", "bl": "bill"}, ""),
    "title.kind": ("bills", "bill", "kind", {"bl": "bill"}, "changed_at"),
    "title.state": ("bills", "surrender", "state", {"bl": "bill"}, "at"),
    "charge.open_amount": ("receivables", "charge", "open", {"bl": "bill"}, ""),
    "charge.currency": ("receivables", "charge", "currency", {"bl": "bill"}, ""),
    "charge.document": ("receivables", "charge", "document", {"bl": "bill"}, ""),
    "payment.unmatched": ("receivables", "payment", "unmatched", {"bl": "bill"}, ""),
    "credit.limit": ("cover", "cover", "limit", {"party": "customer"}, "as_of"),
    "credit.used": ("cover", "cover", "used", {"party": "customer"}, "as_of"),
    "credit.as_of": ("cover", "cover", "as_of", {"party": "customer"}, "as_of"),
    "credit.valid_until": ("cover", "cover", "valid_until", {"party": "customer"}, "as_of"),
    "customs.state": ("customs", "CUSRES", "state", {"container": "container", "bl": "bill"}, "sent"),
    "customs.weight": ("customs", "CUSRES", "weight", {"container": "container", "bl": "bill"}, "sent"),
    "customs.packages": ("customs", "CUSRES", "packages", {"container": "container", "bl": "bill"}, "sent"),
    "health.state": ("health", "certificate", "state", {"container": "container", "bl": "bill"}, "issued"),
    "health.valid_until": (
        "health", "certificate", "valid_until", {"container": "container", "bl": "bill"}, "issued",
    ),
    "dangerous.un": ("dangerous", "IFTDGN", "un", {"container": "container"}, "sent"),
    "dangerous.class": ("dangerous", "IFTDGN", "hazard_class", {"container": "container"}, "sent"),
    "seal.manifest": ("bills", "item", "seal", {"container": "container", "bl": "bill"}, ""),
    "seal.terminal": ("terminal", "unit", "seal", {"container": "number"}, ""),
    "damage.code": ("terminal", "unit", "damage", {"container": "number"}, ""),
    "stop.listed": ("terminal", "block", "state", {"container": "container"}, "at"),
    "consignee.party": ("bills", "bill", "consignee", {"bl": "bill"}, "changed_at"),
    "consignee.name": ("bills", "bill", "printed_name", {"bl": "bill"}, "changed_at"),
    "party.name": ("customers", "customer", "name", {"party": "number"}, ""),
    "party.alias": ("customers", "alias", "alias", {"party": "party"}, ""),
    "party.group": ("customers", "customer", "group", {"party": "number"}, ""),
    "party.contact": ("customers", "customer", "contact", {"party": "number"}, ""),
    "party.contact_changed_at": ("customers", "customer", "contact_changed_at", {"party": "number"}, ""),
    "mandate.state": (
        "customers", "mandate", "state", {"party": "principal", "agent": "agent"}, "granted_at",
    ),
    "mandate.scope": (
        "customers", "mandate", "scope", {"party": "principal", "agent": "agent"}, "granted_at",
    ),
    "mandate.valid_until": (
        "customers", "mandate", "valid_until", {"party": "principal", "agent": "agent"}, "granted_at",
    ),
    "order.state": ("community", "order", "state", {"container": "container", "bl": "bill"}, "updated_at"),
    "order.valid_until": (
        "community", "order", "valid_until", {"container": "container", "bl": "bill"}, "updated_at",
    ),
    "order.party": ("community", "order", "party", {"container": "container", "bl": "bill"}, "updated_at"),
    "pickup.at": ("gate", "slot", "start", {"container": "container"}, "created"),
    "pickup.haulier": ("gate", "slot", "haulier", {"container": "container"}, "created"),
    "mass.verified": ("mass", "VERMAS", "mass", {"container": "container"}, "sent"),
    "empty.outstanding": ("haulier", "haulier", "outstanding", {"haulier": "code"}, ""),
    # texts are no facts of the catalogue, but evidence too
    "text.mail": ("mailbox", "messages", "text", {"message": "message_id"}, ""),
    "text.remark": ("terminal", "remark", "text", {"remark": "number"}, ""),
}  # fmt: skip

# how the connectors' message profiles call what our messages carry
_AS_READ: Final = {
    "CUSRES": {"at": "dtm", "weight": "gross_mass"},
    "IFTDGN": {"at": "dtm", "hazard_class": "dg_class"},
    "VERMAS": {"at": "dtm", "mass": "verified_mass"},
}


def places(canon: Canon) -> dict[str, Place]:
    """Return where each fact lies in this world, by the names a reader of the systems meets."""
    dealt = deal_systems(canon)
    return {fact: _place(dealt, fact) for fact in _FACTS}


def _spec(role: str, object_id: str) -> ObjectSpec:
    return next(spec for spec in SPECS if (spec.role, spec.id) == (role, object_id))


def _place(dealt: dict[str, Dealt], fact: str) -> Place:
    role, object_id, attr, key, latest = _FACTS[fact]
    system = dealt[role]
    key = _shown_key(system, object_id, key)
    codes = _spec(role, object_id).field(attr).codes
    return Place(
        fact=fact,
        system=system.name,
        object=_object(system, object_id),
        key={part: _name(system, object_id, one) for part, one in key.items()},
        field=_name(system, object_id, attr),
        latest_by=_name(system, object_id, latest) if latest else None,
        codes=dict(system.codes.get(codes, {})),
    )


# where a system lacks the usual key column, rows are found by another number
_OTHERWISE: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "payment": {"bill": ("document", "document")},
    "item": {"bill": ("bill_id", "uuid")},
    "cover": {"customer": ("tax", "tax")},
}


def _shown_key(system: Dealt, object_id: str, key: dict[str, str]) -> dict[str, str]:
    otherwise = _OTHERWISE.get(object_id, {})
    missing = {attr for attr in key.values() if attr not in system.fields[object_id]}
    return dict(otherwise[attr] if attr in missing else (part, attr) for part, attr in key.items())


def _object(system: Dealt, object_id: str) -> str:
    """Return the object as a reader names it: a resource by its path."""
    name = system.objects[object_id]
    return f"/{name}" if system.technology == "http" else name


def _name(system: Dealt, object_id: str, attr: str) -> str:
    name = system.fields[object_id][attr]
    return _AS_READ.get(object_id, {}).get(name, name)


class _Cache:
    """Systems are dealt once a canon; the key asks for each of thousands of facts."""

    seed: int | None = None
    dealt: dict[str, Dealt]


_cache = _Cache()


def _dealt(canon: Canon) -> dict[str, Dealt]:
    if _cache.seed != canon.seed:
        _cache.seed, _cache.dealt = canon.seed, deal_systems(canon)
    return _cache.dealt


def evidence_of(canon: Canon, fact: str, record: Any, subject: dict[str, str]) -> EvidenceLine:
    """Return a fact as evidence; ``record`` None says that the system has no row for ``subject``."""
    role, object_id, attr, key, _ = _FACTS[fact]
    system, spec = _dealt(canon)[role], _spec(role, object_id)
    key = _shown_key(system, object_id, key)
    if record is None:
        where = {
            _name(system, object_id, one): str(written(system, one, subject.get(part, "")))
            for part, one in key.items()
        }
        value = None
    else:
        where = {
            _name(system, object_id, one): _text(cell_of(system, spec.field(one), record)) or ""
            for one in key.values()
        }
        value = _text(cell_of(system, spec.field(attr), record))
    return EvidenceLine(
        system=system.name,
        object=_object(system, object_id),
        key=where,
        field=_name(system, object_id, attr),
        value=value,
    )


def show_fact(canon: Canon, fact: str, record: Any) -> str | None:
    """Return the value that ``record`` shows for ``fact`` in its system, as text."""
    role, object_id, attr, _, _ = _FACTS[fact]
    return _text(cell_of(_dealt(canon)[role], _spec(role, object_id).field(attr), record))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
