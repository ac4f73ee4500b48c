"""Owns asking systems in batches: one query an object for up to 500 keys; failures kept as causes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any, Protocol

from pilothouse.connectors import Query, Row, Sources
from pilothouse.kernel import DataError, DeniedError, PilothouseError, Principal, UsageError
from pilothouse_port.bindings.model import KeyModel
from pilothouse_port.bindings.values import apply, text_of

__all__ = ["Failure", "Load", "Reader", "SourcesReader", "Want", "index_key", "load_all"]


class Reader(Protocol):
    """Reads a system with somebody's rights."""

    async def read(self, system: str, query: Query) -> list[Row]:
        """Return the rows, or raise one of the kernel's errors."""
        ...


class SourcesReader:
    """Reads through the project's sources as one principal and counts the look-ups."""

    def __init__(self, sources: Sources, principal: Principal) -> None:
        self._sources = sources
        self._principal = principal
        self.lookups = 0

    async def read(self, system: str, query: Query) -> list[Row]:
        """Return the rows of one look-up."""
        self.lookups += 1
        return await self._sources.read(self._principal, system, query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a read gave nothing: the cause of the unknowns that follow."""

    cause: str
    detail: str


@dataclass(frozen=True, slots=True)
class Want:
    """One kind of look-up: where, by which fields, with which fixed parameters.

    Attributes:
        fields: Key fields with their cleaning transforms.
        scan: Read the whole object instead of asking by key.
    """

    system: str
    object: str
    fields: tuple[tuple[str, tuple[str, ...]], ...]
    params: tuple[tuple[str, tuple[str, ...]], ...] = ()
    scan: bool = False
    batch: int = 500


def want_of(
    system: str,
    object: str,
    keys: Mapping[str, KeyModel],
    *,
    params: Mapping[str, tuple[str, ...]],
    scan: bool,
    batch: int,
) -> Want:
    """Return the look-up of a binding; bindings with the same one share its rows."""
    fields = tuple(sorted((key.field, key.clean) for key in keys.values()))
    return Want(
        system,
        object,
        fields,
        tuple(sorted(params.items())),
        scan or any(clean for _, clean in fields),
        batch,
    )


Key = tuple[str, ...]


@dataclass(slots=True)
class Load:
    """The rows of one look-up by key, or why there are none."""

    rows: dict[Key, list[Row]] = field(default_factory=dict[Key, list[Row]])
    failure: Failure | None = None
    columns: frozenset[str] | None = None
    newest: datetime | None = None
    everything: list[Row] = field(default_factory=list[Row])


def index_key(row: Row, want: Want) -> Key:
    """Return the row's key in our form."""
    return tuple(
        text_of(apply(clean, row.values.get(name, row.key.get(name)) or "")) for name, clean in want.fields
    )


async def load_all(reader: Reader, wants: Mapping[Want, Iterable[Key]]) -> dict[Want, Load]:
    """Load every look-up; systems side by side, one system's look-ups one after the other."""
    by_system: dict[str, list[Want]] = {}
    for want in wants:
        by_system.setdefault(want.system, []).append(want)
    out: dict[Want, Load] = {}

    async def one_system(system: str) -> None:
        for want in by_system[system]:
            out[want] = await _load(reader, want, sorted(set(wants[want])))

    await asyncio.gather(*(one_system(system) for system in by_system))
    return out


async def _load(reader: Reader, want: Want, keys: Sequence[Key]) -> Load:
    load = Load()
    columns: set[str] = set()
    try:
        for query in _queries(want, keys):
            for row in await reader.read(want.system, query):
                columns.update(row.values, row.key)
                load.everything.append(row)
                load.rows.setdefault(index_key(row, want), []).append(row)
    except PilothouseError as error:
        return Load(failure=_failure(want, error))
    load.columns = frozenset(columns) if load.everything else None
    stamps = [row.as_of for row in load.everything if row.as_of is not None]
    load.newest = max(stamps) if stamps else None
    return load


def _failure(want: Want, error: PilothouseError) -> Failure:
    """A gone column or missing right is a matter of mapping; everything else means the system is down."""
    mapping = isinstance(error, UsageError | DeniedError) or (
        isinstance(error, DataError) and error.code in ("sources.field", "sources.object")
    )
    return Failure(
        cause="unbound" if mapping else "system_down", detail=f"{want.system} {want.object}: {error.message}"
    )


def _queries(want: Want, keys: Sequence[Key]) -> Iterator[Query]:
    params: dict[str, Any] = {name: list(values) for name, values in want.params}
    if want.scan:
        yield Query(want.object, where=params)
        return
    for start in range(0, len(keys), want.batch):
        chunk = keys[start : start + want.batch]
        columns = {name: sorted({key[place] for key in chunk}) for place, (name, _) in enumerate(want.fields)}
        yield Query(want.object, where={**params, **columns})


def combinations(parts: Sequence[Sequence[str]]) -> list[Key]:
    """Return every key that can be made from the values of its parts."""
    return [tuple(each) for each in product(*parts)]
