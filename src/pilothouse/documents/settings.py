"""Owns the settings of reading; ``app.py`` reads them from the environment and the project's table."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from pilothouse.documents.limits import ReadLimits
from pilothouse.kernel.settings import PartSettings

__all__ = ["DocumentsSettings"]

MIB = 1024 * 1024


class DocumentsSettings(PartSettings):
    """What reading one document may cost, and how many are read at once.

    Attributes:
        size: Bytes of a file.
        pages: Of a PDF or of an image with several.
        pixels: Of one image.
        expanded: Bytes that an archive (docx, xlsx, ods) may hold.
        nesting: Mails inside mails.
        parts: Attachments, all levels together.
        characters: Of the text.
        cells: Of all sheets of a workbook.
        seconds: From handing the bytes over to the answer.
        ocr_pages: Pages of a document that may be recognised.
        compared: Share of pages with a text layer that are recognised as well, drawn by lot.
        parsers: Confined parsers at once.
        memory: Bytes of memory that one of them may hold.
        speech: Pack that hears recordings; empty: recordings are refused.
    """

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_DOCUMENTS_", frozen=True, extra="forbid")

    size: int = ReadLimits().size
    pages: int = ReadLimits().pages
    pixels: int = ReadLimits().pixels
    expanded: int = ReadLimits().expanded
    nesting: int = ReadLimits().nesting
    parts: int = ReadLimits().parts
    characters: int = ReadLimits().characters
    cells: int = ReadLimits().cells
    seconds: float = ReadLimits().seconds
    ocr_pages: int = ReadLimits().ocr_pages
    compared: float = ReadLimits().compared
    parsers: int = 2
    memory: int = 2048 * MIB
    speech: str = ""

    @property
    def limits(self) -> ReadLimits:
        """As the reader takes them."""
        return ReadLimits(
            size=self.size,
            pages=self.pages,
            pixels=self.pixels,
            expanded=self.expanded,
            nesting=self.nesting,
            parts=self.parts,
            characters=self.characters,
            cells=self.cells,
            seconds=self.seconds,
            ocr_pages=self.ocr_pages,
            compared=self.compared,
        )
