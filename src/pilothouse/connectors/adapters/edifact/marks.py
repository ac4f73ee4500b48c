"""Owns how an interchange is written: service characters and charset, found even when UNA lies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pilothouse.connectors.adapters.edifact.types import Fault, Marks

__all__ = ["CHARSETS", "HEAD", "Spelling", "spelling"]

HEAD: Final = re.compile(
    rb"UN(?:A(?P<una>.{0,9}?)\s*UN)?B(?P<element>[^A-Za-z0-9\s])"
    rb"(?P<id>[A-Z]{3}[A-Z0-9])(?P<component>[^A-Za-z0-9\s])(?P<version>[0-9])",
    re.DOTALL,
)
HEADLESS: Final = re.compile(
    rb"(?:UNA(?P<una>.{0,9}?)\s*)?UN[GH](?P<element>[^A-Za-z0-9\s])[^'\r\n]{0,60}", re.DOTALL
)
# ISO 9735 syntax identifier -> Python codec; level A and B are subsets of ASCII.
CHARSETS: Final = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "latin-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOL": "iso8859-15",
    "UNOW": "utf-8",
    "UNOX": "iso2022_jp",
    "UNOY": "utf-8",
}
_SEPARATOR_LEVEL_B: Final = b"\x1d"
_C1: Final = re.compile(rb"[\x80-\x9f]")
_UNH: Final = re.compile(rb"UN[GH]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """Marks and charset of one interchange, and what was wrong with their declaration."""

    marks: Marks
    charset: str
    faults: tuple[Fault, ...]


def spelling(chunk: bytes, at: int, head: re.Match[bytes] | None) -> Spelling:
    """Find out how ``chunk``, which starts at ``at``, is written; ``head`` is its UNB (or UNH) match."""
    if head is None:
        return Spelling(marks=Marks(), charset="ascii", faults=())
    groups = head.groupdict()
    version = int(groups.get("version") or b"3")
    used = Marks(
        component=groups.get("component") or _likely_component(head.group(), groups["element"]),
        element=groups["element"],
        terminator=_used_terminator(chunk, groups["element"], head.end() - head.start()),
    )
    marks, faults = _reconcile(used, groups["una"], version, at)
    codec, charset_faults = _charset(chunk, at, (groups.get("id") or b"UNOA").decode())
    return Spelling(marks=marks, charset=codec, faults=(*faults, *charset_faults))


def _likely_component(head: bytes, element: bytes) -> bytes:
    """The mark after the message type in ``UNH+1+CUSRES:D:96B:UN``."""
    found = re.search(re.escape(element) + rb"[A-Z]{6}([^A-Za-z0-9\s])", head)
    return found.group(1) if found and found.group(1) != element else b":"


def _used_terminator(chunk: bytes, element: bytes, head_length: int) -> bytes:
    """The byte that stands before the first UNH (or UNG); a line break when only those part segments."""
    found = next((m for m in _UNH.finditer(chunk, min(head_length, 3)) if _starts(chunk, m, element)), None)
    if found is None:
        return Marks().terminator
    before = chunk[: found.start()].rstrip(b" \t\r\n")
    last = before[-1:]
    if last and not last.isalnum():
        return last
    return Marks().terminator if chunk.count(Marks().terminator) > 1 else b"\n"


def _starts(chunk: bytes, match: re.Match[bytes], element: bytes) -> bool:
    before = chunk[match.start() - 1 : match.start()]
    return chunk[match.end() : match.end() + 1] == element and not before.isalnum()


def _reconcile(used: Marks, una: bytes | None, version: int, at: int) -> tuple[Marks, list[Fault]]:
    if una is None:
        return _undeclared(used, version, at)
    if len(una) == 6 and (una[0:1], una[1:2], una[5:6]) == (used.component, used.element, used.terminator):
        return _declared(used, una, version), []
    words = (
        f"UNA declares {_show(una)} but the segments use {_show(used.component)} {_show(used.element)} "
        f"{_show(used.terminator)}; read as used"
    )
    fault = Fault(code="una.wrong", offset=at, words=words, recovered=True)
    padded = una if len(una) == 6 else b"\x00" * 6
    return _declared(used, padded, version), [fault]


def _undeclared(used: Marks, version: int, at: int) -> tuple[Marks, list[Fault]]:
    level_b = used.element == _SEPARATOR_LEVEL_B
    marks = Marks(
        component=used.component,
        element=used.element,
        terminator=used.terminator,
        release=b"" if level_b else b"?",
        repetition=b"*" if version >= 4 else b"",
    )
    plain = (used.component, used.element, used.terminator) == (b":", b"+", b"'")
    if plain or level_b:
        return marks, []
    words = f"no UNA, yet the segments use {_show(used.element)} and {_show(used.terminator)}; read as used"
    return marks, [Fault(code="una.absent", offset=at, words=words, recovered=True)]


def _declared(used: Marks, una: bytes, version: int) -> Marks:
    taken = {used.component, used.element, used.terminator}
    decimal = una[2:3] if una[2:3] in {b".", b","} else b"."
    release = _free(una[3:4], taken, b"?")
    repetition = _free(una[4:5], taken | {release}, b"") if version >= 4 else b""
    return Marks(
        component=used.component,
        element=used.element,
        decimal=decimal,
        release=release,
        repetition=repetition,
        terminator=used.terminator,
    )


def _free(mark: bytes, taken: set[bytes], default: bytes) -> bytes:
    """``mark`` when it can serve; a blank declares that there is none."""
    if mark == b" ":
        return b""
    return default if mark in taken or mark.isalnum() or mark in {b"\x00", b"\r", b"\n"} else mark


def _charset(chunk: bytes, at: int, identifier: str) -> tuple[str, list[Fault]]:
    declared = CHARSETS.get(identifier, "ascii")
    if chunk.isascii():
        return "ascii" if declared != "iso2022_jp" else declared, []
    first = at + next(i for i, byte in enumerate(chunk) if byte > 127)
    if declared == "latin-1" and not _is_utf8(chunk):
        return ("cp1252" if _C1.search(chunk) else "latin-1"), []
    if declared not in {"ascii", "latin-1", "iso8859-15"}:
        return declared, []
    if declared == "iso8859-15" and not _is_utf8(chunk):
        return declared, []
    read_as = "UTF-8" if _is_utf8(chunk) else "Windows-1252 or UTF-8, segment by segment"
    words = f"{identifier} does not allow byte 0x{chunk[first - at]:02x}; read as {read_as}"
    codec = "utf-8" if _is_utf8(chunk) else "ascii"
    return codec, [Fault(code="charset", offset=first, words=words, recovered=True)]


def _is_utf8(chunk: bytes) -> bool:
    try:
        chunk.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _show(mark: bytes) -> str:
    return repr(mark.decode("latin-1"))
