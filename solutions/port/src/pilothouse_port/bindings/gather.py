"""Owns gathering: the discharge list, then all facts of many consignments in rounds of batched look-ups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pilothouse.connectors import Query, Row
from pilothouse.kernel import PilothouseError, wired
from pilothouse_port.bindings.load import ROOT_KEYS, Bindings
from pilothouse_port.bindings.model import BindingModel, DefaultsModel, KeyModel, TextModel
from pilothouse_port.bindings.read import Key, Load, Reader, Want, combinations, load_all, want_of
from pilothouse_port.bindings.resolve import Resolver, combined
from pilothouse_port.bindings.texts import Found, gather_texts
from pilothouse_port.bindings.values import apply, parts_of, text_of
from pilothouse_port.facts import FACTS, facts_of
from pilothouse_port.reading.senders import domain_of
from pilothouse_port.types import Absent, Consignment, Fact, Facts, Reading, Unknown

__all__ = ["Gathered", "defaults_of", "gather", "list_consignments", "needed_facts"]

NO_DEFAULTS: Final = DefaultsModel()
PART_FACTS: Final[Mapping[str, str]] = {
    "party": "consignee.party",
    "agent": "order.party",
    "document": "charge.document",
    "haulier": "pickup.haulier",
}
"""Key parts that another fact gives."""


@wired("port.gathered")
@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The facts of a batch and what it cost.

    Attributes:
        lookups: Queries sent for the whole batch.
    """

    facts: tuple[Facts, ...]
    lookups: int


def defaults_of(bindings: Bindings, system: str) -> DefaultsModel:
    """Return what holds for every binding of ``system``."""
    return bindings.model.systems.get(system, NO_DEFAULTS)


async def list_consignments(
    bindings: Bindings, reader: Reader, *, call: str | None = None
) -> tuple[Consignment, ...]:
    """Return the consignments of the discharge list, sorted, each once.

    Raises:
        UnavailableError, DataError: The list cannot be read; nothing runs without it.
    """
    listed = bindings.model.list
    found: dict[str, Consignment] = {}
    for row in await reader.read(listed.system, Query(listed.object)):
        if not _passes(row, listed.where, listed.unless):
            continue
        one = Consignment(
            container=_part(row, listed.container),
            bl=_part(row, listed.bl),
            call=_part(row, listed.call) if listed.call else "",
        )
        if one.container and one.bl and call in (None, one.call):
            found[one.key] = one
    return tuple(found[key] for key in sorted(found))


def _passes(row: Row, where: Mapping[str, Sequence[str]], unless: Mapping[str, Sequence[str]]) -> bool:
    if any(text_of(row[name]) not in words for name, words in where.items()):
        return False
    return not any(text_of(row[name]) in words for name, words in unless.items())


def _part(row: Row, key: KeyModel) -> str:
    value = row.values.get(key.field, row.key.get(key.field))
    return text_of(apply((*key.as_, *key.clean), value if value is not None else ""))


def needed_facts(bindings: Bindings) -> tuple[str, ...]:
    """Return the facts that the policy's checks and conditions read, in catalogue order."""
    names: set[str] = set()
    for check in bindings.table.checks():
        names.update(check.needs)
    for row in bindings.table.rows:
        conditions = [*row.when, *(c for twist in row.exceptions for c in twist.when)]
        names.update(c.name for c in conditions if c.name in FACTS)
    names.update(facts_of("mandate") if "mandate.state" in names else ())
    names.update(PART_FACTS.values())
    return tuple(name for name in FACTS if name in names and name not in ("discharge.call",))


