"""What must hold of every document that was read, whatever it was."""

from __future__ import annotations

from collections.abc import Iterator

from pilothouse.documents import Document, Piece, Span, canonical_text


def every(document: Document) -> Iterator[Document]:
    yield document
    for part in document.parts:
        yield from every(part)


def sound(document: Document) -> Document:
    """Every piece is a span that reads itself again, sorted, apart, with a place; labels are the file's."""
    for one in every(document):
        content = one.text.content
        assert canonical_text(content) == content
        assert one.label == document.label
        last = 0
        for piece in one.text.pieces:
            assert last <= piece.start < piece.end <= len(content)
            last = piece.end
            if content[piece.start : piece.end].strip():
                span = Span.of(one.id, one.text, piece.start, piece.end)
                assert content[span.start : span.end] == span.quote
                assert span.places == (piece.place,)
        for block in one.blocks:
            assert 0 <= block.start < block.end <= len(content)
    return document


def codes(document: Document) -> list[str]:
    return [notice.code.removeprefix("documents.") for notice in document.notices]


def words(document: Document, *, hidden: bool) -> str:
    return " ".join(_said(document, piece) for piece in document.text.pieces if piece.hidden is hidden)


def _said(document: Document, piece: Piece) -> str:
    return document.text.content[piece.start : piece.end]
