"""Documents own reading: files and messages become text with places, text becomes claims with spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.documents.errors import Damaged, Encrypted, ParserDied, TooLarge, Unsupported
from pilothouse.documents.limits import ReadLimits
from pilothouse.documents.ports import Heard, Transcriber
from pilothouse.documents.types import (
    Block,
    Box,
    Document,
    Notice,
    Page,
    Piece,
    Place,
    Span,
    Text,
    canonical_text,
)

if TYPE_CHECKING:
    from pilothouse.documents import claims
    from pilothouse.documents.reader import Documents, open_documents, read_document

__all__ = [
    "Block",
    "Box",
    "Damaged",
    "Document",
    "Documents",
    "Encrypted",
    "Heard",
    "Notice",
    "Page",
    "ParserDied",
    "Piece",
    "Place",
    "ReadLimits",
    "Span",
    "Text",
    "TooLarge",
    "Transcriber",
    "Unsupported",
    "canonical_text",
    "claims",
    "open_documents",
    "read_document",
]
_READER = ("Documents", "open_documents", "read_document")


def __getattr__(name: str) -> object:
    """Import reader and claims only when asked for: the parsers import this part too, and start often."""
    if name in _READER:
        from pilothouse.documents import reader

        return getattr(reader, name)
    if name == "claims":
        import pilothouse.documents.claims as found

        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
