"""Owns the nouns of reading: a document, its text, the place of every character, and a span of it."""

from __future__ import annotations

import bisect
import hashlib
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pilothouse.kernel import DataError, wired
from pilothouse.labels import Label

__all__ = ["Block", "Box", "Document", "Notice", "Page", "Piece", "Place", "Span", "Text", "canonical_text"]


@wired("documents.box")
@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle on a page; PDF points from the top left corner, an image's pixels."""

    left: float
    top: float
    right: float
    bottom: float


@wired("documents.place")
@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where some characters stand: page (from 1) and box, a sheet's cell, or seconds of audio."""

    page: int = 0
    box: Box | None = None
    cell: str = ""
    seconds: tuple[float, float] | None = None


@wired("documents.piece")
@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A run of characters with one place, such as a word of a scan.

    Attributes:
        start: First character; Unicode code points into the text.
        end: Behind the last.
        confidence: Of the recognition; 1 for a text layer.
        hidden: Not visible to a reader: it never feeds a claim except to tighten.
    """

    start: int
    end: int
    place: Place
    confidence: float = 1.0
    hidden: bool = False


@wired("documents.block")
@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of the text by role."""

    kind: Literal["paragraph", "heading", "table", "quoted", "signature", "header"]
    start: int
    end: int


@wired("documents.page")
@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page's size in the unit of its boxes, and how it was read."""

    number: int
    width: float
    height: float
    read: Literal["text", "ocr", "both"] = "text"


@wired("documents.notice")
@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something odd a reader should know, such as hidden text or a type that is not the declared one."""

    code: str
    detail: str = ""
    place: Place | None = None


def canonical_text(text: str) -> str:
    """Return the text as spans count it: NFC, newline ``\\n``."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


@wired("documents.text")
@dataclass(frozen=True, kw_only=True)
class Text:
    """Canonical text and the place of its pieces (sorted, not overlapping); immutable.

    Attributes:
        content: Result of :func:`canonical_text`.
        pieces: Empty for plain text.
        extractor: What made it, with its version, such as ``pdf@1``.
    """

    content: str
    pieces: tuple[Piece, ...] = ()
    extractor: str = "plain@1"

    @cached_property
    def version(self) -> str:
        """Hash of content and extractor: spans point into exactly this text."""
        return hashlib.sha256(f"{self.extractor}\n{self.content}".encode()).hexdigest()

    def covering(self, start: int, end: int) -> tuple[Piece, ...]:
        """Return the pieces that the characters touch."""
        first = bisect.bisect_right([piece.end for piece in self.pieces], start)
        found: list[Piece] = []
        for piece in self.pieces[first:]:
            if piece.start >= end:
                break
            found.append(piece)
        return tuple(found)


@wired("documents.span")
@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Characters of one text; made by :meth:`of` only, so that the quote is what stands there.

    Attributes:
        document: Id of the document.
        text: Version of its text.
        start: First character (code points, half open).
        quote: ``content[start:end]``, verbatim.
        places: One for each page line, cell or stretch of audio.
    """

    document: str
    text: str
    start: int
    end: int
    quote: str
    places: tuple[Place, ...] = ()

    @classmethod
    def of(cls, document: str, text: Text, start: int, end: int) -> Span:
        """Return the span of some characters.

        Raises:
            DataError: ``documents.span``: nothing stands there.
        """
        quote = text.content[start:end]
        if not (0 <= start < end <= len(text.content)) or not quote.strip():
            raise DataError(
                f"characters {start}-{end} of a text of {len(text.content)} say nothing",
                code="documents.span",
            )
        places = tuple(dict.fromkeys(piece.place for piece in text.covering(start, end)))
        return cls(document=document, text=text.version, start=start, end=end, quote=quote, places=places)

    @classmethod
    def find(cls, document: str, text: Text, quote: str) -> Span:
        """Return the span of a quote that stands in the text exactly once.

        Raises:
            DataError: ``documents.quote``: it is not there, or there twice.
        """
        count = text.content.count(quote) if quote.strip() else 0
        if count != 1:
            raise DataError(
                f"the quote {quote[:80]!r} stands {count} times in the text; it must stand there once",
                code="documents.quote",
            )
        start = text.content.index(quote)
        return cls.of(document, text, start, start + len(quote))


@wired("documents.document")
@dataclass(frozen=True, kw_only=True)
class Document:
    """A file or message as read; ``parts`` are its attachments, read alike.

    Attributes:
        id: SHA-256 of the bytes.
        media_type: By content, not by name.
        name: As declared by whoever sent it: untrusted.
        headers: Of a mail: ``from``, ``reply-to``, ``subject``, ``date``, ``message-id`` and so on.
        label: Of every word inside.
    """

    id: str
    media_type: str
    label: Label
    text: Text
    name: str = ""
    blocks: tuple[Block, ...] = ()
    pages: tuple[Page, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    parts: tuple[Document, ...] = ()
    notices: tuple[Notice, ...] = ()
