"""Owns what one reading knows while it goes on: limits, what is left of them, and what was found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pilothouse.documents.limits import ReadLimits
from pilothouse.documents.writing import Writing, clean

__all__ = ["Found", "Job", "Refusal"]


class Refusal(Exception):
    """The file is not read; ``kind`` is one that the other side knows."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


@dataclass(slots=True)
class Found:
    """One document as it is being read; plain values, as they go over the wire."""

    media_type: str
    extractor: str
    writing: Writing
    pages: list[list[Any]] = field(default_factory=list[list[Any]])
    headers: list[list[str]] = field(default_factory=list[list[str]])
    parts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    notices: list[list[Any]] = field(default_factory=list[list[Any]])

    def notice(self, code: str, detail: str = "", *, page: int = 0, cell: str = "") -> None:
        """Say that something is odd; the first thousand times."""
        if len(self.notices) < 1000:
            self.notices.append([f"documents.{code}", clean(detail)[:2000], page, None, cell])

    def fields(self, data: bytes, name: str) -> dict[str, Any]:
        """Return the answer."""
        return {
            "id": hashlib.sha256(data).hexdigest(),
            "media_type": self.media_type,
            "name": clean(name)[:1000],
            "extractor": self.extractor,
            "text": self.writing.content(),
            "pieces": self.writing.pieces,
            "blocks": self.writing.blocks,
            "pages": self.pages,
            "headers": self.headers,
            "parts": self.parts,
            "notices": self.notices,
        }


@dataclass(slots=True)
class Job:
    """One reading.

    Attributes:
        limits: Of the whole document, attachments included.
        read: Reads an attachment: bytes, name, declared type, depth.
        parts_left: Attachments that may still be read.
        ocr_left: Pages that may still go to recognition.
        expanded_left: Bytes that archives may still hold.
        stumbled: Whether a library failed in a way it does not announce: the process answers and ends.
    """

    limits: ReadLimits
    read: Callable[[bytes, str, str, int], dict[str, Any]]
    parts_left: int = 0
    ocr_left: int = 0
    expanded_left: int = 0
    stumbled: bool = False

    @classmethod
    def of(cls, limits: ReadLimits, read: Callable[[Job, bytes, str, str, int], dict[str, Any]]) -> Job:
        """Return the job with everything left."""
        job = cls(
            limits=limits,
            read=lambda data, name, declared, depth: read(job, data, name, declared, depth),
            parts_left=limits.parts,
            ocr_left=limits.ocr_pages,
            expanded_left=limits.expanded,
        )
        return job

    def found(self, media_type: str, extractor: str) -> Found:
        """Return an empty document."""
        return Found(media_type=media_type, extractor=extractor, writing=Writing(most=self.limits.characters))
