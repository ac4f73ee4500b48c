"""Owns splitting delimited text into records: delimiter, quotes, line breaks in quotes, damaged lines."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Record", "Tokens", "find_delimiter", "tokenize"]

DELIMITERS = (";", "\t", ",", "|")
QUOTED = re.compile(r'"((?:[^"]|"")*+)"')
QUOTED_CELL = re.compile(r'(?<![^;,|\t\n])"(?:[^"]|""){0,4000}+"')
LOOKED_AT = 400
LONGEST_QUOTE = 100
"""Lines a quoted field may span; a quote open for longer is taken as damage."""


@dataclass(slots=True, kw_only=True)
class Record:
    """One record of a file; ``line`` counts from 1, ``offset`` and ``length`` are bytes."""

    line: int
    offset: int
    length: int
    cells: list[str]
    faults: list[str] = field(default_factory=list[str])


@dataclass(slots=True, kw_only=True)
class Tokens:
    """The records of a file, the header first, and the lines before it."""

    records: list[Record]
    preamble: list[Record]
    truncated: bool = False


def find_delimiter(text: str) -> tuple[str, str]:
    """Return the delimiter and the evidence; the empty string for a single column."""
    lines = _sample(text)
    best, score, evidence = "", 0.0, "no delimiter in any line"
    for candidate in DELIMITERS:
        counts = Counter(line.count(candidate) for line in lines)
        counts.pop(0, None)
        if not counts:
            continue
        number, times = counts.most_common(1)[0]
        share = times / len(lines)
        if share**4 * number > score:
            best, score = candidate, share**4 * number
            evidence = f"{times} of {len(lines)} lines have {number} of {candidate!r}"
    return best, evidence


def tokenize(text: str, *, delimiter: str, codec: str, skipped: int) -> Tokens:
    """Return the records of ``text``; what is damaged says so in its ``faults``.

    Args:
        text: Decoded text.
        delimiter: One character; empty for a single column.
        codec: The text's codec, for byte offsets.
        skipped: Bytes before the text.
    """
    text = text.rstrip("\x1a")
    lines = text.split("\n") if "\n" in text else text.split("\r")
    ends_whole = not lines[-1]
    if ends_whole:
        lines.pop()
    width = _usual_width(text, delimiter)
    offsets = _offsets(lines, codec, skipped)
    records = _records([line.removesuffix("\r") for line in lines], delimiter, width, offsets)
    start = next((i for i, record in enumerate(records) if len(record.cells) >= width), 0)
    width = len(records[start].cells) if records else width
    tokens = Tokens(records=records[start:], preamble=records[:start])
    last = records[-1] if records else None
    if last is not None and not ends_whole and len(last.cells) < width:
        last.faults.append(f"the file ends inside line {last.line}")
        tokens.truncated = True
    return tokens


def _sample(text: str) -> list[str]:
    """Return the first lines without what stands in quotes."""
    plain = QUOTED_CELL.sub("", text[:400_000].replace("\r\n", "\n").replace("\r", "\n"))
    return [line for line in plain.split("\n") if line.strip()][:LOOKED_AT]


def _usual_width(text: str, delimiter: str) -> int:
    if not delimiter:
        return 1
    counts = Counter(line.count(delimiter) + 1 for line in _sample(text))
    return counts.most_common(1)[0][0] if counts else 1


def _offsets(lines: list[str], codec: str, skipped: int) -> list[int]:
    """Return the first byte of every line and, at the end, of what follows."""
    offsets, at = [skipped], skipped
    wide = codec.startswith("utf")
    errors = "surrogateescape" if codec == "utf-8" else "replace"
    newline = len("\n".encode(codec))
    for line in lines:
        plain = not wide or (codec == "utf-8" and line.isascii())
        at += (len(line) if plain else len(line.encode(codec, errors))) + newline
        offsets.append(at)
    return offsets


def _records(lines: list[str], delimiter: str, width: int, offsets: list[int]) -> list[Record]:
    records: list[Record] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        first = at
        faults: list[str] = []
        if not line.strip():
            at += 1
            continue
        if '"' in line:
            cells, at = _quoted(lines, at, delimiter, width, faults)
        else:
            cells = line.split(delimiter) if delimiter else [line]
        at += 1
        records.append(
            Record(
                line=first + 1,
                offset=offsets[first],
                length=offsets[at] - offsets[first] - 1,
                cells=cells,
                faults=faults,
            )
        )
    return records


def _quoted(
    lines: list[str], first: int, delimiter: str, width: int, faults: list[str]
) -> tuple[list[str], int]:
    """Return the cells of a record with quotes and its last line."""
    buffer, last = lines[first], first
    cells = _split(buffer, delimiter, faults)
    while cells is None and last + 1 < len(lines) and last - first < LONGEST_QUOTE:
        last += 1
        buffer += "\n" + lines[last]
        faults.clear()
        cells = _split(buffer, delimiter, faults)
    alone = lines[first].split(delimiter) if delimiter else [lines[first]]
    swallowed = last > first and cells is not None and len(cells) != width and len(alone) == width
    if cells is not None and not swallowed:
        return cells, last
    faults.clear()
    faults.append(f"a quote that opens in line {first + 1} is never closed")
    return alone, first


def _split(text: str, delimiter: str, faults: list[str]) -> list[str] | None:
    """Return the cells of one record, or None while a quote is open."""
    cells: list[str] = []
    at = 0
    while True:
        if text.startswith('"', at):
            hit = QUOTED.match(text, at)
            if hit is None:
                return None
            cell, at = hit[1].replace('""', '"'), hit.end()
        else:
            cell = ""
        end = text.find(delimiter, at) if delimiter else -1
        rest = text[at:] if end < 0 else text[at:end]
        if cell and rest.strip():
            faults.append(f"{rest!r} stands behind a closing quote")
        cells.append(cell + rest if not cell or rest.strip() else cell)
        if end < 0:
            return cells
        at = end + len(delimiter)
