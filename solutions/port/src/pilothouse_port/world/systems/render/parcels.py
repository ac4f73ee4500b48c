"""Owns what hangs on a mail: a letter as PDF, scan, photo, workbook or mail; broken and locked ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final
from xml.sax.saxutils import escape

from pilothouse_port.world.systems.render.paper import letter_pdf, locked_pdf, logo_png, photo_of, scan_pdf

__all__ = ["forwarded", "packed", "workbook"]

_TYPES: Final = {
    "pdf": "application/pdf",
    "scan": "application/pdf",
    "damaged": "application/pdf",
    "locked": "application/pdf",
    "sheet": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "logo": "image/png",
}


def packed(enclosure: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return bytes and media type of an enclosure (``kind text seed filename hidden``) that is no mail."""
    kind, text, seed = str(enclosure["kind"]), str(enclosure["text"]), int(enclosure["seed"])
    match kind:
        case "pdf":
            content = letter_pdf(text, hidden=str(enclosure.get("hidden", "")))
        case "scan":
            content = scan_pdf(text, seed=seed)
        case "photo":
            png = str(enclosure["filename"]).endswith(".png")
            return photo_of(text, seed=seed, png=png), "image/png" if png else "image/jpeg"
        case "sheet":
            content = workbook([line.split("\t") for line in text.splitlines() if line])
        case "locked":
            content = locked_pdf(text, seed=seed)
        case "damaged":
            whole = scan_pdf(text, seed=seed)
            content = whole[: len(whole) // 3]
        case _:
            content = logo_png(seed)
    return content, _TYPES.get(kind, "image/png")


def forwarded(enclosure: Mapping[str, Any]) -> EmailMessage:
    """Return the mail that somebody passes on as an attachment."""
    inner = EmailMessage(policy=SMTP)
    inner["From"] = str(enclosure["sender"])
    inner["Subject"] = str(enclosure["title"])
    inner["Date"] = str(enclosure["date"])
    inner.set_content(str(enclosure["text"]))
    return inner


def workbook(rows: list[list[str]]) -> bytes:
    """Return a workbook of one sheet with these texts."""
    cells = "".join(
        f'<row r="{n}">'
        + "".join(
            f'<c r="{"ABCDEFGH"[at]}{n}" t="inlineStr">'
            f'<is><t xml:space="preserve">{escape(cell)}</t></is></c>'
            for at, cell in enumerate(row[:8])
        )
        + "</row>"
        for n, row in enumerate(rows, start=1)
    )
    parts = {
        "[Content_Types].xml": _CONTENT_TYPES,
        "_rels/.rels": _relations("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": _WORKBOOK,
        "xl/_rels/workbook.xml.rels": _relations("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{cells}</sheetData></worksheet>',
    }
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            # a fixed time, or the same seed would give other bytes tomorrow
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return held.getvalue()


_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_SHEET: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_CONTENT_TYPES: Final = (
    f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEET}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SHEET}.worksheet+xml"/></Types>'
)
_WORKBOOK: Final = (
    f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
)


def _relations(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )
