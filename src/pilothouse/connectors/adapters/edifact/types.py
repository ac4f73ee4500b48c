"""Owns the nouns of an EDIFACT file: marks, segments, messages, interchanges and the faults found in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["Component", "Fault", "Interchange", "Marks", "Message", "Reading", "Segment"]

BREAKS: Final = b"\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The service characters one interchange is written with; ``release`` is empty when there is none."""

    component: bytes = b":"
    element: bytes = b"+"
    decimal: bytes = b"."
    release: bytes = b"?"
    repetition: bytes = b""
    terminator: bytes = b"'"
    texts: tuple[str, str] = field(init=False, repr=False, compare=False)
    """Element and component mark as text, made once because every segment is split with them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", (self.element.decode("latin-1"), self.component.decode("latin-1")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong in a file.

    Attributes:
        code: Stable word such as ``una.wrong``; all are listed in the reference page.
        offset: Byte in the file where it was noticed.
        words: What is wrong and what the reader did about it.
        recovered: True when no segment was lost by it.
        message: Reference of the message it touches, None for the envelope.
    """

    code: str
    offset: int
    words: str
    recovered: bool
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component value and the bytes it stands in (raw, release characters included)."""

    text: str
    offset: int
    length: int


class Segment:
    """One segment as it stands in the file; elements are taken apart when asked for.

    Attributes:
        raw: Bytes without the terminator.
        offset: First byte in the file.
        marks: The interchange's service characters.
        charset: Python codec its text is read with.
    """

    __slots__ = ("_values", "charset", "marks", "offset", "raw", "tag")

    def __init__(self, raw: bytes, offset: int, marks: Marks, charset: str, tag: str) -> None:
        self.raw = raw
        self.offset = offset
        self.marks = marks
        self.charset = charset
        self.tag = tag
        self._values: list[list[str]] | None = None

    def __repr__(self) -> str:
        return f"Segment({self.text()!r}, offset={self.offset})"

    @property
    def length(self) -> int:
        """Bytes, without the terminator."""
        return len(self.raw)

    @property
    def values(self) -> list[list[str]]:
        """Texts by element and component; element 0 is the tag.

        Repetitions of an element (syntax 4) follow each other in one list; :meth:`components` keeps
        their offsets.
        """
        if self._values is None:
            self._values = self._split()
        return self._values

    def get(self, element: int, component: int = 1) -> str:
        """Text at 1-based ``element`` and ``component``; empty when absent."""
        values = self.values
        if element >= len(values) or component > len(values[element]):
            return ""
        return values[element][component - 1]

    def components(self, element: int) -> list[Component]:
        """The components of 1-based ``element`` with their bytes in the file."""
        at = self.offset
        for number, piece in enumerate(split_released(self.raw, self.marks.element, self.marks.release)):
            if number == element:
                return self._pieces(piece, at)
            at += len(piece) + 1
        return []

    def span(self, element: int, component: int = 1) -> tuple[int, int]:
        """Offset and length of one component; the whole segment when it is absent."""
        found = self.components(element)
        if not 0 < component <= len(found):
            return self.offset, len(self.raw)
        piece = found[component - 1]
        return piece.offset, piece.length

    def text(self) -> str:
        """The segment as text, release characters kept, line breaks taken out."""
        return decode(without_breaks(self.raw), self.charset)

    def _pieces(self, element: bytes, at: int) -> list[Component]:
        pieces: list[Component] = []
        repeats = [element]
        if self.marks.repetition:
            repeats = split_released(element, self.marks.repetition, self.marks.release)
        for repeat in repeats:
            for piece in split_released(repeat, self.marks.component, self.marks.release):
                pieces.append(Component(text=self._plain(piece), offset=at, length=len(piece)))
                at += len(piece) + 1
        return pieces

    def _plain(self, piece: bytes) -> str:
        text = decode(without_breaks(piece), self.charset)
        release = self.marks.release.decode("latin-1")
        return unescape(text, release) if release and release in text else text

    def _split(self) -> list[list[str]]:
        marks, raw = self.marks, self.raw
        if (marks.release and marks.release in raw) or (marks.repetition and marks.repetition in raw):
            count = len(split_released(raw, marks.element, marks.release))
            return [[part.text for part in self.components(number)] for number in range(count)]
        if b"\n" in raw or b"\r" in raw:
            raw = without_breaks(raw)
        try:
            text = raw.decode(self.charset)
        except UnicodeDecodeError:
            text = decode(raw, self.charset)
        element, component = marks.texts
        return [part.split(component) for part in text.split(element)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message from UNH to UNT.

    Attributes:
        reference: UNH 0062; empty when the header is unreadable.
        type: Such as ``CUSRES``.
        release: Version and release, such as ``D.95B``.
        association: Dialect, such as ``SMDG16``; empty when none.
        segments: Without UNH and UNT.
        header: The UNH segment.
        offset: First byte of UNH.
        length: Bytes up to and with the last segment read.
        complete: False when its end or segments of it are missing.
        faults: The faults that touch it.
    """

    reference: str
    type: str
    release: str
    association: str
    segments: tuple[Segment, ...]
    header: Segment
    offset: int
    length: int
    complete: bool
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interchange:
    """One interchange from UNB to UNZ; ``header`` is None when UNB is missing."""

    header: Segment | None
    marks: Marks
    charset: str
    messages: tuple[Message, ...]
    offset: int
    length: int

    @property
    def reference(self) -> str:
        """Interchange control reference (UNB 0020)."""
        return self.header.get(5) if self.header else ""

    @property
    def sender(self) -> str:
        """Sender's identification (UNB S002)."""
        return self.header.get(2) if self.header else ""

    @property
    def recipient(self) -> str:
        """Recipient's identification (UNB S003)."""
        return self.header.get(3) if self.header else ""

    @property
    def prepared_at(self) -> str:
        """Date and time of preparation as written: ``YYMMDDHHMM`` or ``CCYYMMDDHHMM``."""
        return self.header.get(4) + self.header.get(4, 2) if self.header else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one file gave: its interchanges and every fault, by offset."""

    interchanges: tuple[Interchange, ...] = ()
    faults: tuple[Fault, ...] = field(default=())

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages in the order of the file."""
        return tuple(message for interchange in self.interchanges for message in interchange.messages)


