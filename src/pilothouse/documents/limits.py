"""Owns the limits of reading one document; every one is looked at before or while parsing, none after."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ReadLimits"]

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """What one document may cost; over any of them it is refused with ``documents.too_large``.

    Attributes:
        size: Bytes of the file.
        pages: Of a PDF or of an image with several.
        pixels: Of one image, by its header, before it is decoded.
        expanded: Bytes that an archive (docx, xlsx, ods) says and turns out to hold.
        ratio: How many times larger than the file that may be.
        nesting: Mails inside mails.
        parts: Attachments, all levels together.
        characters: Of the text.
        cells: Of all sheets together.
        seconds: From handing the bytes over to the answer.
        ocr_pages: Pages that may go to recognition; the rest keep their text layer and a notice.
        compared: Share of pages with a text layer that are recognised as well, drawn by lot: what the letters
            say may be another thing than what they look like.
    """

    size: int = 32 * MIB
    pages: int = 300
    pixels: int = 50_000_000
    expanded: int = 256 * MIB
    ratio: int = 200
    nesting: int = 4
    parts: int = 50
    characters: int = 4_000_000
    cells: int = 200_000
    seconds: float = 180.0
    ocr_pages: int = 20
    compared: float = 0.02
