"""Files with bytes changed, cut and doubled, by lot: each is a document that holds or a typed error."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from pilothouse.documents import Documents, ReadLimits
from pilothouse.kernel import PilothouseError

sys.path.insert(0, str(Path(__file__).parent))
from checks import sound
from made import Page, label, pdf, png, scan

CODES = {
    "documents.damaged", "documents.encrypted", "documents.unsupported", "documents.too_large",
    "documents.parser_died",
}  # fmt: skip
# Nothing is recognised here: what recognition says of changed pixels is of no interest, and costly.
QUICK = ReadLimits(ocr_pages=0, seconds=60, compared=0.0)
ROUNDS = 40


def an_order() -> bytes:
    return pdf(
        [Page().write(72, 700, "Release order MSCU1234566").write(72, 600, "secret", before="1 g")] * 2
    )


def a_mail() -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@b.example", "Order"
    message.set_content("Hello\n> quoted\n-- \nJan")
    message.add_alternative("<p>Hello</p><blockquote>quoted</blockquote>", subtype="html")
    message.add_attachment(an_order(), maintype="application", subtype="pdf", filename="o.pdf")
    return message.as_bytes()


def a_workbook() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for n in range(20):
        sheet.append([f"MSCU{n}", n, "=A1"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def a_letter() -> bytes:
    import docx

    made = docx.Document()
    made.add_paragraph("Please hold the box")
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def a_picture() -> bytes:
    return png(scan(["hold"], width=300))


def a_fax() -> bytes:
    out = io.BytesIO()
    scan(["hold"], width=300).convert("1").save(out, "TIFF", compression="group4")
    return out.getvalue()


def changed(data: bytes, draw: random.Random) -> bytes:
    held = bytearray(data)
    for _ in range(draw.choice((1, 2, 8, 40))):
        at = draw.randrange(len(held))
        match draw.randrange(5):
            case 0:
                held[at] = draw.randrange(256)
            case 1:
                del held[at : at + draw.randrange(1, 200)]
            case 2:
                held[at:at] = held[at : at + draw.randrange(1, 200)]
            case 3:
                held[at : at + 4] = draw.choice((b"\xff\xff\xff\xff", bytes(4), b"9999", b"\x7f\xff\xff\xff"))
            case _:
                held[at:at] = bytes(draw.randrange(256) for _ in range(draw.randrange(1, 50)))
        if not held:
            break
    return bytes(held)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("make", [an_order, a_mail, a_workbook, a_letter, a_picture, a_fax])
async def test_changed_files_are_read_or_refused_and_nothing_else(
    documents: Documents, make: Callable[[], bytes]
) -> None:
    whole = make()
    sound(await documents.read(whole, label=label("desk"), limits=QUICK))
    draw = random.Random(f"{make.__name__} 7")
    for _ in range(ROUNDS):
        try:
            sound(await documents.read(changed(whole, draw), label=label("desk"), limits=QUICK))
        except PilothouseError as error:
            assert error.code in CODES
