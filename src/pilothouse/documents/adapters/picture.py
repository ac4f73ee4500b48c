"""Owns the picture of a span: the page as an image, with the words marked."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from pilothouse.documents.adapters.job import Refusal
from pilothouse.documents.adapters.kinds import MAIL, PDF, kind_of
from pilothouse.documents.limits import ReadLimits

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["draw"]

SCALE: Final = 2.0
MARK: Final = (214, 40, 40)
MAX_BOXES: Final = 2000


def draw(data: bytes, request: dict[str, Any], limits: ReadLimits) -> bytes:
    """Return a PNG of the page with the boxes around the words.

    Raises:
        Refusal: ``unsupported`` where the file has no pages to show.
    """
    data = _wanted(data, str(request["document"]), limits)
    kind, page, boxes = kind_of(data), int(request["page"]), request["boxes"][:MAX_BOXES]
    if kind == PDF:
        image, scale = _pdf_page(data, page, limits), SCALE
    elif kind.startswith("image/"):
        image, scale = _frame(data, page, limits), 1.0
    else:
        raise Refusal("unsupported", f"{kind} has no pages that could be shown")
    return _marked(image, [[side * scale for side in box] for box in boxes])


def _wanted(data: bytes, wanted: str, limits: ReadLimits) -> bytes:
    import hashlib

    if hashlib.sha256(data).hexdigest() == wanted:
        return data
    found = None
    if kind_of(data) == MAIL:
        from pilothouse.documents.adapters.mail import attachment

        found = attachment(data, wanted, nesting=limits.nesting)
    if found is None:
        raise Refusal("damaged", f"these bytes do not hold the document {wanted!r}")
    return found


def _pdf_page(data: bytes, number: int, limits: ReadLimits) -> Image:
    from pilothouse.documents.adapters.pdf import opened

    with opened(data, most=limits.pages) as pdf:
        if not 1 <= number <= len(pdf):
            raise Refusal("damaged", f"there is no page {number}")
        page = pdf[number - 1]
        width, height = page.get_size()
        if width * height * SCALE**2 > limits.pixels:
            raise Refusal("too_large", f"page {number} is {width:.0f} x {height:.0f} points")
        return page.render(scale=SCALE, draw_annots=True).to_pil().convert("RGB")


def _frame(data: bytes, number: int, limits: ReadLimits) -> Image:
    from pilothouse.documents.adapters.images import frames

    for n, frame in enumerate(frames(data, pixels=limits.pixels, most=limits.pages), 1):
        if n == number:
            return frame.convert("RGB")
    raise Refusal("damaged", f"there is no page {number}")


def _marked(image: Image, boxes: list[list[float]]) -> bytes:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(image)
    line = max(2, round(max(image.size) / 700))
    for left, top, right, bottom in boxes:
        pen.rectangle((left - line, top - line, right + line, bottom + line), outline=MARK, width=line)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
