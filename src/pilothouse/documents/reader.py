"""Owns the reading of documents: bytes and a label in, a document with places out, parsed in a cage."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Iterator, Sequence

from pilothouse.documents.crew import Crew, Key
from pilothouse.documents.errors import ParserDied, TooLarge, Unsupported
from pilothouse.documents.known import Known, relabelled
from pilothouse.documents.limits import ReadLimits
from pilothouse.documents.parsed import document_of
from pilothouse.documents.ports import Heard, Transcriber
from pilothouse.documents.types import Box, Document, Piece, Place, Span, Text, canonical_text
from pilothouse.kernel import DataError, UsageError
from pilothouse.labels import Label
from pilothouse.telemetry import SpanRecord, span

__all__ = ["Documents", "open_documents", "read_document"]

AUDIO = (b"RIFF", b"ID3", b"\xff\xfb", b"OggS", b"fLaC")
PNG = b"\x89PNG\r\n\x1a\n"
MAX_BOXES = 2000
SILENCE = 1.0
"""Seconds."""


class Documents:
    """Reads documents and draws their spans; made by :func:`open_documents`.

    Args:
        crew: The confined parsers.
        limits: Of every document that brings none.
        transcriber: Hears recordings; without it they are refused.
    """

    def __init__(
        self, crew: Crew, *, limits: ReadLimits | None = None, transcriber: Transcriber | None = None
    ) -> None:
        self._crew, self._limits, self._transcriber = crew, limits or ReadLimits(), transcriber
        self._known = Known()

    async def read(
        self,
        data: bytes,
        *,
        label: Label,
        name: str = "",
        declared_type: str = "",
        limits: ReadLimits | None = None,
        run: str = "",
    ) -> Document:
        """Read one file with everything in it.

        Args:
            data: The file; the same bytes are not parsed twice in a row.
            label: Of the file; every word inside gets it.
            name: As declared by whoever sent it.
            declared_type: Media type as declared; that it is another is a notice, not an error.
            limits: What it may cost.
            run: Parsers are shared between documents of the same readers and run only.

        Raises:
            UsageError: ``labels.missing``: no label; ``engine.confine_missing``: this machine cannot confine.
            DataError: ``documents.damaged``, ``documents.encrypted`` or ``documents.unsupported``.
            LimitError: ``documents.too_large``: over a limit, in bytes, pages, pixels, nesting or time.
            UnavailableError: ``documents.parser_died``: the parser ended without an answer.
        """
        _labelled(label)
        if _is_audio(data):
            return await self._heard(data, label, name, declared_type, limits or self._limits)
        bounds = limits or self._limits
        identity = hashlib.sha256(data).hexdigest()
        known = self._known.get(identity, name, declared_type, bounds)
        if known is not None:
            return relabelled(known, label)
        with span("read_document") as written:
            head = {"do": "read", "name": name[:1000], "declared": declared_type[:200]}
            answer, _ = await self._crew.ask(_key(label, run), head, data, bounds)
            found = answer.get("document")
            document = await asyncio.to_thread(document_of, found, label=label, limits=bounds)
            if document.id != identity:
                raise ParserDied("the parser's answer is about another file; nothing of it was used")
            _describe(written, document)
        self._known.keep(document, name, declared_type, bounds)
        return document

    async def picture(
        self, data: bytes, document: Document, span: Span, *, limits: ReadLimits | None = None, run: str = ""
    ) -> bytes:
        """Return a PNG of the first page that a span stands on, with a box around its words.

        Args:
            data: The file that was read; for a span of an attachment still the whole mail.
            document: What was read from it.
            span: Of this document or one of its parts.
            limits: What it may cost.
            run: As in :meth:`read`.

        Raises:
            DataError: ``documents.no_picture``: it stands on no page; ``documents.damaged``: other bytes.
        """
        boxes = [place for place in span.places if place.page and place.box is not None]
        if not boxes:
            raise DataError(
                f"the words {span.quote[:80]!r} stand on no page; show them in the text or by their cell",
                code="documents.no_picture",
            )
        owner = next((part for part in _with_parts(document) if part.id == span.document), None)
        if owner is None or owner.text.version != span.text:
            raise DataError(f"the span is not of {document.name!r}", code="documents.span")
        page = boxes[0].page
        head = {"do": "draw", "document": span.document, "page": page, "boxes": list(_sides(boxes, page))}
        bounds = limits or self._limits
        _, drawn = await self._crew.ask(_key(document.label, run), head, data, bounds)
        if not drawn.startswith(PNG):
            raise ParserDied("the parser's answer is no picture; nothing of it was used")
        return drawn

    async def _heard(
        self, data: bytes, label: Label, name: str, declared_type: str, limits: ReadLimits
    ) -> Document:
        if self._transcriber is None:
            raise Unsupported(
                "recordings are not read here; install `pilothouse[speech]` and name a recogniser"
            )
        if len(data) > limits.size:
            raise TooLarge(f"the recording has {len(data)} bytes, over the limit of {limits.size}")
        media_type = declared_type if declared_type.startswith("audio/") else "audio/wav"
        heard = await self._transcriber.transcribe(data, media_type=media_type)
        text = _written(heard, self._transcriber.version)
        identity = hashlib.sha256(data).hexdigest()
        return Document(
            id=identity, media_type=media_type, label=label, text=text, name=canonical_text(name)[:1000]
        )


@contextlib.asynccontextmanager
async def open_documents(
    *,
    limits: ReadLimits | None = None,
    transcriber: Transcriber | None = None,
    parsers: int = 2,
    memory: int = 2 << 30,
) -> AsyncGenerator[Documents]:
    """Open the reading of documents; parsers start when the first document comes and end with the block.

    Args:
        limits: Of every document that brings none.
        transcriber: Hears recordings; without it they are refused.
        parsers: Confined parsers at once.
        memory: Bytes of memory that one of them may hold.
    """
    crew = Crew(most=parsers, memory=memory)
    try:
        yield Documents(crew, limits=limits, transcriber=transcriber)
    finally:
        await crew.close()


async def read_document(
    data: bytes,
    *,
    label: Label,
    name: str = "",
    declared_type: str = "",
    limits: ReadLimits | None = None,
) -> Document:
    """Read one file with a parser of its own; see :meth:`Documents.read`. For several, open once."""
    async with open_documents(limits=limits, parsers=1) as documents:
        return await documents.read(data, label=label, name=name, declared_type=declared_type)


def _written(heard: Sequence[Heard], version: str) -> Text:
    """Words that follow each other stand on one line; a silence begins another."""
    content, pieces, last = "", list[Piece](), 0.0
    for part in heard:
        words = canonical_text(part.text).strip()
        if not words:
            continue
        if content:
            content += " " if part.start - last < SILENCE else "\n"
        place = Place(seconds=(part.start, part.end))
        end = len(content) + len(words)
        pieces.append(Piece(start=len(content), end=end, place=place, confidence=part.confidence))
        content, last = content + words, part.end
    return Text(content=content, pieces=tuple(pieces), extractor=version)


def _describe(written: SpanRecord, document: Document) -> None:
    """What a trace may know of a file: kind, sizes and what is odd; never its name or a word of it."""
    written.label = document.label
    written.attributes["pilothouse.document.media_type"] = document.media_type
    written.attributes["pilothouse.document.pages"] = len(document.pages)
    written.attributes["pilothouse.document.recognised"] = sum(p.read != "text" for p in document.pages)
    written.attributes["pilothouse.document.parts"] = len(document.parts)
    written.attributes["pilothouse.document.notices"] = sorted({n.code for n in document.notices})


def _labelled(label: object) -> None:
    if not isinstance(label, Label):
        raise UsageError("a document without a label; unlabelled is never public", code="labels.missing")


def _key(label: Label, run: str) -> Key:
    return label.readers, run


def _is_audio(data: bytes) -> bool:
    if data[:4] == b"RIFF":
        return data[8:12] == b"WAVE"
    return data.startswith(AUDIO) or (data[4:8] == b"ftyp" and data[8:11] == b"M4A")


def _with_parts(document: Document) -> Iterator[Document]:
    yield document
    for part in document.parts:
        yield from _with_parts(part)


def _sides(places: list[Place], page: int) -> Iterator[list[float]]:
    on_page: list[Box] = [place.box for place in places if place.page == page and place.box is not None]
    for box in on_page[:MAX_BOXES]:
        yield [box.left, box.top, box.right, box.bottom]
