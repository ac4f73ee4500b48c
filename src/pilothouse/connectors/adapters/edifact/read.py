"""Owns reading a whole file: finds interchanges, checks envelopes, keeps the good messages beside the bad."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import replace

from pilothouse.connectors.adapters.edifact.marks import HEAD, HEADLESS, spelling
from pilothouse.connectors.adapters.edifact.tokens import BLANK, cut_segments
from pilothouse.connectors.adapters.edifact.types import Fault, Interchange, Marks, Message, Reading, Segment

__all__ = ["edifact_read"]


def edifact_read(data: bytes) -> Reading:
    """Read every interchange of ``data``; never raises for damaged input.

    Args:
        data: The whole file; UNA, UNB and UNZ may be wrong or missing.

    Returns:
        Interchanges with messages and segments, each with its byte offset, and the faults in the
        order of the file. A damaged message is kept with ``complete=False``.
    """
    interchanges: list[Interchange] = []
    faults: list[Fault] = []
    for start, end, head in _chunks(data, faults):
        interchanges.extend(_interchange(data[start:end], start, head, faults))
    faults.sort(key=lambda fault: fault.offset)
    return Reading(
        interchanges=tuple(_blame(interchange, faults) for interchange in interchanges), faults=tuple(faults)
    )


def _chunks(data: bytes, faults: list[Fault]) -> list[tuple[int, int, re.Match[bytes] | None]]:
    """Start, end and opening match of each interchange; what stands before the first is judged too."""
    heads = [match for match in HEAD.finditer(data) if _at_boundary(data, match.start())]
    chunks: list[tuple[int, int, re.Match[bytes] | None]] = []
    first = heads[0].start() if heads else len(data)
    lead = data[:first].strip(BLANK + b"\xef\xbb\xbf")
    if lead:
        chunks.extend(_lead(data, first, lead, faults))
    ends = [*(match.start() for match in heads[1:]), len(data)][: len(heads)]
    chunks.extend((match.start(), end, match) for match, end in zip(heads, ends, strict=True))
    return chunks


def _at_boundary(data: bytes, start: int) -> bool:
    """A UNB inside a free text is preceded by a letter, a figure or a mark of the text, not by an end."""
    before = data[:start][-1:]
    return not before.isalnum() and before not in {b"+", b":", b"?"}


def _lead(
    data: bytes, first: int, lead: bytes, faults: list[Fault]
) -> list[tuple[int, int, re.Match[bytes] | None]]:
    start = data.find(lead)
    found = HEADLESS.search(data, start, first)
    if found is None:
        words = f"{lead[:40].decode('latin-1')!r} is no EDIFACT; left out"
        recovered = first < len(data)
        faults.append(Fault(code="junk", offset=start, words=words, recovered=recovered))
        return []
    if found.start() > start and not data[start : found.start()].startswith(b"UN"):
        words = f"{lead[:40].decode('latin-1')!r} before the first message; left out"
        faults.append(Fault(code="junk", offset=start, words=words, recovered=True))
    faults.append(
        Fault(
            code="unb.missing",
            offset=found.start(),
            words="no readable UNB: sender, recipient and interchange reference are unknown",
            recovered=True,
        )
    )
    return [(found.start(), first, found)]


def _interchange(
    chunk: bytes, at: int, head: re.Match[bytes] | None, faults: list[Fault]
) -> list[Interchange]:
    spelled = spelling(chunk, at, head)
    faults.extend(spelled.faults)
    skip = _after_una(chunk, head)
    segments, found = cut_segments(chunk[skip:], at + skip, spelled.marks, spelled.charset)
    faults.extend(found)
    assembly = _Assembly(faults, spelled.marks, spelled.charset, at + skip)
    assembly.take(segments)
    return assembly.finish(at + len(chunk))


def _after_una(chunk: bytes, head: re.Match[bytes] | None) -> int:
    if head is None or head.group("una") is None:
        return 0
    return 3 + len(head.group("una"))


class _Assembly:
    """Puts segments into messages and interchanges and checks counts and references on the way."""

    def __init__(self, faults: list[Fault], marks: Marks, charset: str, at: int) -> None:
        self.faults = faults
        self.marks = marks
        self.charset = charset
        self.done: list[Interchange] = []
        self.start = at
        self.header: Segment | None = None
        self.messages: list[Message] = []
        self.groups = 0
        self.opened: Segment | None = None
        self.body: list[Segment] = []
        self.seen: set[str] = set()
        self.closed = False

    def take(self, segments: list[Segment]) -> None:
        for segment in segments:
            handler = _ENVELOPE.get(segment.tag)
            if handler is not None:
                handler(self, segment)
            elif self.opened is not None:
                self.body.append(segment)
            else:
                words = f"{segment.tag} stands outside any message"
                self.fault("segment.outside", segment.offset, words, lost=True)

    def fault(self, code: str, offset: int, words: str, *, lost: bool = False) -> None:
        message = self.opened.get(1) if self.opened else None
        self.faults.append(
            Fault(code=code, offset=offset, words=words, recovered=not lost, message=message or None)
        )

    def unb(self, segment: Segment) -> None:
        if self.header is not None or self.messages:
            self._missing_unt()
            self._close(segment.offset)
        self.header = segment
        self.start = segment.offset

    def ung(self, segment: Segment) -> None:
        self.groups += 1

    def unh(self, segment: Segment) -> None:
        self._missing_unt()
        self.opened = segment
        reference = segment.get(1)
        if reference in self.seen:
            self.fault("unh.duplicate", segment.offset, f"message reference {reference!r} is used twice")
        self.seen.add(reference)
        if len(segment.get(2)) != 6:
            self.fault(
                "unh.unreadable", segment.offset, f"{segment.text()!r} names no message type", lost=True
            )

    def unt(self, segment: Segment) -> None:
        if self.opened is None:
            self.fault("unh.missing", segment.offset, "UNT without UNH: a message lost its start", lost=True)
            return
        self._check_count("unt.count", segment, len(self.body) + 2, "segments")
        if segment.get(2) != self.opened.get(1):
            words = f"UNT says {segment.get(2)!r}, UNH {self.opened.get(1)!r}; UNH is taken"
            self.fault("unt.reference", segment.offset, words)
        self._message(segment.offset + segment.length + 1, complete=True)

    def une(self, segment: Segment) -> None:
        self._missing_unt()

    def unz(self, segment: Segment) -> None:
        self._missing_unt()
        self._check_count("unz.count", segment, self.groups or len(self.messages), "messages")
        if self.header is not None and segment.get(2) != self.header.get(5):
            words = f"UNZ says {segment.get(2)!r}, UNB {self.header.get(5)!r}; UNB is taken"
            self.fault("unz.reference", segment.offset, words)
        self.closed = True
        self._close(segment.offset + segment.length + 1)

    def finish(self, end: int) -> list[Interchange]:
        self._missing_unt()
        if self.header is not None or self.messages:
            self._close(end)
        return self.done

    def _check_count(self, code: str, segment: Segment, actual: int, what: str) -> None:
        said = segment.get(1)
        declared = int(said) if said.isascii() and said.isdigit() else None
        if declared == actual:
            return
        # Partners count their segments wrongly all day; messages an envelope promises are another matter.
        missing = segment.tag == "UNZ" and declared is not None and declared > actual
        words = f"{segment.tag} says {said!r} {what}, {actual} stand there"
        self.fault(code, segment.offset, words, lost=missing)

    def _missing_unt(self) -> None:
        if self.opened is None:
            return
        last = self.body[-1] if self.body else self.opened
        end = last.offset + last.length
        self.fault("unt.missing", end, f"message {self.opened.get(1)!r} has no UNT", lost=True)
        self._message(end + 1, complete=False)

    def _message(self, end: int, *, complete: bool) -> None:
        header = self.opened
        if header is None:
            return
        version, release = header.get(2, 2), header.get(2, 3)
        self.messages.append(
            Message(
                reference=header.get(1),
                type=header.get(2),
                release=f"{version}.{release}" if release else version,
                association=header.get(2, 5),
                segments=tuple(self.body),
                header=header,
                offset=header.offset,
                length=end - header.offset,
                complete=complete,
            )
        )
        self.opened, self.body = None, []

    def _close(self, end: int) -> None:
        if self.header is not None and not self.closed:
            words = (
                f"interchange {self.header.get(5)!r} has no UNZ: messages after this point are lost if sent"
            )
            self.fault("unz.missing", end, words)
        self.done.append(
            Interchange(
                header=self.header,
                marks=self.marks,
                charset=self.charset,
                messages=tuple(self.messages),
                offset=self.start,
                length=end - self.start,
            )
        )
        self.header, self.messages, self.groups, self.seen = None, [], 0, set()
        self.closed, self.start = False, end


_ENVELOPE = {
    "UNB": _Assembly.unb,
    "UNG": _Assembly.ung,
    "UNH": _Assembly.unh,
    "UNT": _Assembly.unt,
    "UNE": _Assembly.une,
    "UNZ": _Assembly.unz,
}


def _blame(interchange: Interchange, faults: list[Fault]) -> Interchange:
    """Hand each message the faults that touch its bytes; ``faults`` are sorted by offset."""
    if not faults:
        return interchange
    offsets = [fault.offset for fault in faults]
    messages: list[Message] = []
    for message in interchange.messages:
        low = bisect_left(offsets, message.offset)
        high = bisect_left(offsets, message.offset + message.length)
        touching = tuple(faults[low:high])
        if not touching and message.complete:
            messages.append(message)
            continue
        whole = message.complete and all(fault.recovered for fault in touching)
        messages.append(replace(message, faults=touching, complete=whole))
    return replace(interchange, messages=tuple(messages))
