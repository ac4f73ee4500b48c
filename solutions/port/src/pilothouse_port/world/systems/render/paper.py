"""Owns letters on paper: PDF with a text layer, scans, photographs; the same bytes each time."""

from __future__ import annotations

import io
import textwrap
from random import Random
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["letter_pdf", "locked_pdf", "logo_png", "photo_of", "scan_pdf"]

_WIDTH: Final = 82
_LINES: Final = 50
_DPI: Final = 120


def letter_pdf(text: str, *, hidden: str = "") -> bytes:
    """Return a PDF of one page with a text layer.

    Args:
        text: Lines of the letter; what Windows-1252 cannot write becomes ``?``.
        hidden: Words in white on white, for attacks.
    """
    shown = [part for line in text.splitlines() for part in textwrap.wrap(line, _WIDTH) or [""]][:_LINES]
    said = f"BT /F1 11 Tf 60 780 Td 15 TL {' '.join(f'({_escaped(line)}) Tj T*' for line in shown)} ET"
    if hidden:
        said += f" 1 1 1 rg BT /F1 6 Tf 60 40 Td ({_escaped(hidden)}) Tj ET"
    return _pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
            b" /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>",
            _stream(said.encode("cp1252", "replace")),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        ]
    )


def scan_pdf(text: str, *, seed: int) -> bytes:
    """Return a PDF that holds nothing but the picture of a skewed, stamped, noisy page."""
    page = _worn(_page(text), Random(seed), angle=1.4)
    held = io.BytesIO()
    page.save(held, "JPEG", quality=55)
    wide, high = page.size
    return _pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
            b" /Resources << /XObject << /P 5 0 R >> >> /Contents 4 0 R >>",
            _stream(b"q 595 0 0 842 0 0 cm /P Do Q"),
            _stream(
                held.getvalue(),
                b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray"
                b" /BitsPerComponent 8 /Filter /DCTDecode" % (wide, high),
            ),
        ]
    )


def photo_of(text: str, *, seed: int, png: bool) -> bytes:
    """Return a photograph of the written half of the page: tilted, dim at one side, a little out of focus."""
    from PIL import Image, ImageChops, ImageFilter

    rng = Random(seed)
    page = _page(text)
    lines = sum(max(1, len(textwrap.wrap(line, _WIDTH))) for line in text.splitlines())
    page = page.crop((0, 60, page.width, min(page.height, 160 + lines * 26)))
    page = _worn(page, rng, angle=2.6)
    shade = Image.linear_gradient("L").resize(page.size).point([170 + n // 3 for n in range(256)])
    page = ImageChops.multiply(page, shade if rng.random() < 0.5 else shade.rotate(180))
    held = io.BytesIO()
    page = page.filter(ImageFilter.GaussianBlur(0.5))
    if png:
        page.point([n // 16 * 16 for n in range(256)]).save(held, "PNG", optimize=True)
    else:
        page.save(held, "JPEG", quality=68)
    return held.getvalue()


def locked_pdf(text: str, *, seed: int) -> bytes:
    """Return a PDF that asks for a password nobody here has."""
    rng = Random(seed)
    body = rng.randbytes(len(text) + 40)
    owner, user, name = (rng.randbytes(n).hex().encode() for n in (32, 32, 16))
    return _pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>",
            _stream(body),
            b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -44 >>" % (owner, user),
        ],
        trailer=b" /Encrypt 5 0 R /ID [<%s> <%s>]" % (name, name),
    )


def logo_png(seed: int) -> bytes:
    """Return the small picture under a signature; it says nothing."""
    from PIL import Image, ImageDraw

    rng = Random(seed)
    image = Image.new("RGB", (120, 48), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    colour = (rng.randrange(200), rng.randrange(200), rng.randrange(200))
    draw.ellipse((4, 4, 44, 44), fill=colour)
    draw.polygon([(52, 40), (70, 8), (88, 40)], fill=colour)
    held = io.BytesIO()
    image.save(held, "PNG", optimize=True)
    return held.getvalue()


def _page(text: str) -> Image:
    import pypdfium2

    # its stubs know neither this argument nor what comes back
    document = cast("Any", pypdfium2.PdfDocument(letter_pdf(text)))
    try:
        return cast("Image", document[0].render(scale=_DPI / 72, grayscale=True).to_pil())
    finally:
        document.close()


def _worn(page: Image, rng: Random, *, angle: float) -> Image:
    """Return the page as a machine in a corridor sees it: stamped, turned a little, with specks."""
    from PIL import Image, ImageDraw, ImageFont

    draw = ImageDraw.Draw(page)
    left, top = rng.randint(560, 700), rng.randint(20, 70)
    draw.rectangle((left, top, left + 230, top + 66), outline=120, width=3)
    words = f"RECEIVED {rng.randint(1, 28):02d}.{rng.randint(1, 12):02d}."
    draw.text((left + 14, top + 20), words, fill=130, font=ImageFont.load_default(22))
    page = page.rotate(rng.uniform(-angle, angle), Image.Resampling.BICUBIC, fillcolor=248)
    noise = Image.frombytes("L", page.size, rng.randbytes(page.width * page.height))
    return Image.blend(page, noise, 0.06)


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(content), content)


def _pdf(objects: list[bytes], *, trailer: bytes = b"") -> bytes:
    out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    offsets: list[int] = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
        + b"trailer << /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, len(out))
    )
