"""Owns the tools of a clerk's agent: reading every system under its own labels, acting through the door."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from pilothouse.agents import ActTool, ReadTool, Returns, Toolbox, Value
from pilothouse.connectors import Query, Row, Sources
from pilothouse.kernel import DataError, Json, PilothouseError, Principal
from pilothouse.labels import Integrity, Label, join
from pilothouse_port.attack.labelled import cell, listed, own, part, plain, together, whole
from pilothouse_port.bindings import Bindings, SourcesReader, mentions
from pilothouse_port.evaluate import evaluate
from pilothouse_port.outward import cancel_release, release_container, send_notice
from pilothouse_port.types import Consignment

if TYPE_CHECKING:
    from pilothouse_port.bindings import BindingModel

__all__ = ["ACTING", "Clerk", "form"]

ACTING = (release_container, cancel_release, send_notice)
CONFIGURED = Returns(integrity=Integrity.OPERATOR, readers=())
"""What the port's own configuration says; somebody signed it."""


def form(bindings: Bindings, effect: str) -> dict[str, Any]:
    """Return how this port's systems are told: which one, by which tool, in which form."""
    spec = bindings.model.effects[effect]
    return {"system": spec.system, "tool": spec.tool, "form": dict(spec.args)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clerk:
    """Reads a port for one person through one agent.

    Attributes:
        sources: The project's systems.
        principal: The person, through the agent.
        bindings: The port as configured.
        at: The time asked about.
    """

    sources: Sources
    principal: Principal
    bindings: Bindings
    at: datetime

    def toolbox(self) -> Toolbox:
        """Return every tool."""
        reading: dict[str, tuple[Callable[..., Awaitable[Json | Value]], tuple[str, ...]]] = {
            "records": (self.records, ("container", "bl")),
            "mails_about": (self.mails_about, ("container", "bl")),
            "newest_mails": (self.newest_mails, ()),
            "boxes_of": (self.boxes_of, ("bl",)),
            "charges": (self.charges, ("bl",)),
            "consignee": (self.consignee, ("bl",)),
            "contact": (self.contact, ("party",)),
            "order": (self.order, ("container", "bl")),
            "verdict": (self.verdict, ("container", "bl")),
            "read_source": (self.read_source, ("source", "object")),
            "all_hauliers": (self.all_hauliers, ()),
            "described": (self.described, ()),
        }
        forms = {
            "release_form": (self.release_form, ()),
            "cancel_form": (self.cancel_form, ()),
            "notice_form": (self.notice_form, ()),
        }
        return Toolbox(
            *(ReadTool(name=name, read=read, needs=needs) for name, (read, needs) in reading.items()),
            *(
                ReadTool(name=name, read=read, needs=needs, returns=CONFIGURED)
                for name, (read, needs) in forms.items()
            ),
            *(ActTool(spec=tool.spec, needs=tool.signature.order) for tool in ACTING),
        )

    async def records(self, container: str, bl: str) -> Value:
        """Return what the records say about a box, by system and object."""
        wanted = _objects(self.bindings)
        box = {"container": container, "bl": bl}
        found = await asyncio.gather(
            *(
                self._rows(system, object, {field: box[role] for role, field in keys})
                for (system, object), keys in wanted.items()
            )
        )
        parts = {f"{system} {object}": rows for (system, object), rows in zip(wanted, found, strict=True)}
        return together(parts, join(*(rows.label for rows in parts.values())))

    async def mails_about(self, container: str, bl: str) -> Value:
        """Return the mails that name a box or its bill of lading."""
        system, object, fields = self._mailbox()
        rows = await self._read(system, object, {})
        box = Consignment(container=container, bl=bl, call="")
        about = [row for row in rows if any(mentions(str(row.values.get(f)), box) for f in fields)]
        return self._value(system, object, about)

    async def newest_mails(self) -> Value:
        """Return the mailbox."""
        system, object, _ = self._mailbox()
        return self._value(system, object, await self._read(system, object, {}))

    async def boxes_of(self, bl: str) -> Value:
        """Return the boxes of a bill of lading, as the discharge list names them."""
        held = self.bindings.model.list
        rows = await self._read(held.system, held.object, {held.bl.field: bl})
        return listed(
            [part(row, {"container": held.container.field}) for row in rows],
            self._label(held.system, held.object, rows),
        )

    async def charges(self, bl: str) -> Value:
        """Return the open charges of a bill of lading."""
        one = self._fact("charge.open_amount")
        rows = await self._read(one.system, one.object, {one.key["bl"].field: bl})
        parts = [part(row, {"open": one.value[0]}) for row in rows]
        return listed(parts, self._label(one.system, one.object, rows))

    async def consignee(self, bl: str) -> Value:
        """Return the consignee of a bill of lading."""
        return await self._latest("consignee.party", {"bl": bl}, {"party": "consignee.party"})

    async def contact(self, party: str) -> Value:
        """Return the registered address of a party."""
        return await self._latest("party.contact", {"party": party}, {"address": "party.contact"})

    async def order(self, container: str, bl: str) -> Value:
        """Return the newest release order of a box: its party, and the right it stands for."""
        row = await self._newest("order.party", {"container": container, "bl": bl})
        found = part(row, {"party": self._fact("order.party").value[0]})
        key = next(iter(row.key))
        return together({**found.parts, "right": cell(row, key)}, found.label)

    async def verdict(self, container: str, bl: str) -> Value:
        """Return what the port's own checks and policy say about a box; it rests on all they read."""
        box = Consignment(container=container, bl=bl, call=await self._call_of(container, bl))
        reader = SourcesReader(self.sources, self.principal)
        (pack,) = await evaluate(self.bindings, reader, at=self.at, consignments=[box])
        systems = {
            one.system for name in self.bindings.model.facts for one in _bindings_of(self.bindings, name)
        }
        systems |= {one.system for one in self.bindings.model.texts.values()}
        rests = [self.sources.promised(system, reader=self.principal.id) for system in sorted(systems)]
        reasons = [reason.quote or reason.code for reason in pack.verdict.reasons]
        data: Json = {"advised": pack.verdict.advised.value, "reasons": cast("Json", reasons)}
        return plain(data, join(*rests, *(one.label for one in pack.evidence)))

    async def read_source(self, source: str, object: str) -> Value:
        """Return up to 20 rows of any object of any system."""
        rows = await self.sources.read(self.principal, source, Query(object, limit=20))
        return self._value(source, object, rows)

    async def all_hauliers(self) -> Value:
        """Return what the hauliers' pool says about whoever has a slot at the gate."""
        one, slot = self._fact("empty.outstanding"), self._fact("pickup.haulier")
        slots = await self._read(slot.system, slot.object, {})
        codes = sorted({str(row.values.get(slot.value[0])) for row in slots})[:3]
        asked = [self._rows(one.system, one.object, {one.key["haulier"].field: code}) for code in codes]
        found = await asyncio.gather(*asked)
        return listed(found, join(*(rows.label for rows in found)))

    async def described(self) -> Json:
        """Return what the systems say about their own objects; foreign text."""
        found: dict[str, Json] = {}
        for name in self.sources.names():
            try:
                objects = await self.sources.objects(self.principal, name)
            except PilothouseError:
                continue
            found[name] = cast("Json", [f"{one.name}: {one.documentation}" for one in objects])
        return found

    async def release_form(self) -> Json:
        """Return how the community system is told of a release, and until when it is good."""
        until = self.at + timedelta(days=self.bindings.model.effects["release"].valid_days)
        return {**form(self.bindings, "release"), "until": until.date().isoformat()}

    async def cancel_form(self) -> Json:
        """Return how the community system is told to take a right back."""
        return form(self.bindings, "cancel")

    async def notice_form(self) -> Json:
        """Return how a mail is sent."""
        return form(self.bindings, "notice")

    async def _latest(self, fact: str, keys: Mapping[str, str], parts: Mapping[str, str]) -> Value:
        row = await self._newest(fact, keys)
        return part(row, {name: self._fact(one).value[0] for name, one in parts.items()})

    async def _newest(self, fact: str, keys: Mapping[str, str]) -> Row:
        one = self._fact(fact)
        rows = await self._read(one.system, one.object, {one.key[role].field: v for role, v in keys.items()})
        if not rows:
            raise DataError(f"{one.system!r} has no {fact!r} for this", code="port.nothing")
        return max(rows, key=lambda row: tuple(str(row.values.get(name)) for name in one.latest_by))

    async def _call_of(self, container: str, bl: str) -> str:
        held = self.bindings.model.list
        rows = await self._read(
            held.system, held.object, {held.container.field: container, held.bl.field: bl}
        )
        return str(rows[0][held.call.field]) if rows and held.call is not None else ""

    def _fact(self, name: str) -> BindingModel:
        return _bindings_of(self.bindings, name)[0]

    def _mailbox(self) -> tuple[str, str, tuple[str, ...]]:
        text = next(one for one in self.bindings.model.texts.values() if one.kind == "mail")
        return text.system, text.object, text.text

    async def _rows(self, system: str, object: str, where: Mapping[str, str]) -> Value:
        return self._value(system, object, await self._read(system, object, where))

    async def _read(self, system: str, object: str, where: Mapping[str, str]) -> list[Row]:
        query = Query(object, where={name: [value] for name, value in where.items()})
        return await self.sources.read(self.principal, system, query)

    def _value(self, system: str, object: str, rows: list[Row]) -> Value:
        return listed([whole(row) for row in rows], self._label(system, object, rows))

    def _label(self, system: str, object: str, rows: Iterable[Row]) -> Label:
        """Return the label of which rows there are; of none, what the declaration promises."""
        labels = [own(row) for row in rows]
        return join(*labels) if labels else self.sources.promised(system, object, reader=self.principal.id)


def _objects(bindings: Bindings) -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
    """Return the objects that are found by box or bill of lading, and the fields of their keys."""
    found: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
    facts = [one for name in bindings.model.facts for one in _bindings_of(bindings, name)]
    for one in (*facts, *bindings.model.texts.values()):
        # A key in another form belongs to an object that is read as a whole.
        if any(key.as_ or key.clean for key in one.key.values()) or one.object.startswith("/"):
            continue
        keys = tuple((role, key.field) for role, key in one.key.items() if role in ("container", "bl"))
        if keys:
            found.setdefault((one.system, one.object), keys)
    return found


def _bindings_of(bindings: Bindings, fact: str) -> tuple[BindingModel, ...]:
    held = bindings.model.facts[fact]
    return held if isinstance(held, tuple) else (held,)
