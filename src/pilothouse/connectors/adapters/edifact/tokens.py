"""Owns cutting an interchange into segments with their bytes; mends line breaks, reports cuts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pilothouse.connectors.adapters.edifact.types import Fault, Marks, Segment, is_released, without_breaks

__all__ = ["BLANK", "cut_segments"]

BLANK: Final = b" \t\r\n\x00\x1a"
# A line break followed by one of these and the element separator stands for a lost terminator.
KNOWN_TAGS: Final = (
    "UN[HTZEGS] BGM DTM RFF LOC NAD CTA COM EQD EQA SEL MEA DIM TMP RNG TDT TSR DGS GID CNI SGP FTX GIS STS "
    "ERC ERP CNT HAN GDS DOC MOA PCI PAC QTY CST TAX DAM AUT GOR TPL TMD CUX PAT LIN IMD PIA ALI"
)
CLOSING: Final = ("UNZ", "UNT", "UNE")


def cut_segments(chunk: bytes, at: int, marks: Marks, charset: str) -> tuple[list[Segment], list[Fault]]:
    """Cut ``chunk`` (which starts at byte ``at`` of the file) into segments.

    A last piece without its terminator is left out and reported as ``cut``: half a value is worse than none.
    """
    plain = _plain(marks)
    if plain.whole.fullmatch(chunk):
        found = plain.one.finditer(chunk)
        return [Segment(m[1], at + m.start(1), marks, charset, m[1][:3].decode("ascii")) for m in found], []
    cutter = _Cutter(marks, charset)
    segments = cutter.segments
    release, fine = marks.release, (marks.element, marks.component, b"")
    held: bytes | None = None
    pieces = chunk.split(marks.terminator)
    tail = pieces.pop()
    for cut in pieces:
        piece = cut if held is None else held + marks.terminator + cut  # that mark was released: it is text
        held = None
        if release and piece.endswith((release, b"\n", b"\r")) and is_released(piece, release):
            held = piece
            continue
        raw = piece.lstrip(BLANK)
        start = at + len(piece) - len(raw)
        at += len(piece) + 1
        tag = raw[:3].decode("latin-1")
        if tag.isalnum() and tag.isupper() and raw[3:4] in fine and b"\n" not in raw and b"\r" not in raw:
            segments.append(Segment(raw, start, marks, charset, tag))
        elif raw:
            cutter.awkward(raw, start)
    cutter.tail(tail if held is None else held + marks.terminator + tail, at)
    return segments, cutter.faults


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain:
    """What an undamaged interchange looks like as a whole, and one segment of it."""

    whole: re.Pattern[bytes]
    one: re.Pattern[bytes]


@lru_cache(maxsize=16)
def _plain(marks: Marks) -> _Plain:
    release = re.escape(marks.release)
    inside = rb"[^" + re.escape(marks.terminator) + release + rb"\r\n]*+"
    text = inside + (rb"(?:" + release + rb"[^\r\n]" + inside + rb")*+" if release else b"")
    start = rb"[" + re.escape(marks.element) + re.escape(marks.component) + rb"]"
    one = rb"([A-Z][A-Z0-9]{2}(?:" + start + text + rb")?)" + re.escape(marks.terminator)
    blank = rb"[ \t\r\n\x00\x1a]*+"
    whole = rb"(?:" + blank + one.replace(b"(", b"(?:", 1) + rb")*+" + blank
    return _Plain(whole=re.compile(whole), one=re.compile(one))


class _Cutter:
    """What was cut so far, and the ways out of everything that is not plain."""

    def __init__(self, marks: Marks, charset: str) -> None:
        self.marks = marks
        self.charset = charset
        self.segments: list[Segment] = []
        self.faults: list[Fault] = []

    def awkward(self, raw: bytes, at: int) -> None:
        """Line breaks inside a segment, a lost terminator, or no tag at all."""
        for number, (piece, start) in enumerate(self._at_lost_terminators(raw, at)):
            if number:
                words = "a line break stands where the terminator should; read as one"
                self._fault("terminator.missing", start, words)
            self._one(piece, start)

    def tail(self, tail: bytes, at: int) -> None:
        """What stands after the last terminator: nothing, a closing segment, or a cut."""
        raw = tail.lstrip(BLANK)
        start = at + len(tail) - len(raw)
        raw = raw.rstrip(BLANK)
        if not raw:
            return
        last, last_at = self._at_lost_terminators(raw, start)[-1]
        if last_at > start:
            self.awkward(raw[: last_at - start], start)
        tag = last[:3].decode("latin-1")
        shown = last[:40].decode("latin-1")
        if tag in CLOSING and last[3:4] == self.marks.element:
            self._fault("terminator.missing", last_at, f"{tag} has no terminator; read as if it had")
            self.segments.append(Segment(last, last_at, self.marks, self.charset, tag))
        elif self._ended:
            self._fault("junk", last_at, f"{shown!r} after the end; left out")
        else:
            words = f"the file ends inside {shown!r}; this segment is left out"
            self._fault("cut", last_at, words, lost=True)

    def _one(self, raw: bytes, at: int) -> None:
        raw = raw.rstrip(b"\r\n")
        clean = without_breaks(raw)
        if not self._is_segment(clean):
            code = "junk" if self._ended else "segment.unreadable"
            words = f"{clean[:40].decode('latin-1')!r} is no segment; left out"
            self._fault(code, at, words, lost=not self._ended)
            return
        tag = clean[:3].decode("latin-1")
        if len(clean) != len(raw):
            self._fault("line_break.stray", at, f"line break inside {tag}; taken out")
        self.segments.append(Segment(raw, at, self.marks, self.charset, tag))

    @property
    def _ended(self) -> bool:
        return bool(self.segments) and self.segments[-1].tag == "UNZ"

    def _is_segment(self, clean: bytes) -> bool:
        tag, following = clean[:3], clean[3:4]
        if len(tag) < 3 or not tag.isalnum() or not tag.isupper():
            return False
        return following in (self.marks.element, self.marks.component, b"")

    def _at_lost_terminators(self, raw: bytes, at: int) -> list[tuple[bytes, int]]:
        starts = [0, *(found.end() for found in _lost(self.marks.element).finditer(raw))]
        ends = [*starts[1:], len(raw)]
        return [(raw[start:end], at + start) for start, end in zip(starts, ends, strict=True)]

    def _fault(self, code: str, offset: int, words: str, *, lost: bool = False) -> None:
        self.faults.append(Fault(code=code, offset=offset, words=words, recovered=not lost))


@lru_cache(maxsize=16)
def _lost(element: bytes) -> re.Pattern[bytes]:
    tags = "|".join(KNOWN_TAGS.split()).encode()
    return re.compile(rb"[\r\n]\s*(?=(?:" + tags + rb")" + re.escape(element) + rb")")
