"""Owns one drop file as a table: decoded, split, typed, keyed, with everything that was found on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pilothouse.connectors.adapters.drop.columns import Column, decide
from pilothouse.connectors.adapters.drop.encoding import Decoded, decode
from pilothouse.connectors.adapters.drop.settings import ObjectOptions
from pilothouse.connectors.adapters.drop.tokens import Record, Tokens, find_delimiter, tokenize
from pilothouse.connectors.errors import SourceDataError, SourceUsageError, near
from pilothouse.connectors.ports import SourceContext
from pilothouse.connectors.select import as_text
from pilothouse.connectors.types import Finding, Row
from pilothouse.labels import Position

__all__ = ["Table", "read_table"]

LINE = "line"
"""Key of a file without one of its own: the number of the line."""
MAX_FINDINGS = 200
KEY_WIDTH = 3
NOT_TEXT = {
    b"PK\x03\x04": "a zip archive or workbook",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "gzip",
    b"SQLite": "SQLite",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One file, read.

    Attributes:
        names: Columns.
        columns: What was decided about each.
        key: Columns that find a row again, or ``("line",)``.
        rows: In the file's order.
        findings: What is damaged, ambiguous or decided.
        truncated: Whether the file ends inside a line, so that rows may be missing.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    truncated: bool


def read_table(
    context: SourceContext, pattern: str, path: Path, raw: bytes, *, options: ObjectOptions, as_of: datetime
) -> Table:
    """Read one file.

    Args:
        context: The source.
        pattern: The object the file belongs to.
        path: Its name is used in positions.
        raw: Its bytes.
        options: What is declared about it.
        as_of: The time of its data.

    Raises:
        SourceDataError: It is empty, no text, or most of its lines are damaged.
    """
    return _Reader(context, pattern, path.name, options, as_of).read(raw)


class _Reader:
    def __init__(
        self, context: SourceContext, pattern: str, file: str, options: ObjectOptions, as_of: datetime
    ) -> None:
        self._context = context
        self._pattern = pattern
        self._file = file
        self._options = options
        self._as_of = as_of
        self._findings: list[Finding] = []

    def read(self, raw: bytes) -> Table:
        decoded = self._decode(raw)
        tokens = self._tokenize(decoded)
        if not tokens.records:
            raise self._rubbish("has no line with data")
        names = self._names(tokens)
        body = tokens.records if self._headless() else tokens.records[1:]
        self._check_widths(body, names)
        columns = self._decide(names, [record for record in body if not record.faults])
        parsed = [self._values(names, columns, record) for record in body]
        key = self._key(
            names, [values for values, record in zip(parsed, body, strict=True) if not record.faults]
        )
        rows = tuple(self._row(key, *pair) for pair in zip(body, parsed, strict=True))
        self._report_damage(body)
        return Table(
            names=names,
            columns=columns,
            key=key,
            rows=rows,
            findings=tuple(self._findings),
            truncated=tokens.truncated,
        )

    def _headless(self) -> bool:
        return bool(self._options.columns) or self._options.header is False

    def _decode(self, raw: bytes) -> Decoded:
        if not raw.strip():
            raise self._rubbish("is empty")
        for magic, what in NOT_TEXT.items():
            if raw.startswith(magic):
                raise self._rubbish(f"is no delimited text but {what}")
        try:
            decoded = decode(raw, declared=self._options.encoding)
        except LookupError:
            raise SourceUsageError(
                self._context.name,
                f"the encoding {self._options.encoding!r} of {self._pattern!r} does not exist",
                code="sources.declaration",
            ) from None
        if "\0" in decoded.text:
            raise self._rubbish("holds zero bytes and is no text")
        self._find("info", "drop.encoding", f"read as {decoded.encoding} ({decoded.evidence})")
        if decoded.damaged:
            self._find(
                "error", "drop.bytes", f"{decoded.damaged} bytes are no {decoded.encoding}; shown as \ufffd"
            )
        return decoded

    def _tokenize(self, decoded: Decoded) -> Tokens:
        delimiter, evidence = self._options.delimiter, "declared"
        if delimiter is None:
            delimiter, evidence = find_delimiter(decoded.text)
        self._find("info", "drop.delimiter", f"split at {delimiter!r} ({evidence})")
        tokens = tokenize(decoded.text, delimiter=delimiter, codec=decoded.encoding, skipped=decoded.skipped)
        for record in tokens.preamble:
            text = delimiter.join(record.cells)[:80]
            self._find(
                "warning", "drop.preamble", f"line {record.line} stands before the table: {text!r}", record
            )
        return tokens

    def _names(self, tokens: Tokens) -> tuple[str, ...]:
        if self._options.columns:
            return self._options.columns
        first = tokens.records[0]
        if self._options.header is False:
            return tuple(f"column_{i}" for i in range(1, len(first.cells) + 1))
        names: list[str] = []
        for index, cell in enumerate(first.cells, start=1):
            name = _clean(cell) or f"column_{index}"
            if name in names:
                self._find("warning", "drop.header", f"column {name!r} occurs twice", first)
                name = f"{name}_{index}"
            names.append(name)
        return tuple(names)

    def _check_widths(self, body: Sequence[Record], names: tuple[str, ...]) -> None:
        width = len(names)
        for record in body:
            found = len(record.cells)
            if found > width and not any(cell.strip() for cell in record.cells[width:]):
                del record.cells[width:]
            elif found != width:
                record.faults.append(f"line {record.line} has {found} fields of {width}")
        damaged = sum(bool(record.faults) for record in body)
        if damaged > 1 and damaged * 2 > len(body):
            raise self._rubbish(
                f"is damaged in {damaged} of {len(body)} lines; first: {body[0].faults or ''}"
            )

    def _decide(self, names: tuple[str, ...], body: Sequence[Record]) -> tuple[Column, ...]:
        for name in (*self._options.types, *self._options.key):
            if name not in names and name != LINE:
                raise SourceDataError(
                    self._context.name,
                    f"{self._file!r} has no column {name!r} as declared for {self._pattern!r}; "
                    f"{near(name, names)}",
                    code="sources.field",
                )
        cells = [[cell for record in body if (cell := _clean(record.cells[i]))] for i in range(len(names))]
        columns = decide(
            cells,
            declared=[self._options.types.get(name) for name in names],
            decimal=self._options.decimal,
            dates=self._options.dates,
            zone=self._context.timezone,
        )
        for name, column in zip(names, columns, strict=True):
            if column.ambiguous:
                self._find("warning", "drop.ambiguous", f"column {name!r} stays text: {column.evidence}")
            elif column.type != "text" or "zeros" in column.evidence:
                self._find("info", "drop.column", f"column {name!r} is {column.type}: {column.evidence}")
        return tuple(columns)

    def _values(self, names: tuple[str, ...], columns: tuple[Column, ...], record: Record) -> dict[str, Any]:
        values: dict[str, Any] = dict.fromkeys(names)
        for name, column, cell in zip(names, columns, record.cells, strict=False):
            text = _clean(cell)
            if not text:
                continue
            try:
                values[name] = column.parse(text)
            except (ValueError, ArithmeticError):
                values[name] = text
                self._find(
                    "warning",
                    "drop.value",
                    f"line {record.line}: {name!r} is {text!r}, no {column.type}",
                    record,
                )
        return values

    def _key(self, names: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
        if self._options.key:
            self._report_doubles(self._options.key, rows)
            return self._options.key
        candidates = [(name,) for name in names[:KEY_WIDTH]]
        candidates += [names[:width] for width in range(2, min(KEY_WIDTH, len(names)) + 1)]
        for candidate in candidates:
            if rows and _unique(candidate, rows):
                self._find("info", "drop.key", f"rows are found again by {', '.join(candidate)}")
                return candidate
        return (LINE,)

    def _report_doubles(self, key: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> None:
        if not _unique(key, rows):
            self._find(
                "warning", "drop.key", f"the declared key {', '.join(key)} is empty or twice in some lines"
            )

    def _row(self, key: tuple[str, ...], record: Record, values: dict[str, Any]) -> Row:
        cells = "\x1f".join(record.cells).encode("utf-8", "surrogatepass")
        found = {name: str(record.line) if name == LINE else as_text(values[name]) for name in key}
        return self._context.row(
            self._pattern,
            key=found,
            values=values,
            version=hashlib.sha256(cells).hexdigest()[:32],
            read_at=self._as_of,
            position=Position(file=self._file, offset=record.offset, length=record.length, line=record.line),
            as_of=self._as_of,
            faults=tuple(record.faults),
        )

    def _report_damage(self, body: Sequence[Record]) -> None:
        damaged = [record for record in body if record.faults]
        for record in damaged[:MAX_FINDINGS]:
            code = "drop.truncated" if "file ends" in record.faults[0] else "drop.damaged"
            self._find("error", code, "; ".join(record.faults), record)
        if len(damaged) > MAX_FINDINGS:
            self._find("error", "drop.damaged", f"{len(damaged) - MAX_FINDINGS} more damaged lines")

    def _find(
        self,
        severity: Literal["info", "warning", "error"],
        code: str,
        message: str,
        record: Record | None = None,
    ) -> None:
        at = record and Position(
            file=self._file, offset=record.offset, length=record.length, line=record.line
        )
        self._findings.append(
            Finding(
                source=self._context.name,
                object=self._pattern,
                severity=severity,
                code=code,
                message=f"{self._file}: {message}",
                position=at or Position(file=self._file),
            )
        )

    def _rubbish(self, why: str) -> SourceDataError:
        return SourceDataError(self._context.name, f"{self._file!r} {why}", code="sources.rubbish")


def _clean(cell: str) -> str:
    text = cell.strip(" \t\u00a0\ufeff")
    if text.isascii():
        return text
    return "".join("\ufffd" if "\udc80" <= char <= "\udcff" else char for char in text)


def _unique(key: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> bool:
    found = {tuple(as_text(row[name]) for name in key if name != LINE) for row in rows}
    return len(found) == len(rows) and not any("" in item for item in found)
