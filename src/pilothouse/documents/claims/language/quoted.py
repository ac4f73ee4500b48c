"""Owns whose words they are: quoted mails, forwarded parts and signatures are not the sender's (RFC 3676)."""

from __future__ import annotations

import functools
import re

from pilothouse.documents.claims.language.fold import fold
from pilothouse.documents.claims.language.words import words
from pilothouse.documents.types import Block

__all__ = ["split_quoted"]

_RULE = re.compile(r"^\s*[-_=*]{3,}\s*[\w\s'()À-ž]{0,40}\s*[-_=*]{3,}\s*$")
_HEADER = re.compile(r"^\s*\*?([\w \u00c0-\u017e-]{1,20}?)\*?\s*:\s*\S")
_BAR = re.compile(r"^ ?\| [^|]+$")
_DATED = re.compile(r"\d")


def split_quoted(content: str) -> tuple[Block, ...]:
    """Return who speaks where, as blocks without gaps: ``paragraph``, ``quoted``, ``signature``.

    A line that starts with ``>`` is quoted, and so are lines one below the other that start with a bar.
    Behind "... wrote:", a forwarding rule or a block of mail headers all that follows is quoted. Behind the
    line ``-- `` all is signature.
    """
    kinds: list[tuple[str, int, int]] = []
    state = "paragraph"
    at = 0
    lines = content.splitlines(keepends=True)
    for index, line in enumerate(lines):
        end = at + len(line)
        kind = state
        if line.lstrip(" ").startswith(">") or _barred(lines, index):
            kind = "quoted"
        elif state != "quoted" and _quote_begins(lines, index):
            kind = state = "quoted"
        elif state == "paragraph" and line.rstrip("\r\n") in ("-- ", "--"):
            kind = state = "signature"
        kinds.append((kind, at, end))
        at = end
    return _merged(kinds)


def _merged(kinds: list[tuple[str, int, int]]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for kind, start, end in kinds:
        if blocks and blocks[-1].kind == kind:
            blocks[-1] = Block(kind=kind, start=blocks[-1].start, end=end)  # pyright: ignore[reportArgumentType] - literals above
        else:
            blocks.append(Block(kind=kind, start=start, end=end))  # pyright: ignore[reportArgumentType] - literals above
    return tuple(blocks)


def _quote_begins(lines: list[str], index: int) -> bool:
    line = lines[index]
    if len(line) > 200 or not line.strip():
        return False
    folded = fold(line.strip()).text
    said, fields = _marks()
    if _RULE.match(line):
        return any(mark in folded for mark in said) or _headers_from(lines, index + 1, fields)
    if folded.endswith(tuple(mark for mark in said if mark.endswith(":"))):
        return bool(_DATED.search(line)) or "@" in line or _quoted_next(lines, index)
    return _headers_from(lines, index, fields)


def _barred(lines: list[str], index: int) -> bool:
    """Whether a line and one beside it start with their only bar; a row of a table has more of them."""
    beside = [lines[at] for at in (index - 1, index, index + 1) if 0 <= at < len(lines)]
    marked = [bool(_BAR.match(line)) for line in beside]
    return bool(_BAR.match(lines[index])) and sum(marked) > 1


def _quoted_next(lines: list[str], index: int) -> bool:
    following = [line for line in lines[index + 1 : index + 4] if line.strip()]
    return bool(following) and following[0].lstrip().startswith(">")


def _headers_from(lines: list[str], index: int, fields: frozenset[str]) -> bool:
    """Three mail headers in five lines, the first at ``index``: a forwarded head."""
    found: list[str] = []
    for offset, line in enumerate(lines[index : index + 5]):
        match = _HEADER.match(line)
        name = fold(match[1]).text.strip() if match else ""
        if name in fields:
            found.append(name)
        elif offset == 0:
            return False
    return len(set(found)) >= 3


@functools.cache
def _marks() -> tuple[tuple[str, ...], frozenset[str]]:
    known = words().values()
    said = tuple(fold(mark).text for one in known for mark in one.said)
    return said, frozenset(name for one in known for name in one.fields)
