"""Owns how text is put together from words with places: one builder for pages, cells and lines.

Pure Python, no library of ours but the nouns: it runs inside the cage.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Word", "Writing", "clean", "rows"]

# Controls say nothing, and a lone surrogate cannot be stored.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def clean(text: str) -> str:
    """Return text in canonical form without control characters."""
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return unicodedata.normalize("NFC", text)


@dataclass(slots=True)
class Word:
    """A word on a page: box from the top left corner, confidence, and whether it can be seen.

    ``glued`` goes on without a space from the word before it.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float = 1.0
    hidden: bool = False
    glued: bool = False

    @property
    def height(self) -> float:
        """Of the box; never 0, so that it can be divided by."""
        return max(self.bottom - self.top, 0.1)

    @property
    def middle(self) -> float:
        """Height of its middle on the page."""
        return (self.top + self.bottom) / 2


def rows(words: Sequence[Word]) -> list[list[Word]]:
    """Return words as lines from top to bottom, each from left to right.

    A word joins the line whose middle is within half of its height.
    """
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda w: (w.middle, w.left)):
        line = lines[-1] if lines else None
        if line is not None and abs(_middle(line) - word.middle) < 0.5 * min(word.height, line[0].height):
            line.append(word)
        else:
            lines.append([word])
    return [sorted(line, key=lambda w: w.left) for line in lines]


def _middle(line: Sequence[Word]) -> float:
    return sum(word.middle for word in line) / len(line)


@dataclass(slots=True)
class Writing:
    """Text that grows; the places of its words and its blocks as plain lists, as they go over the wire."""

    most: int = 4_000_000
    chunks: list[str] = field(default_factory=list[str])
    pieces: list[list[Any]] = field(default_factory=list[list[Any]])
    blocks: list[list[Any]] = field(default_factory=list[list[Any]])
    length: int = 0

    def write(self, text: str) -> tuple[int, int]:
        """Add text without a place and return where it stands.

        Raises:
            OverflowError: The text is longer than allowed.
        """
        kept, start = clean(text), self.length
        self.chunks.append(kept)
        self.length += len(kept)
        if self.length > self.most:
            raise OverflowError(f"more than {self.most} characters of text")
        return start, self.length

    def place(
        self,
        text: str,
        *,
        page: int = 0,
        box: Sequence[float] | None = None,
        cell: str = "",
        confidence: float = 1.0,
        hidden: bool = False,
    ) -> None:
        """Add text that stands at one place."""
        start, end = self.write(text)
        if end > start:
            at = None if box is None else [round(float(side), 2) for side in box]
            self.pieces.append([start, end, page, at, cell, round(float(confidence), 4), hidden])

    def block(self, kind: str, start: int) -> None:
        """Say what the text since ``start`` is."""
        if self.length > start:
            self.blocks.append([kind, start, self.length])

    def lines(self, lines: Sequence[Sequence[Word]], page: int) -> None:
        """Add the lines of one page, in blocks where a gap parts them."""
        start, last = self.length, None
        for line in lines:
            top, bottom = min(w.top for w in line), max(w.bottom for w in line)
            if last is not None:
                gap = top - last[1]
                parted = gap > 1.7 * max(bottom - top, last[1] - last[0])
                if parted:
                    self.block("paragraph", start)
                self.write("\n\n" if parted else "\n")
                start = self.length if parted else start
            for n, word in enumerate(line):
                if n and not word.glued:
                    self.write(" ")
                box = (word.left, word.top, word.right, word.bottom)
                self.place(word.text, page=page, box=box, confidence=word.confidence, hidden=word.hidden)
            last = (top, bottom)
        self.block("paragraph", start)

    def content(self) -> str:
        """The text so far."""
        return "".join(self.chunks)
