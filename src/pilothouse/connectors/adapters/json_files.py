"""Owns the JSON source: a folder of payload files, each one record, a list, an envelope or JSON lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field

from pilothouse.connectors.errors import SourceDataError, SourceLimitError, SourceUnavailableError
from pilothouse.connectors.families import Folder
from pilothouse.connectors.flatten import flatten, items_of, json_version, parse_json
from pilothouse.connectors.ports import SourceContext
from pilothouse.connectors.select import as_text, choose
from pilothouse.connectors.types import FieldSchema, FieldType, Finding, ObjectSchema, Query, Row
from pilothouse.labels import Position

__all__ = ["JsonOptions", "JsonSource", "connect"]

FILE, PART = "file", "part"
TYPES: dict[type, FieldType] = {str: "text", bool: "boolean", int: "integer", list: "json", dict: "json"}


class ObjectOptions(BaseModel):
    """What is known about one pattern of files: its key, the name of its list, whether the newest is all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: tuple[str, ...] = ()
    items: str | None = None
    dump: Literal["full", "append"] | None = None


class JsonOptions(BaseModel):
    """Options of ``kind = "json"``.

    Attributes:
        path: The folder.
        dump: ``full``: the newest file is the whole truth; ``append``: all files together.
        objects: Patterns such as ``"arrival_*.json"`` and what is known about them.
        max_bytes: A larger file is an error.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    dump: Literal["full", "append"] = "append"
    objects: dict[str, ObjectOptions] = Field(default_factory=dict[str, ObjectOptions])
    max_bytes: int = Field(default=64 * 1024 * 1024, ge=1)


def connect(context: SourceContext) -> JsonSource:
    """Return the adapter of a source of kind ``json``.

    Raises:
        SourceUsageError: The declaration is not right.
    """
    return JsonSource(context, context.parse(JsonOptions))


class JsonSource:
    """One folder of payload files.

    Args:
        context: The source.
        options: Its declaration.
    """

    def __init__(self, context: SourceContext, options: JsonOptions) -> None:
        self._context = context
        self._options = options
        self._folder = Folder(
            context.name,
            context.path(options.path),
            suffixes=(".json", ".jsonl", ".ndjson"),
            zone=context.timezone,
        )
        self._kept: dict[tuple[str, str], tuple[tuple[int, int, int], list[Row]]] = {}

    async def ping(self) -> None:
        """Return when the folder can be listed."""
        await anyio.to_thread.run_sync(self._folder.files)

    async def objects(self) -> list[ObjectSchema]:
        """Return one object per family of files and per declared pattern."""
        return await anyio.to_thread.run_sync(self._objects)

    async def read(self, query: Query) -> list[Row]:
        """Return the matching records of all files of a pattern, or of the newest."""
        return await anyio.to_thread.run_sync(lambda: self._read(query), abandon_on_cancel=True)

    async def sample(self, object: str, n: int) -> list[Row]:
        """Return the first ``n`` records."""
        return await self.read(Query(object, limit=n))

    async def findings(self, object: str | None = None) -> list[Finding]:
        """Return the files that cannot be read."""
        return await anyio.to_thread.run_sync(lambda: self._findings(object))

    async def close(self) -> None:
        """Forget the files that were read."""
        self._kept.clear()

    def _patterns(self) -> list[str]:
        return sorted({*self._folder.patterns(), *self._options.objects})

    def _objects(self) -> list[ObjectSchema]:
        schemas: list[ObjectSchema] = []
        for pattern in self._patterns():
            try:
                rows = self._rows(pattern)
            except SourceDataError as error:
                # One broken file must not hide the others; reading it raises the same error.
                schemas.append(ObjectSchema(name=pattern, documentation=f"cannot be read: {error.message}"))
                continue
            key = tuple(rows[0].key) if rows else self._declared(pattern).key
            schemas.append(ObjectSchema(name=pattern, fields=_fields(rows), key=key, row_count=len(rows)))
        return schemas

    def _declared(self, pattern: str) -> ObjectOptions:
        return self._options.objects.get(pattern, ObjectOptions())

    def _read(self, query: Query) -> list[Row]:
        rows = self._rows(query.object)
        names = {name for row in rows for name in row.values} | {FILE, PART}
        if not rows:
            # Payloads have no header: an empty list says nothing about which fields its records would have.
            names |= {*query.where, *(query.fields or ())} | {
                name.removeprefix("-") for name in query.order_by
            }
        now = self._context.clock.now()
        found = choose(self._context.name, query, rows, names)
        return [dataclasses.replace(row, read_at=now) for row in found]

    def _rows(self, pattern: str) -> list[Row]:
        files = self._folder.matching(pattern)
        if (self._declared(pattern).dump or self._options.dump) == "full":
            files = files[-1:]
        rows = [row for path in files for row in self._file(pattern, path)]
        return rows if self._declared(pattern).key else _keyed(rows)

    def _file(self, pattern: str, path: Path) -> list[Row]:
        """Return the records of a file, kept until it changes."""
        try:
            stat = path.stat()
        except OSError as error:
            raise self._unreadable(path, error) from error
        known = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        kept = self._kept.get((pattern, path.name))
        if kept is not None and kept[0] == known:
            return kept[1]
        rows = self._records(pattern, path)
        self._kept[pattern, path.name] = (known, rows)
        return rows

    def _records(self, pattern: str, path: Path) -> list[Row]:
        as_of = self._folder.as_of(path)
        rows: list[Row] = []
        for item, part, line in self._items(pattern, path):
            if not isinstance(item, Mapping):
                raise self._rubbish(path, f"has {item!r:.40} at {part} where a record belongs")
            values = flatten(cast("Mapping[str, Any]", item))
            rows.append(
                self._context.row(
                    pattern,
                    key=self._key(pattern, path, part, values),
                    values=values,
                    version=json_version(cast("object", item)),
                    position=Position(file=path.name, part=part, line=line),
                    as_of=as_of,
                )
            )
        return rows

    def _key(self, pattern: str, path: Path, part: str, values: Mapping[str, Any]) -> dict[str, str]:
        declared = self._declared(pattern).key
        for name in declared:
            if values.get(name) is None:
                raise self._rubbish(path, f"has no {name!r} at {part}, which is declared as key")
        if declared:
            return {name: as_text(values[name]) for name in declared}
        return {FILE: path.name, PART: part}

    def _items(self, pattern: str, path: Path) -> list[tuple[Any, str, int | None]]:
        raw = self._bytes(path)
        if path.suffix.lower() != ".json":
            lines = enumerate(raw.splitlines(), start=1)
            return [(self._parsed(path, text, f"line {n}"), "$", n) for n, text in lines if text.strip()]
        payload = self._parsed(path, raw, "the file")
        listed = items_of(payload, at=self._declared(pattern).items)
        if listed is None:
            return [(payload, "$", None)]
        items, at = listed
        return [(item, f"{at}[{index}]", None) for index, item in enumerate(items)]

    def _bytes(self, path: Path) -> bytes:
        try:
            if path.stat().st_size > self._options.max_bytes:
                raise SourceLimitError(
                    self._context.name, f"{path.name!r} is larger than {self._options.max_bytes} bytes"
                )
            return path.read_bytes()
        except OSError as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: Path, error: OSError) -> SourceUnavailableError:
        return SourceUnavailableError(self._context.name, f"{path.name!r} cannot be read: {error.strerror}")

    def _parsed(self, path: Path, raw: bytes, where: str) -> Any:
        try:
            return parse_json(raw.decode("utf-8-sig"))
        except ValueError as error:
            raise self._rubbish(path, f"is no JSON in {where}: {error}") from error

    def _findings(self, object: str | None) -> list[Finding]:
        found: list[Finding] = []
        for pattern in self._patterns() if object is None else [object]:
            for path in self._folder.matching(pattern):
                try:
                    self._file(pattern, path)
                except SourceDataError as error:
                    found.append(
                        Finding(
                            source=self._context.name,
                            object=pattern,
                            severity="error",
                            code=error.code,
                            message=error.message,
                            position=Position(file=path.name),
                        )
                    )
        return found

    def _rubbish(self, path: Path, why: str) -> SourceDataError:
        return SourceDataError(self._context.name, f"{path.name!r} {why}", code="sources.rubbish")


def _keyed(rows: list[Row]) -> list[Row]:
    """Use ``id`` as key where every record has one of its own."""
    found = {as_text(row.values["id"]) for row in rows if row.values.get("id") is not None}
    if not rows or len(found) < len(rows):
        return rows
    return [dataclasses.replace(row, key={"id": as_text(row.values["id"])}) for row in rows]


def _fields(rows: list[Row]) -> tuple[FieldSchema, ...]:
    kinds: dict[str, FieldType] = {}
    for row in rows:
        for name, value in row.values.items():
            kind = TYPES.get(value.__class__, "decimal" if value is not None else "unknown")
            known = kinds.get(name, "unknown")
            kinds[name] = kind if known in ("unknown", kind) else ("text" if kind != "unknown" else known)
    return tuple(FieldSchema(name=name, type=kind) for name, kind in kinds.items())
