"""Documents own reading: files and messages become text with places, text becomes claims with spans."""

from pilothouse.documents import claims
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

__all__ = [
    "Block",
    "Box",
    "Document",
    "Notice",
    "Page",
    "Piece",
    "Place",
    "Span",
    "Text",
    "canonical_text",
    "claims",
]