class _Batch:
    """One gathering: readings by fact and consignment, filled round by round."""

    def __init__(
        self, bindings: Bindings, consignments: Sequence[Consignment], reader: Reader, at: datetime
    ) -> None:
        self.bindings = bindings
        self.consignments = consignments
        self.reader = reader
        self.at = at
        self.lookups = 0
        self.readings: dict[str, dict[str, Reading]] = {}

    async def read(self, system: str, query: Query) -> list[Row]:
        """Count and pass on one look-up."""
        self.lookups += 1
        return await self.reader.read(system, query)

    async def fill(self, names: Iterable[str]) -> None:
        """Resolve ``names`` and whatever their keys hang on."""
        pending = self._closure(names)
        while pending:
            ready = [name for name in pending if not self._hangs_on(name) & set(pending)]
            await self._round(ready)
            pending = [name for name in pending if name not in ready]

    def _closure(self, names: Iterable[str]) -> list[str]:
        out: list[str] = []
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in out and name not in self.readings:
                out.append(name)
                todo += self._hangs_on(name)
        return out

    def _hangs_on(self, name: str) -> set[str]:
        parts = {part for binding in self.bindings.of(name) for part in binding.key}
        joins = self.bindings.model.joins
        return {PART_FACTS.get(part, part) for part in parts if part in PART_FACTS or part in joins}

    async def _round(self, names: Sequence[str]) -> None:
        wants: dict[Want, set[Key]] = {}
        for name in names:
            for binding in self.bindings.of(name):
                keys = wants.setdefault(self._want(binding), set())
                keys.update(key for one in self.consignments for key in self.keys(binding, one))
        loads = await load_all(self, {want: keys for want, keys in wants.items() if keys or want.scan})
        for name in names:
            self.readings[name] = {c.key: self._reading(name, c, loads) for c in self.consignments}

    def _want(self, binding: BindingModel) -> Want:
        defaults = defaults_of(self.bindings, binding.system)
        return want_of(
            binding.system,
            binding.object,
            binding.key,
            params=binding.params,
            scan=binding.scan or defaults.scan,
            batch=defaults.batch,
        )

    def keys(self, binding: BindingModel | TextModel, one: Consignment) -> list[Key]:
        """Return the keys of a consignment in the system's form, ordered as the look-up's fields are."""
        parts: list[tuple[str, list[str]]] = []
        for part, key in binding.key.items():
            given = self._given(part, one)
            if not isinstance(given, Fact):
                return []
            texts = sorted({text_of(apply(key.as_, v)) for v in parts_of(given.value) if text_of(v)})
            parts.append((key.field, texts))
        return combinations([texts for _, texts in sorted(parts, key=lambda item: item[0])])

    def _given(self, part: str, one: Consignment) -> Reading:
        if part in ("container", "bl", "call"):
            return Fact(name=part, value=getattr(one, part), cited=())
        name = PART_FACTS.get(part, part)
        return self.readings[name][one.key]

    def _reading(self, name: str, one: Consignment, loads: Mapping[Want, Load]) -> Reading:
        bound = self.bindings.of(name)
        if not bound:
            return Unknown(name=name, cause="unbound", detail=f"{name} is not bound in port.yaml")
        return combined(name, [self._bound(name, binding, one, loads) for binding in bound])

    def _bound(
        self, name: str, binding: BindingModel, one: Consignment, loads: Mapping[Want, Load]
    ) -> Reading:
        missing = self._missing_part(name, binding, one)
        if missing is not None:
            return missing
        defaults = defaults_of(self.bindings, binding.system)
        resolver = Resolver(
            name=name,
            binding=binding,
            defaults=defaults,
            zone=binding.timezone or defaults.timezone or self.bindings.model.timezone,
            at=self.at,
        )
        want = self._want(binding)
        load = loads.get(want, Load())
        keys = self.keys(binding, one)
        rows = [row for key in keys for row in load.rows.get(key, ())]
        looked = dict(zip((name for name, _ in want.fields), keys[0], strict=True)) if keys else {}
        return resolver.read(load, rows, looked)

    def _missing_part(self, name: str, binding: BindingModel, one: Consignment) -> Reading | None:
        """A key that is unknown makes the fact unknown; a key that is not there means there is no row."""
        for part in binding.key:
            given = self._given(part, one)
            if isinstance(given, Unknown):
                return Unknown(name=name, cause=given.cause, detail=given.detail, cited=given.cited)
            if isinstance(given, Absent):
                spec = FACTS.get(name)
                if spec is not None and spec.absent == "unknown":
                    return Unknown(name=name, cause="missing_row", detail=f"no {part} to look {name} up by")
                return Absent(name=name, cited=given.cited)
        return None


async def _registered_domains(bindings: Bindings, batch: _Batch) -> frozenset[str]:
    """Return the domains of every registered contact: who resembles one of them is not it."""
    if not any(text.kind == "mail" for text in bindings.model.texts.values()):
        return frozenset()
    found: set[str] = set()
    for binding in bindings.of("party.contact"):
        try:
            rows = await batch.read(binding.system, Query(binding.object))
        except PilothouseError:
            continue  # the fact itself says that the system is down
        values = (text_of(row.values.get(name)) for row in rows for name in binding.value)
        found.update(
            domain for value in values for domain in map(domain_of, re.split(r"[;,\s]+", value)) if domain
        )
    return frozenset(found)


def _hung_on_by_texts(bindings: Bindings) -> list[str]:
    """Return the facts and joins that give the keys of texts."""
    parts = {part for text in bindings.model.texts.values() for part in text.key}
    return [PART_FACTS.get(part, part) for part in sorted(parts) if part not in ROOT_KEYS]


async def gather(
    bindings: Bindings,
    reader: Reader,
    consignments: Sequence[Consignment],
    *,
    at: datetime,
    texts: bool = True,
    names: Iterable[str] | None = None,
) -> Gathered:
    """Read everything the policy needs for ``consignments``.

    Args:
        bindings: The port as configured.
        reader: Reads with the asker's rights.
        consignments: Of one call, or of many.
        at: The time asked about.
        texts: False leaves texts out: the structured-facts-only baseline.
        names: Facts to read; by default those the policy needs.
    """
    batch = _Batch(bindings, consignments, reader, at)
    await batch.fill(needed_facts(bindings) if names is None else names)
    if texts:
        await batch.fill(_hung_on_by_texts(bindings))
    wanted = [name for name in FACTS if name in batch.readings]
    found: Found = {}
    if texts:
        domains = await _registered_domains(bindings, batch)
        found = await gather_texts(bindings, batch, consignments, at=at, keys=batch.keys, domains=domains)
    facts: list[Facts] = []
    for one in consignments:
        unread, gaps = found.get(one.key, ((), {}))
        readings = {name: batch.readings[name][one.key] for name in wanted}
        facts.append(Facts(consignment=one, readings={**readings, **gaps}, unread=unread))
    return Gathered(facts=tuple(facts), lookups=batch.lookups)
