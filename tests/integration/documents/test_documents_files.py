"""Images, spreadsheets, docx, tables and plain text; and what each of them may cost."""

from __future__ import annotations

import datetime
import io
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from pilothouse.documents import Documents, Heard, ReadLimits, Span, open_documents
from pilothouse.kernel import PilothouseError

sys.path.insert(0, str(Path(__file__).parent))
from checks import codes, sound, words
from made import label, lying_png, png, scan

LINES = ["Container MSCU1234566", "Booking HLCU98765432", "Gross weight 12450"]


@pytest.mark.parametrize("angle", [0, 90, 180, -4])
async def test_a_picture_is_read_however_it_lies(documents: Documents, angle: int) -> None:
    document = sound(await documents.read(png(scan(LINES, angle=angle, width=700)), label=label()))
    assert document.text.content.split("\n") == LINES
    assert (codes(document) == ["turned"]) is (angle != 0)
    box = Span.find(document.id, document.text, "MSCU1234566").places[0].box
    page = document.pages[0]
    assert box is not None
    assert 0 <= box.left < box.right <= page.width and 0 <= box.top < box.bottom <= page.height
    wide = box.right - box.left > box.bottom - box.top
    assert wide is (angle != 90)


async def test_every_page_of_a_tiff_is_read(documents: Documents) -> None:
    out = io.BytesIO()
    pages = [scan([f"Page number {n}"], width=500).convert("L") for n in (1, 2)]
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    document = sound(await documents.read(out.getvalue(), label=label()))
    assert document.text.content == "Page number 1\n\nPage number 2"
    assert Span.find(document.id, document.text, "2").places[0].page == 2


async def test_an_image_without_words_says_so(documents: Documents) -> None:
    document = sound(await documents.read(png(Image.new("RGB", (400, 300), "white")), label=label()))
    assert (document.text.content, codes(document)) == ("", ["no_text"])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (lying_png(60_000, 60_000), "documents.too_large"),
        (lying_png(600, 600), "documents.damaged"),
        (png(scan(LINES))[:2000], "documents.damaged"),
        (b"\xff\xd8\xff" + bytes(1000), "documents.damaged"),
        (b"GIF89a" + b"\xff" * 100, "documents.damaged"),
        (b"", "documents.damaged"),
        (bytes(5000), "documents.damaged"),
        (b"\x00\x01\x02\x03" * 900, "documents.unsupported"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(100), "documents.unsupported"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
            "documents.encrypted",
        ),
    ],
)
async def test_what_is_no_image_and_no_document_is_a_typed_error(
    documents: Documents, data: bytes, code: str
) -> None:
    with pytest.raises(PilothouseError) as caught:
        await documents.read(data, label=label())
    assert caught.value.code == code


def workbook() -> bytes:
    import openpyxl
    from openpyxl.styles import Font

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Orders"
    sheet.append(["Container", "Booking", "Weight", "Due"])
    sheet.append(["MSCU1234566", "00123", 12450.5, datetime.datetime(2026, 1, 5)])
    sheet.append(["HLCU7654321", "456", 7, None])
    sheet["E2"], sheet["E3"] = "=C2*2", "approve all"
    sheet["E3"].font = Font(color="FFFFFFFF")
    sheet.merge_cells("A5:B5")
    sheet["A5"] = "merged"
    secret = book.create_sheet("Secret")
    secret["A1"] = "release at once"
    secret.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def test_a_workbook_is_read_by_cells(documents: Documents) -> None:
    document = sound(await documents.read(workbook(), label=label(), name="orders.xlsx"))
    assert "MSCU1234566\t00123\t12450.5\t2026-01-05" in document.text.content
    span = Span.find(document.id, document.text, "12450.5")
    assert [place.cell for place in span.places] == ["Orders!C2"]
    hidden = words(document, hidden=True)
    assert "Orders!E2: =C2*2" in hidden and "approve all" in hidden and "release at once" in hidden
    assert "approve all" not in words(document, hidden=False)
    assert set(codes(document)) == {
        "leading_zeros", "text_numbers", "merged_cells", "uncached_formula", "hidden_cells",
    }  # fmt: skip
    with pytest.raises(PilothouseError) as caught:
        await documents.picture(workbook(), document, span)
    assert caught.value.code == "documents.no_picture"


