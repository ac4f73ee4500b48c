"""Owns text files: plain, CSV by cells, and HTML as it shows."""

from __future__ import annotations

import csv
import io
import re
from typing import Final

from pilothouse.documents.adapters.job import Found, Job, Refusal
from pilothouse.documents.writing import clean

__all__ = ["cell_name", "decoded", "paragraphs", "read_csv", "read_html", "read_plain"]

BLANK: Final = re.compile(r"\n[ \t]*\n")


def decoded(data: bytes, charset: str = "") -> str:
    """Return bytes as text: by the charset that was said if it fits, UTF-8, or the most likely."""
    for name in (charset, "utf-8-sig"):
        try:
            return data.decode(name) if name else data.decode("utf-8")
        except (LookupError, UnicodeDecodeError):
            continue
    from charset_normalizer import from_bytes

    best = from_bytes(data[:100_000]).best()
    return data.decode(best.encoding if best else "latin-1", errors="replace")


def paragraphs(found: Found, text: str) -> None:
    """Write text and say where its paragraphs are."""
    start, _ = found.writing.write(text)
    whole = clean(text)
    at = 0
    for gap in [*BLANK.finditer(whole), None]:
        stop = len(whole) if gap is None else gap.start()
        if whole[at:stop].strip():
            found.writing.blocks.append(["paragraph", start + at, start + stop])
        at = stop if gap is None else gap.end()


def read_plain(job: Job, data: bytes) -> Found:
    """Read a text file."""
    found = job.found("text/plain", "plain@1")
    paragraphs(found, decoded(data))
    return found


def read_html(job: Job, data: bytes) -> Found:
    """Read a page of HTML."""
    from pilothouse.documents.adapters.mail.html import write_html

    found = job.found("text/html", "html@1")
    write_html(found, decoded(data))
    return found


def read_csv(job: Job, data: bytes) -> Found:
    """Read a table; every cell has its place."""
    found = job.found("text/csv", "csv@1")
    text = decoded(data)
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    csv.field_size_limit(1_000_000)
    cells = 0
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), dialect), 1):
            cells += len(row)
            if cells > job.limits.cells:
                raise Refusal("too_large", f"the table has over {job.limits.cells} cells")
            for column, value in enumerate(row):
                if column:
                    found.writing.write("\t")
                found.writing.place(value, cell=cell_name(column, number))
            found.writing.write("\n")
    except csv.Error as error:
        raise Refusal("damaged", f"the table cannot be read: {error}") from error
    found.writing.block("table", 0)
    return found


def cell_name(column: int, row: int) -> str:
    """Return the name of a cell, such as ``C7``; columns from 0, rows from 1."""
    name, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return f"{name}{row}"
