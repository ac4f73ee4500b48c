"""Owns the drop source: a folder of delimited files, read in a thread and kept while they do not change."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from pathlib import Path
from threading import Lock

import anyio.to_thread

from pilothouse.connectors.adapters.drop.settings import DropOptions
from pilothouse.connectors.adapters.drop.table import LINE, Table, read_table
from pilothouse.connectors.errors import SourceDataError, SourceLimitError, SourceUnavailableError
from pilothouse.connectors.families import Folder
from pilothouse.connectors.ports import SourceContext
from pilothouse.connectors.select import choose
from pilothouse.connectors.types import FieldSchema, Finding, ObjectSchema, Query, Row

__all__ = ["DropSource", "connect"]

KEPT = 32
FILE = "file"


def connect(context: SourceContext) -> DropSource:
    """Return the adapter of a source of kind ``drop``.

    Raises:
        SourceUsageError: The declaration is not right.
    """
    return DropSource(context, context.parse(DropOptions))


class DropSource:
    """One folder of delimited files.

    Args:
        context: The source.
        options: Its declaration.
    """

    def __init__(self, context: SourceContext, options: DropOptions) -> None:
        self._context = context
        self._options = options
        self._folder = Folder(
            context.name, context.path(options.path), suffixes=options.suffixes, zone=context.timezone
        )
        self._tables: OrderedDict[tuple[object, ...], Table] = OrderedDict()
        self._lock = Lock()

    async def ping(self) -> None:
        """Return when the folder can be listed."""
        await anyio.to_thread.run_sync(self._folder.files)

    async def objects(self) -> list[ObjectSchema]:
        """Return one object per family of files and per declared pattern."""
        return await anyio.to_thread.run_sync(self._objects)

    async def read(self, query: Query) -> list[Row]:
        """Return the matching rows of the newest file (``dump = "full"``) or of all files together."""
        return await anyio.to_thread.run_sync(lambda: self._read(query), abandon_on_cancel=True)

    async def sample(self, object: str, n: int) -> list[Row]:
        """Return the first ``n`` rows."""
        return await self.read(Query(object, limit=n))

    async def findings(self, object: str | None = None) -> list[Finding]:
        """Return how files were read and what is damaged or ambiguous in them."""
        return await anyio.to_thread.run_sync(lambda: self._all_findings(object))

    async def close(self) -> None:
        """Forget the files that were read."""
        self._tables.clear()

    def _patterns(self) -> list[str]:
        return sorted({*self._folder.patterns(), *self._options.objects})

    def _objects(self) -> list[ObjectSchema]:
        schemas: list[ObjectSchema] = []
        for pattern in self._patterns():
            try:
                schemas.append(self._schema(pattern))
            except SourceDataError as error:
                # One broken file must not hide the others; reading it raises the same error.
                schemas.append(ObjectSchema(name=pattern, documentation=f"cannot be read: {error.message}"))
        return schemas

    def _schema(self, pattern: str) -> ObjectSchema:
        tables = self._read_all(pattern)
        newest, rows = tables[-1], self._rows(pattern, tables)
        files = self._folder.matching(pattern)
        return ObjectSchema(
            name=pattern,
            fields=tuple(
                FieldSchema(name=name, type=column.type, documentation=column.evidence)
                for name, column in zip(newest.names, newest.columns, strict=True)
            ),
            key=tuple(rows[0].key) if rows else newest.key,
            row_count=len(rows),
            documentation=f"{len(files)} file(s), the newest is {files[-1].name}",
        )

    def _read_all(self, pattern: str) -> list[Table]:
        files = self._folder.matching(pattern)
        if self._options.for_object(pattern).dump == "full":
            files = files[-1:]
        return [self._table(pattern, path) for path in files]

    def _read(self, query: Query) -> list[Row]:
        tables = self._read_all(query.object)
        names = [name for table in tables for name in table.names]
        rows = self._rows(query.object, tables)
        found = choose(self._context.name, query, rows, (*names, LINE, FILE))
        broken = next((table for table in tables if table.truncated), None)
        if not found and broken is not None:
            raise SourceDataError(
                self._context.name,
                f"{query.object!r} has no such row, but its file ends inside a line and rows may be missing",
                code="sources.truncated",
            )
        now = self._context.clock.now()
        return [dataclasses.replace(row, read_at=now) for row in found]

    def _rows(self, pattern: str, tables: list[Table]) -> list[Row]:
        """Return the rows of all files; where they share keys, the file becomes part of the key."""
        rows = [row for table in tables for row in table.rows]
        if len(tables) == 1 or self._options.for_object(pattern).key:
            return rows
        if len({tuple(row.key.items()) for row in rows}) == len(rows):
            return rows
        return [_with_file(row) for row in rows]

    def _table(self, pattern: str, path: Path) -> Table:
        try:
            stat = path.stat()
            kept = (pattern, path.name, stat.st_mtime_ns, stat.st_size, stat.st_ino)
            with self._lock:
                if kept in self._tables:
                    self._tables.move_to_end(kept)
                    return self._tables[kept]
            self._refuse_large(path, stat.st_size)
            raw = path.read_bytes()
        except OSError as error:
            raise SourceUnavailableError(
                self._context.name, f"{path.name!r} cannot be read: {error.strerror}"
            ) from error
        table = read_table(
            self._context,
            pattern,
            path,
            raw,
            options=self._options.for_object(pattern),
            as_of=self._folder.as_of(path),
        )
        with self._lock:
            self._tables[kept] = table
            while len(self._tables) > KEPT:
                self._tables.popitem(last=False)
        return table

    def _refuse_large(self, path: Path, size: int) -> None:
        if size > self._options.max_bytes:
            raise SourceLimitError(
                self._context.name, f"{path.name!r} has {size} bytes, more than {self._options.max_bytes}"
            )

    def _all_findings(self, object: str | None) -> list[Finding]:
        found: list[Finding] = []
        for pattern in self._patterns() if object is None else [object]:
            try:
                tables = self._read_all(pattern)
            except SourceDataError as error:
                found.append(
                    Finding(
                        source=self._context.name,
                        object=pattern,
                        severity="error",
                        code=error.code,
                        message=error.message,
                    )
                )
                continue
            found += [finding for table in tables for finding in table.findings]
        return found


def _with_file(row: Row) -> Row:
    """Return the row with its file in the key."""
    file = row.position.file if row.position and row.position.file else ""
    return dataclasses.replace(row, key={FILE: file, **row.key})