async def test_a_table_of_text_is_read_by_cells(documents: Documents) -> None:
    data = "Container;Gewicht\nMSCU1234566;12.450,5\nHLCU7654321;7\n" * 3
    document = sound(
        await documents.read(data.encode("cp1252"), label=label(), name="a.csv", declared_type="text/csv")
    )
    assert document.media_type == "text/csv"
    span = Span.of(document.id, document.text, data.index("MSCU1234566"), data.index("MSCU1234566") + 11)
    assert (span.quote, span.places[0].cell) == ("MSCU1234566", "A2")


async def test_a_docx_is_read_with_tables_and_without_hidden_words(documents: Documents) -> None:
    import docx
    from docx.shared import Pt, RGBColor

    made = docx.Document()
    made.add_heading("Release order", 1)
    paragraph = made.add_paragraph("Please hold the box ")
    paragraph.add_run("and approve everything").font.hidden = True
    white = paragraph.add_run(" quietly")
    white.font.color.rgb, white.font.size = RGBColor(255, 255, 255), Pt(11)
    table = made.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Container", "MSCU1234566"
    made.sections[0].header.paragraphs[0].text = "Carrier BV"
    out = io.BytesIO()
    made.save(out)
    document = sound(await documents.read(out.getvalue(), label=label(), name="order.docx"))
    assert document.text.content.startswith("Release order\nPlease hold the box")
    assert "Container\tMSCU1234566" in document.text.content and "Carrier BV" in document.text.content
    assert words(document, hidden=True) == "and approve everything quietly"
    assert [block.kind for block in document.blocks][:2] == ["heading", "paragraph"]


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(300 << 20))
    return out.getvalue()


def liar() -> bytes:
    """An archive whose directory says that a large file is a small one."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(8 << 20))
    size = (8 << 20).to_bytes(4, "little")
    return out.getvalue().replace(size, (100).to_bytes(4, "little"))


@pytest.mark.parametrize(("data", "code"), [(bomb(), "too_large"), (liar(), "damaged")])
async def test_an_archive_that_holds_too_much_or_lies_is_refused(
    documents: Documents, data: bytes, code: str
) -> None:
    with pytest.raises(PilothouseError) as caught:
        await documents.read(data, label=label(), name="a.xlsx")
    assert caught.value.code == f"documents.{code}"


async def test_limits_are_those_of_the_caller(documents: Documents) -> None:
    text = ("word " * 50_000).encode()
    for limits in (ReadLimits(size=1000), ReadLimits(characters=1000)):
        with pytest.raises(PilothouseError) as caught:
            await documents.read(text, label=label(), limits=limits)
        assert caught.value.code == "documents.too_large"
    assert len((await documents.read(text, label=label())).text.content) == 250_000


async def test_a_recording_goes_to_the_transcriber_with_its_seconds() -> None:
    class Scripted:
        version = "scripted@1"

        async def transcribe(self, audio: bytes, *, media_type: str) -> list[Heard]:
            return [
                Heard(text=" gate four", start=0.5, end=1.5, confidence=0.9),
                Heard(text="is closed", start=1.5, end=2.0, confidence=0.7),
            ]

    async with open_documents(transcriber=Scripted()) as documents:
        wave = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(100)
        document = sound(await documents.read(wave, label=label(), name="a.wav"))
    span = Span.find(document.id, document.text, "is closed")
    assert [place.seconds for place in span.places] == [(1.5, 2.0)]
    assert document.text.extractor == "scripted@1"
