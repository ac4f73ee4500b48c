"""Owns the reading of a PDF: page by page the text layer, recognition, or both, and what is odd about it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Generator
from typing import TYPE_CHECKING, Final

from pilothouse.documents.adapters.job import Found, Job, Refusal
from pilothouse.documents.adapters.kinds import PDF
from pilothouse.documents.adapters.pdf.columns import in_order
from pilothouse.documents.adapters.pdf.layer import Layer, Written, read_layer
from pilothouse.documents.adapters.pdf.sight import SCALE, Sight
from pilothouse.documents.writing import Word

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

__all__ = ["opened", "read_pdf"]

VERSION: Final = "pdfium@5.15-1"
MANY_PAGES: Final = 20_000
FEW_LETTERS: Final = 12
GARBLED: Final = 0.3
PICTURE_SHARE: Final = 0.02
OUTSIDE: Final = 0.5
AGREE: Final = 0.5
OCR_SIDE: Final = 2000.0
ERRORS: Final = {
    3: ("damaged", "the PDF is not one, or broken"),
    4: ("encrypted", "the PDF is behind a password"),
    5: ("unsupported", "the PDF has a protection that cannot be read"),
}


@contextlib.contextmanager
def opened(data: bytes, *, most: int) -> Generator[PdfDocument]:
    """Open a PDF, forms filled in as they show.

    Raises:
        Refusal: ``damaged``, ``encrypted`` or ``too_large``.
    """
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        code = int(getattr(error, "err_code", 0) or 0)
        # pdfium leaves the last error standing: what is not encrypted was refused for something else.
        kind, why = ERRORS.get(code if b"/Encrypt" in data else 3, ERRORS[3])
        raise Refusal(kind, why) from error
    try:
        if len(pdf) > min(most, MANY_PAGES):
            raise Refusal("too_large", f"the PDF has {len(pdf)} pages, over the limit of {most}")
        if len(pdf) == 0:
            raise Refusal("damaged", "the PDF has no pages")
        yield pdf
    finally:
        pdf.close()


def read_pdf(job: Job, data: bytes) -> Found:
    """Read all pages."""
    found = job.found(PDF, VERSION)
    with opened(data, most=job.limits.pages) as pdf:
        with contextlib.suppress(Exception):
            pdf.init_forms()
        attached = int(pdf.count_attachments())
        if attached:
            found.notice("embedded_files", f"{attached} files are inside; they were not read")
        broken = 0
        for number in range(1, len(pdf) + 1):
            broken += not _read(job, found, pdf, number)
        if broken == len(pdf):
            raise Refusal("damaged", "no page of the PDF can be opened")
    return found


def _read(job: Job, found: Found, pdf: PdfDocument, number: int) -> bool:
    import pypdfium2

    try:
        page = pdf[number - 1]
    except pypdfium2.PdfiumError:
        found.pages.append([number, 0.0, 0.0, "text"])
        found.notice("damaged_page", f"page {number} cannot be opened", page=number)
        return False
    with contextlib.closing(page):
        _read_page(job, found, _flattened(page, pdf, number), number)
    return True


def _flattened(page: PdfPage, pdf: PdfDocument, number: int) -> PdfPage:
    """Return the page with annotations and filled fields as part of it, as a printer would have it."""
    from pypdfium2 import raw

    if raw.FPDFPage_GetAnnotCount(page.raw) and raw.FPDFPage_Flatten(page.raw, raw.FLAT_NORMALDISPLAY) == 1:
        page.close()
        return pdf[number - 1]
    return page


def _read_page(job: Job, found: Found, page: PdfPage, number: int) -> None:
    width, height = page.get_size()
    layer = read_layer(page)
    if width * height * SCALE**2 > job.limits.pixels:
        raise Refusal("too_large", f"page {number} is {width:.0f} x {height:.0f} points")
    sight = Sight(page.render(scale=SCALE, draw_annots=True).to_numpy()[:, :, :3])
    hidden = [sight.why_hidden(word) for word in layer.words]
    seen = [word for word, why in zip(layer.words, hidden, strict=True) if not why]
    unseen = [(word, why) for word, why in zip(layer.words, hidden, strict=True) if why]
    words, read = [_word(word) for word in seen], "text"
    wanted = _needs_recognition(page, layer, seen, sight.ink_outside(seen))
    if wanted:
        recognised = _recognised(job, found, page, number)
        if recognised is not None:
            words, read = _joined(words, recognised, wanted), "both" if wanted == "pictures" else "ocr"
            unseen = _known(unseen, recognised)
    elif seen and secrets.randbelow(1_000_000) < job.limits.compared * 1_000_000:
        _compare(job, found, page, number, seen)
    found.pages.append([number, round(width, 2), round(height, 2), read])
    if read != "ocr" and layer.unmapped > GARBLED * max(layer.letters, 1):
        found.notice("unmapped_letters", f"{layer.unmapped} letters have no meaning", page=number)
    if found.writing.length and (words or unseen):
        found.writing.write("\n\n")
    found.writing.lines(in_order(words, width), number)
    _write_hidden(found, unseen, number)


def _word(word: Written, *, hidden: bool = False) -> Word:
    return Word(word.text, word.left, word.top, word.right, word.bottom, hidden=hidden, glued=word.glued)


def _needs_recognition(page: PdfPage, layer: Layer, seen: list[Written], outside: float) -> str:
    """Return why a page must be looked at as a picture: ``empty``, ``garbled``, ``pictures``; or nothing."""
    letters = sum(len(word.text) for word in seen)
    if letters < FEW_LETTERS:
        return "empty" if outside > 0 else ""
    if layer.unmapped > GARBLED * max(layer.letters, 1):
        return "garbled"
    if _pictures(page) > PICTURE_SHARE and outside > 0.02:
        return "pictures"
    return "pictures" if outside > OUTSIDE and _drawn(page) else ""


def _pictures(page: PdfPage) -> float:
    """Share of the page that is under images."""
    from pypdfium2 import raw

    width, height = page.get_size()
    covered = 0.0
    for thing in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=5):
        left, bottom, right, top = thing.get_bounds()
        covered += max(0.0, right - left) * max(0.0, top - bottom)
    return covered / max(width * height, 1.0)


def _drawn(page: PdfPage) -> bool:
    """Whether a page has so many drawn paths that they may be letters."""
    from pypdfium2 import raw

    paths = page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH], max_depth=5)
    return any(count >= 300 for count, _ in enumerate(paths))


def _recognised(job: Job, found: Found, page: PdfPage, number: int) -> list[Word] | None:
    from pilothouse.documents.adapters.ocr import read_pixels

    if job.ocr_left <= 0:
        found.notice("ocr_limit", f"page {number} was not recognised: over the limit", page=number)
        return None
    job.ocr_left -= 1
    width, height = page.get_size()
    scale = min(4.0, OCR_SIDE / max(width, height, 1.0))
    reading = read_pixels(page.render(scale=scale, draw_annots=True).to_numpy()[:, :, :3])
    if reading.angle:
        found.notice("turned", f"turned by {reading.angle} degrees", page=number)
    return [
        Word(w.text, w.left / scale, w.top / scale, w.right / scale, w.bottom / scale, w.confidence)
        for row in reading.rows
        for w in row
    ]


def _compare(job: Job, found: Found, page: PdfPage, number: int, seen: list[Written]) -> None:
    """Say where letters mean something else than they look like: a font can show any sign for any letter."""
    if job.ocr_left <= 0:
        return
    recognised = _recognised(job, found, page, number) or []
    looks = "".join(_plain(word.text) for word in recognised)
    meant = [plain for word in seen if len(plain := _plain(word.text)) >= 4]
    there = sum(word in looks for word in meant)
    if len(meant) >= 3 and there < AGREE * len(meant):
        what = f"{len(meant) - there} of {len(meant)} words look like other words than they are"
        found.notice("layers_differ", what, page=number)


def _joined(words: list[Word], recognised: list[Word], why: str) -> list[Word]:
    """Return the words of the page: recognition alone, or what of it no word of the layer covers as well."""
    if why != "pictures":
        return recognised
    return [*words, *(word for word in recognised if not any(_overlap(word, known) for known in words))]


def _overlap(a: Word, b: Word) -> bool:
    across = min(a.right, b.right) - max(a.left, b.left)
    down = min(a.bottom, b.bottom) - max(a.top, b.top)
    smaller = min((a.right - a.left) * a.height, (b.right - b.left) * b.height)
    return across > 0 and down > 0 and across * down > 0.3 * smaller


def _known(unseen: list[tuple[Written, str]], recognised: list[Word]) -> list[tuple[Written, str]]:
    """Leave out the invisible layer of a searchable scan where it says what the picture says."""
    said = {_plain(word.text) for word in recognised}
    agreeing = sum(_plain(word.text) in said for word, _ in unseen)
    return [] if unseen and agreeing >= 0.8 * len(unseen) else unseen


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _write_hidden(found: Found, unseen: list[tuple[Written, str]], number: int) -> None:
    """Keep what nobody can see behind everything that can be seen."""
    from pilothouse.documents.writing import rows

    if not unseen:
        return
    reasons = ", ".join(sorted({why for _, why in unseen}))
    quote = " ".join(word.text for word, _ in unseen)[:200]
    found.notice("hidden_text", f"{len(unseen)} words are {reasons}: {quote!r}", page=number)
    if found.writing.length:
        found.writing.write("\n\n")
    found.writing.lines(rows([_word(word, hidden=True) for word, _ in unseen]), number)
