"""Owns what the quay shows: terminal, gate, hauliers, the port community's release orders."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from pilothouse_port.world.canon import Canon, stream
from pilothouse_port.world.canon.stock import mistyped
from pilothouse_port.world.project.specs import ObjectSpec, f

__all__ = ["QUAY"]


def _discharge(canon: Canon) -> list[Any]:
    return list(enumerate(canon.consignments, start=1))


def _jobs(canon: Canon) -> list[Any]:
    """Return the hauliers' own copy of the bookings; a few box numbers are mistyped."""
    rng: Random = stream(canon.seed, "jobs")
    rows: list[Any] = []
    for n, slot in enumerate(s for s in canon.yard.slots if s.state == "booked"):
        number = mistyped(rng, slot.container) if rng.random() < 0.03 else slot.container
        rows.append(
            {"job": f"J{n + 7001}", "container": number, "slot": slot, "driver": f"D{rng.randrange(900)}"}
        )
    return rows


QUAY: Final = (
    ObjectSpec(
        role="terminal",
        id="discharge",
        phrase="discharge list",
        records=_discharge,
        key=(),
        fields=(
            f("call", "call reference", get=lambda r: r[1].bill.call.reference),
            f("sequence", "sequence", "int", get=lambda r: r[0]),
            f("container", "container number", get=lambda r: r[1].container.number),
            f("bill", "bill number", get=lambda r: r[1].bill.number),
        ),
    ),
    ObjectSpec(
        role="terminal",
        id="unit",
        phrase="yard container",
        records=lambda canon: canon.cargo.containers,
        key=("call", "number"),
        fields=(
            f("call", "call reference", get=lambda r: r.call.reference),
            f("number", "container number"),
            f("iso_type", "size code"),
            f("length", "length", "int"),
            f("kind", "container kind", codes="box.kind"),
            f("tare", "tare", "decimal"),
            f("discharged_at", "discharge time", "datetime"),
            f("seal", "seal number"),
            f("damage", "damage code", codes="damage.code"),
            f("position", "yard position"),
        ),
    ),
    ObjectSpec(
        role="terminal",
        id="remark",
        phrase="yard remark",
        records=lambda canon: canon.history.texts.remarks + canon.texts.remarks,
        key=("number",),
        fields=(
            f("number", "remark number", "int"),
            f("container", "container number"),
            f("at", "remark time", "datetime"),
            f("by", "author"),
            f("text", "remark text"),
        ),
    ),
    ObjectSpec(
        role="terminal",
        id="block",
        phrase="container block",
        records=lambda canon: canon.yard.blocks,
        key=(),
        fields=(
            f("container", "container number"),
            f("kind", "block kind"),
            f("state", "block state", codes="stop.listed"),
            f("at", "block time", "datetime"),
            f("by", "by"),
        ),
    ),
    ObjectSpec(
        role="community",
        id="order",
        phrase="release order",
        records=lambda canon: canon.papers.orders,
        key=("id",),
        fields=(
            f("id", "id", get=lambda r: f"{r.number}-{r.version}"),
            f("number", "order number"),
            f("version", "version", "int"),
            f("container", "container number"),
            f("bill", "bill number"),
            f("party", "party number"),
            f("party_name", "party name"),
            f("state", "order state", codes="order.state"),
            f("updated_at", "updated time", "datetime"),
            f("valid_until", "valid until", "datetime"),
        ),
    ),
    ObjectSpec(
        role="gate",
        id="slot",
        phrase="slot",
        records=lambda canon: canon.yard.slots,
        key=("number",),
        fields=(
            f("number", "slot number"),
            f("container", "container number"),
            f("haulier", "haulier code", get=lambda r: r.haulier.code),
            f("haulier_name", "haulier name", get=lambda r: r.haulier.name),
            f("state", "slot state", codes="slot.state"),
            f("start", "start time", "datetime"),
            f("end", "end time", "datetime"),
            f("created", "created time", "datetime"),
        ),
    ),
    ObjectSpec(
        role="haulier",
        id="haulier",
        phrase="haulier registry",
        records=lambda canon: canon.yard.hauliers,
        key=("code",),
        fields=(
            f("code", "haulier code"),
            f("name", "haulier name"),
            f("outstanding", "empty outstanding", "int"),
            f("phone", "phone"),
        ),
    ),
    ObjectSpec(
        role="haulier",
        id="job",
        phrase="haulier job",
        records=_jobs,
        key=("container",),
        fields=(
            f("job", "job number", get=lambda r: r["job"]),
            f("container", "container number", get=lambda r: r["container"]),
            f("haulier", "haulier code", get=lambda r: r["slot"].haulier.code),
            f("driver", "driver", get=lambda r: r["driver"]),
            f("start", "start time", "datetime", get=lambda r: r["slot"].start),
        ),
    ),
)