def without_breaks(raw: bytes) -> bytes:
    """Take stray line breaks out of ``raw``."""
    return raw.translate(None, BREAKS) if b"\n" in raw or b"\r" in raw else raw


def decode(raw: bytes, charset: str) -> str:
    """Text of ``raw``; bytes the charset does not know are read as Windows-1252, the usual cause."""
    try:
        return raw.decode(charset)
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def unescape(text: str, release: str) -> str:
    """Take release characters out: ``?+`` becomes ``+``, ``??`` becomes ``?``."""
    out: list[str] = []
    pieces = iter(text.split(release))
    out.append(next(pieces))
    for piece in pieces:
        if piece:
            out.append(piece)
            continue
        following = next(pieces, None)  # an empty piece is a released release character
        out.append(release if following is None else release + following)
    return "".join(out)


def split_released(raw: bytes, mark: bytes, release: bytes) -> list[bytes]:
    """Split at every ``mark`` that no release character stands before."""
    pieces = raw.split(mark)
    if not release or release not in raw:
        return pieces
    joined: list[bytes] = []
    open_piece: bytes | None = None
    for piece in pieces:
        whole = piece if open_piece is None else open_piece + mark + piece
        if is_released(whole, release):
            open_piece = whole
        else:
            joined.append(whole)
            open_piece = None
    if open_piece is not None:
        joined.append(open_piece)
    return joined


def is_released(piece: bytes, release: bytes) -> bool:
    """Whether the mark after ``piece`` is plain text: an odd number of release characters ends it."""
    if not piece.endswith((release, b"\r", b"\n")):
        return False
    bare = piece.rstrip(BREAKS)
    return (len(bare) - len(bare.rstrip(release))) % 2 == 1
