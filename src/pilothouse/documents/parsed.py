"""Owns the answer of a confined parser: plain JSON that is checked in full before any of it is believed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast, get_args

from pilothouse.documents.errors import ParserDied
from pilothouse.documents.limits import ReadLimits
from pilothouse.documents.types import Block, Box, Document, Notice, Page, Piece, Place, Text, canonical_text
from pilothouse.labels import Label

__all__ = ["document_of"]

BlockKind = Literal["paragraph", "heading", "table", "quoted", "signature", "header"]
BLOCKS: Final = get_args(BlockKind)
READS: Final = ("text", "ocr", "both")
SHA256: Final = re.compile("[0-9a-f]{64}")
MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+-]{1,100}")
CODE: Final = re.compile(r"documents\.[a-z_]{1,40}")
EXTRACTOR: Final = re.compile(r"[a-z0-9.+-]{1,40}@[A-Za-z0-9.+-]{1,40}")
MAX_PIECES: Final = 2_000_000
MAX_NAME: Final = 1000


class _Wrong(Exception):
    """The answer does not hold."""


def document_of(answer: object, *, label: Label, limits: ReadLimits) -> Document:
    """Return the document that a parser's answer describes; the label comes from us, never from it.

    Raises:
        ParserDied: ``documents.parser_died``: the answer does not hold; nothing of it is used.
    """
    try:
        return _document(answer, label, limits, 0)
    except (_Wrong, KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise ParserDied(f"the parser's answer does not hold: {error!r}; nothing of it was used") from error


def _need(holds: object, what: str) -> None:
    if not holds:
        raise _Wrong(what)


def _document(answer: object, label: Label, limits: ReadLimits, depth: int) -> Document:
    _need(depth <= limits.nesting + 2, "nested too deep")
    fields = cast("Mapping[str, Any]", answer)
    identity, media_type = fields["id"], fields["media_type"]
    _need(isinstance(identity, str) and SHA256.fullmatch(identity), "id")
    _need(isinstance(media_type, str) and MEDIA_TYPE.fullmatch(media_type), "media type")
    pages = tuple(_page(page) for page in _list(fields["pages"], limits.pages))
    text = _text(fields, limits)
    length = len(text.content)
    return Document(
        id=identity,
        media_type=media_type,
        label=label,
        text=text,
        name=_words(fields["name"], MAX_NAME),
        blocks=tuple(_block(block, length) for block in _list(fields["blocks"], limits.characters)),
        pages=pages,
        headers=tuple((_words(k, 100), _words(v, 20_000)) for k, v in _list(fields["headers"], 200)),
        parts=tuple(
            _document(part, label, limits, depth + 1) for part in _list(fields["parts"], limits.parts)
        ),
        notices=tuple(_notice(notice) for notice in _list(fields["notices"], 1000)),
    )


def _list(value: object, most: int) -> Sequence[Any]:
    _need(isinstance(value, list), "a list")
    items = cast("list[Any]", value)
    _need(len(items) <= most, f"more than {most} entries")
    return items


def _words(value: object, most: int) -> str:
    _need(isinstance(value, str), "words")
    return canonical_text(cast("str", value))[:most]


def _whole(value: object, low: int, high: int) -> int:
    _need(type(value) is int, "a whole number")
    number = cast("int", value)
    _need(low <= number <= high, f"{number} is not within {low} and {high}")
    return number


def _number(value: object, low: float, high: float) -> float:
    _need(type(value) in (int, float), "a number")
    number = float(cast("float", value))
    _need(math.isfinite(number) and low <= number <= high, f"{number} is not within {low} and {high}")
    return number


def _text(fields: Mapping[str, Any], limits: ReadLimits) -> Text:
    content, extractor = fields["text"], fields["extractor"]
    _need(isinstance(content, str) and len(content) <= limits.characters, "text")
    _need(canonical_text(content) == content, "text in canonical form")
    content.encode()
    _need(isinstance(extractor, str) and EXTRACTOR.fullmatch(extractor), "extractor")
    pieces: list[Piece] = []
    last = 0
    places: dict[object, Place] = {}
    for row in _list(fields["pieces"], MAX_PIECES):
        start, end, page, box, cell, confidence, hidden = row
        _whole(start, last, len(content))
        _whole(end, start + 1, len(content))
        _need(type(hidden) is bool, "hidden")
        at = (page, None if box is None else tuple(box), cell)
        place = places.get(at)
        if place is None:
            place = places[at] = Place(
                page=_whole(page, 0, limits.pages), box=_box(box), cell=_words(cell, 200)
            )
        sure = _number(confidence, 0, 1)
        pieces.append(Piece(start=start, end=end, place=place, confidence=sure, hidden=hidden))
        last = end
    return Text(content=content, pieces=tuple(pieces), extractor=extractor)


def _box(value: object) -> Box | None:
    if value is None:
        return None
    left, top, right, bottom = (_number(side, -1e6, 1e6) for side in _list(value, 4))
    return Box(left=left, top=top, right=right, bottom=bottom)


def _page(value: Sequence[Any]) -> Page:
    number, width, height, read = value
    _need(read in READS, "how a page was read")
    return Page(
        number=_whole(number, 1, 1_000_000),
        width=_number(width, 0, 1e6),
        height=_number(height, 0, 1e6),
        read=read,
    )


def _block(value: Sequence[Any], length: int) -> Block:
    kind, start, end = value
    _need(kind in BLOCKS, "kind of a block")
    return Block(kind=kind, start=_whole(start, 0, length), end=_whole(end, start, length))


def _notice(value: Sequence[Any]) -> Notice:
    code, detail, page, box, cell = value
    _need(isinstance(code, str) and CODE.fullmatch(code), "code of a notice")
    place = None
    if page or cell:
        place = Place(page=_whole(page, 0, 1_000_000), box=_box(box), cell=_words(cell, 200))
    return Notice(code=code, detail=_words(detail, 2000), place=place)
