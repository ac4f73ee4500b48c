"""Owns the text layer of one page: words with boxes as the page is shown, and how each was written."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

__all__ = ["Layer", "Written", "read_layer"]

INVISIBLE: Final = (3, 7)
"""Render modes that paint nothing: neither filled nor stroked, and clipped only."""
REPLACEMENT: Final = "\ufffd"
Color = tuple[int, int, int]


@dataclass(slots=True)
class Written:
    """A word of the text layer.

    Attributes:
        text: Its letters.
        left: Of its box, in points from the top left corner of the page as shown.
        top: Of its box.
        right: Of its box.
        bottom: Of its box.
        size: Height of its font as shown, in points.
        color: Of its letters.
        unpainted: Whether it is written so that nothing is painted.
        glued: Whether it goes on without a space from the one before it.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    color: Color
    unpainted: bool
    glued: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The words of a page in the order of the file, and how many letters have no meaning."""

    words: list[Written]
    letters: int
    unmapped: int


class _Letters:
    """The letters of a page, one at a time, through pdfium's own functions."""

    def __init__(self, text: Any, raw: Any) -> None:
        self.text, self.raw = text, raw
        self._sides = [ctypes.c_double() for _ in range(4)]
        self._refs = [ctypes.byref(side) for side in self._sides]
        self._loose = raw.FS_RECTF()
        self._paint = [ctypes.c_uint() for _ in range(4)]
        self._last: tuple[int, tuple[Color, bool]] = (0, ((0, 0, 0), False))

    def box(self, at: int) -> tuple[float, float, float, float]:
        """Left, bottom, right and top in the page's own coordinates."""
        left, right, bottom, top = self._refs
        self.raw.FPDFText_GetCharBox(self.text, at, left, right, bottom, top)
        a, b, c, d = self._sides
        return a.value, c.value, b.value, d.value

    def height(self, at: int) -> float:
        """Of the font at a letter, as the page is laid out."""
        if not self.raw.FPDFText_GetLooseCharBox(self.text, at, ctypes.byref(self._loose)):
            return 0.0
        upright = abs(self._loose.top - self._loose.bottom)
        return float(max(upright, 0.0))

    def paint(self, at: int) -> tuple[Color, bool]:
        """Color, and whether nothing is painted; remembered for the letters of one text object."""
        owner = self.raw.FPDFText_GetTextObject(self.text, at)
        address = ctypes.cast(owner, ctypes.c_void_p).value or 0
        if address == self._last[0] and address:
            return self._last[1]
        mode = self.raw.FPDFTextObj_GetTextRenderMode(owner) if address else 0
        self.raw.FPDFText_GetFillColor(self.text, at, *map(ctypes.byref, self._paint))
        red, green, blue, alpha = (part.value for part in self._paint)
        self._last = (address, ((red, green, blue), mode in INVISIBLE or alpha == 0))
        return self._last[1]


def read_layer(page: PdfPage) -> Layer:
    """Return the words of a page that is open."""
    from pypdfium2 import raw

    text = raw.FPDFText_LoadPage(page.raw)
    try:
        letters = _Letters(text, raw)
        shown = _as_shown(page, raw)
        words, unmapped = list[Written](), 0
        count = raw.FPDFText_CountChars(text)
        for word, wrong in _words(letters, count):
            words.append(_placed(word, shown))
            unmapped += wrong
        return Layer(words=words, letters=sum(len(word.text) for word in words), unmapped=unmapped)
    finally:
        raw.FPDFText_ClosePage(text)


def _words(letters: _Letters, count: int) -> Iterator[tuple[Written, int]]:
    """Yield words in the page's own coordinates, with the number of letters that mean nothing."""
    raw, text = letters.raw, letters.text
    word: Written | None = None
    wrong, spaced, high = 0, True, 0
    for at in range(count):
        code = raw.FPDFText_GetUnicode(text, at)
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        if 0xDC00 <= code < 0xE000:
            code = 0x10000 + ((high - 0xD800) << 10) + code - 0xDC00 if high else 0xFFFD
        high = 0
        letter = chr(code) if code else REPLACEMENT
        if letter.isspace() or (code < 32 and raw.FPDFText_IsGenerated(text, at) == 1):
            if word is not None:
                yield word, wrong
            word, wrong, spaced = None, 0, True
            continue
        bad = code == 0 or letter == REPLACEMENT or raw.FPDFText_HasUnicodeMapError(text, at) == 1
        color, unpainted = letters.paint(at)
        if word is not None and (word.color, word.unpainted) != (color, unpainted):
            yield word, wrong
            word, wrong, spaced = None, 0, False
        left, bottom, right, top = letters.box(at)
        if word is None:
            size = letters.height(at)
            word = Written(letter, left, top, right, bottom, size, color, unpainted, not spaced)
        else:
            word.text += letter
            word.left, word.right = min(word.left, left), max(word.right, right)
            word.top, word.bottom = max(word.top, top), min(word.bottom, bottom)
        wrong, spaced = wrong + bad, False
    if word is not None:
        yield word, wrong


def _as_shown(page: PdfPage, raw: Any) -> Callable[[float, float], tuple[float, float]]:
    """Return how a point of the page's own coordinates is shown: cropped and turned, from the top left."""
    width, height = page.get_size()
    fine = 100
    x, y = ctypes.c_int(), ctypes.c_int()

    def device(px: float, py: float) -> tuple[float, float]:
        size = (int(width * fine), int(height * fine))
        raw.FPDF_PageToDevice(page.raw, 0, 0, *size, 0, px, py, ctypes.byref(x), ctypes.byref(y))
        return x.value / fine, y.value / fine

    (ox, oy), (ax, ay), (bx, by) = device(0, 0), device(1000, 0), device(0, 1000)
    ax, ay, bx, by = (ax - ox) / 1000, (ay - oy) / 1000, (bx - ox) / 1000, (by - oy) / 1000
    return lambda px, py: (ox + px * ax + py * bx, oy + px * ay + py * by)


def _placed(word: Written, shown: Callable[[float, float], tuple[float, float]]) -> Written:
    (x0, y0), (x1, y1) = shown(word.left, word.top), shown(word.right, word.bottom)
    word.left, word.right = min(x0, x1), max(x0, x1)
    word.top, word.bottom = min(y0, y1), max(y0, y1)
    return word
