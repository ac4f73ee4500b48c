"""Owns what authorities show: customs answers, health certificates, dangerous goods, verified mass."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from pilothouse_port.world.canon import Canon, stream
from pilothouse_port.world.project.specs import ObjectSpec, f

__all__ = ["AUTHORITIES", "health_dumps"]


def _customs(canon: Canon) -> list[Any]:
    """Return messages in the order they came in, a few sent twice."""
    rng = stream(canon.seed, "customs copies")
    rows = list(canon.papers.customs)
    rows += [replace(m, received=m.received + timedelta(minutes=7)) for m in rows if rng.random() < 0.04]
    return sorted(rows, key=lambda m: (m.received, m.document, m.function))


def health_dumps(canon: Canon) -> tuple[list[Any], list[Any]]:
    """Return yesterday's dump, where some answers were still pending, and today's, which stands."""
    rng = stream(canon.seed, "health dumps")
    today = canon.local_now.date()
    rows = list(canon.papers.certificates)
    before = [
        replace(row, state="pending") if rng.random() < 0.2 else row for row in rows if row.issued < today
    ]
    return before, rows


def _certificates(canon: Canon) -> list[Any]:
    before, now = health_dumps(canon)
    return before + now


AUTHORITIES: Final = (
    ObjectSpec(
        role="customs",
        id="CUSRES",
        phrase="customs",
        records=_customs,
        key=(),
        fields=(
            f("document", "document"),
            f("function", "function"),
            f("sent", "at", "datetime"),
            f("declaration", "declaration"),
            f("container", "container"),
            f("bill", "bl"),
            f("state", "status", codes="customs.state"),
            f("packages", "packages", "int"),
            f("weight", "weight", "decimal"),
            f("remark", "remark"),
        ),
    ),
    ObjectSpec(
        role="health",
        id="certificate",
        phrase="certificate",
        records=_certificates,
        key=(),
        fields=(
            f("number", "certificate number"),
            f("item", "item", "int"),
            f("container", "container number"),
            f("bill", "bill number"),
            f("hs", "tariff code"),
            f("state", "certificate state", codes="health.state"),
            f("issued", "issued date", "date"),
            f("valid_until", "valid until", "date"),
            f("weight", "gross weight", "decimal"),
        ),
    ),
    ObjectSpec(
        role="dangerous",
        id="IFTDGN",
        phrase="dangerous",
        records=lambda canon: canon.papers.notices,
        key=(),
        fields=(
            f("document", "document"),
            f("function", "function"),
            f("sent", "at", "datetime"),
            f("notice", "notice"),
            f("container", "container"),
            f("bill", "bl"),
            f("un", "un_number"),
            f("hazard_class", "hazard_class"),
            f("packing_group", "packing_group"),
            f("remark", "remark", get=lambda r: ""),
        ),
    ),
    ObjectSpec(
        role="mass",
        id="VERMAS",
        phrase="mass",
        records=lambda canon: canon.papers.masses,
        key=(),
        fields=(
            f("document", "document"),
            f("function", "function", get=lambda r: "9"),
            f("sent", "at", "datetime"),
            f("booking", "booking"),
            f("container", "container"),
            f("mass", "mass", "decimal", get=lambda r: r.shown),
            f("unit", "unit"),
            f("method", "method"),
            f("responsible", "responsible"),
        ),
    ),
)
