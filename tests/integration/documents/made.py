"""Files made for the tests: PDFs byte by byte, scans as pictures, and what a hostile sender makes of them."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pilothouse.labels import Integrity, Label, Origin

PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
FONTS = "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf"


def label(*readers: str) -> Label:
    origin = Origin(
        source="mailbox", object="mail", key={"id": "1"}, field="body", version="1",
        read_at=datetime(2026, 1, 5, tzinfo=UTC),
    )  # fmt: skip
    return Label(readers=frozenset(readers), integrity=Integrity.UNTRUSTED, origin=origin)


@dataclass
class Page:
    """One page; lines of PDF operators, from the bottom left corner in points."""

    content: str = ""
    width: float = 595
    height: float = 842
    crop: tuple[float, float, float, float] | None = None
    rotate: int = 0
    picture: Image.Image | None = None
    annotations: list[str] = field(default_factory=list)

    def write(self, x: float, y: float, text: str, *, size: float = 11, before: str = "0 g") -> Page:
        """Add a line of text; ``before`` sets colour (``1 g``) or render mode (``3 Tr``)."""
        safe = (
            text.encode("cp1252")
            .decode("latin-1")
            .replace("\\", r"\\")
            .replace("(", r"\(")
            .replace(")", r"\)")
        )
        self.content += f"q BT {before} /F1 {size} Tf {x} {y} Td ({safe}) Tj ET Q\n"
        return self

    def box(self, x: float, y: float, width: float, height: float, color: str = "0 g") -> Page:
        self.content += f"q {color} {x} {y} {width} {height} re f Q\n"
        return self


def pdf(pages: Sequence[Page], *, password: str = "", owner: str = "") -> bytes:
    """Return a PDF of these pages; with a password encrypted with RC4, revision 3."""
    objects: list[bytes] = [
        b"",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    kids: list[int] = []
    for page in pages:
        kids.append(_page(objects, page))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{listed}] >>".encode()
    extra = b""
    if password or owner:
        extra, objects = _encrypted(objects, password.encode(), (owner or password).encode())
    out = io.BytesIO(b"%PDF-1.6\n")
    out.seek(0, 2)
    places: list[int] = []
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n".encode() + body + b"\nendobj\n")
    start = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.write(b"".join(f"{place:010} 00000 n \n".encode() for place in places))
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R ".encode() + extra
    out.write(trailer + f">>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def _stream(fields: str, body: bytes) -> bytes:
    return f"<< {fields} /Length {len(body)} >>\nstream\n".encode() + body + b"\nendstream"


def _page(objects: list[bytes], page: Page) -> int:
    resources, content = "/Font << /F1 3 0 R >>", page.content
    if page.picture is not None:
        held = io.BytesIO()
        page.picture.convert("RGB").save(held, "JPEG", quality=88)
        size = f"/Width {page.picture.width} /Height {page.picture.height}"
        fields = f"/Type /XObject /Subtype /Image {size} /ColorSpace /DeviceRGB /BitsPerComponent 8"
        fields += " /Filter /DCTDecode"
        objects.append(_stream(fields, held.getvalue()))
        resources += f" /XObject << /Im {len(objects)} 0 R >>"
        if "/Im Do" not in content:
            content = f"q {page.width} 0 0 {page.height} 0 0 cm /Im Do Q\n" + content
    objects.append(_stream("", content.encode("latin-1")))
    body = len(objects)
    annotations: list[int] = []
    for annotation in page.annotations:
        objects.append(annotation.encode("latin-1"))
        annotations.append(len(objects))
    crop = "" if page.crop is None else f"/CropBox [{' '.join(map(str, page.crop))}]"
    noted = f"/Annots [{' '.join(f'{n} 0 R' for n in annotations)}]" if annotations else ""
    objects.append(
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {page.width} {page.height}] {crop} "
        f"/Rotate {page.rotate} {noted} /Resources << {resources} >> /Contents {body} 0 R >>".encode()
    )
    return len(objects)


def _rc4(key: bytes, data: bytes) -> bytes:
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


def _encrypted(objects: list[bytes], user: bytes, owner: bytes) -> tuple[bytes, list[bytes]]:
    """The standard security handler, 128 bits, as ISO 32000-1 section 7.6.3 has it."""
    identity, rights = hashlib.md5(b"test").digest(), -44

    def md5(data: bytes, times: int = 1) -> bytes:
        for _ in range(times):
            data = hashlib.md5(data).digest()
        return data

    def rounds(key: bytes, data: bytes) -> bytes:
        for n in range(20):
            data = _rc4(bytes(byte ^ n for byte in key), data)
        return data

    owner_key = md5((owner + PADDING)[:32], 51)
    o = rounds(owner_key, (user + PADDING)[:32])
    key = md5(md5((user + PADDING)[:32] + o + struct.pack("<i", rights) + identity), 50)
    u = rounds(key, hashlib.md5(PADDING + identity).digest()) + bytes(16)
    done: list[bytes] = []
    for number, plain in enumerate(objects, 1):
        body = plain
        if b"stream\n" in body:
            head, rest = body.split(b"stream\n", 1)
            content = rest.removesuffix(b"\nendstream")
            own = md5(key + struct.pack("<I", number)[:3] + b"\0\0")
            body = head + b"stream\n" + _rc4(own, content) + b"\nendstream"
        done.append(body)
    done.append(
        f"<< /Filter /Standard /V 2 /R 3 /Length 128 /P {rights} /O <{o.hex()}> /U <{u.hex()}> >>".encode()
    )
    return f"/Encrypt {len(done)} 0 R /ID [<{identity.hex()}> <{identity.hex()}>] ".encode(), done


def scan(
    lines: Sequence[str],
    *,
    size: int = 26,
    angle: float = 0.0,
    noise: int = 0,
    blur: float = 0.0,
    width: int = 1000,
) -> Image.Image:
    """Return a page as a scanner would give it."""
    font = ImageFont.truetype(FONTS, size)
    image = Image.new("L", (width, 120 + len(lines) * size * 2), 255)
    pen = ImageDraw.Draw(image)
    for n, line in enumerate(lines):
        pen.text((60, 60 + n * size * 2), line, font=font, fill=20)
    if noise:
        dots = Image.effect_noise(image.size, noise)
        image = Image.blend(image, dots, 0.25)
    if blur:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    return image.rotate(angle, expand=True, fillcolor=235) if angle else image


def png(image: Image.Image, **more: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", **more)
    return out.getvalue()


def lying_png(width: int, height: int) -> bytes:
    """A PNG that says it is large and is a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )
