"""Owns what kind of file some bytes are: by what they are, never by their name."""

from __future__ import annotations

import io
import mimetypes
import re
import zipfile
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from pilothouse.documents.adapters.job import Refusal

if TYPE_CHECKING:
    from magika import Magika

__all__ = ["DOCX", "MAIL", "OLD_SHEETS", "PDF", "XLSX", "kind_of", "mismatch"]

PDF, MAIL = "application/pdf", "message/rfc822"
OFFICE: Final = "application/vnd.openxmlformats-officedocument"
DOCX, XLSX = f"{OFFICE}.wordprocessingml.document", f"{OFFICE}.spreadsheetml.sheet"
XLS, ODS = "application/vnd.ms-excel", "application/vnd.oasis.opendocument.spreadsheet"
XLSB: Final = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
OLD_SHEETS: Final = (XLS, XLSB, ODS)
MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
HEADER: Final = re.compile(
    rb"^(?:from|to|cc|date|subject|received|message-id|mime-version|content-type|return-path|delivered-to"
    rb"|reply-to|x-[a-z-]+|dkim-signature|arc-[a-z-]+)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
# What magika calls what we can read.
LABELS: Final = {"csv": "text/csv", "tsv": "text/csv", "eml": MAIL, "html": "text/html", "xls": XLS}
ALIKE: Final = {"image/jpg": "image/jpeg", "application/x-pdf": PDF, "application/csv": "text/csv"}
SAYS_NOTHING: Final = ("", "application/octet-stream", "binary/octet-stream", "application/binary")


def kind_of(data: bytes) -> str:
    """Return the media type of some bytes.

    Raises:
        Refusal: ``encrypted`` for an office file behind a password, ``unsupported`` for an archive.
    """
    if not data.strip(b"\0 \r\n\t"):
        raise Refusal("damaged", "the file is empty")
    if b"%PDF-" in data[:1024]:
        return PDF
    for magic, media_type in MAGIC:
        if data.startswith(magic):
            return media_type
    if data[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(data[8:12], "application/octet-stream")
    if data[4:8] == b"ftyp":
        return "audio/mp4" if data[8:11] == b"M4A" else "video/mp4"
    if data[:4] == b"PK\x03\x04":
        return _archive(data)
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return _compound(data)
    return _text(data)


def _archive(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            ods = "mimetype" in names and archive.getinfo("mimetype").file_size < 200
            said = archive.read("mimetype").decode("ascii", "replace").strip() if ods else ""
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise Refusal("damaged", f"the archive cannot be opened: {error}") from error
    if "word/document.xml" in names:
        return DOCX
    if "xl/workbook.xml" in names:
        return XLSX
    if "xl/workbook.bin" in names:
        return XLSB
    return ODS if said == ODS else "application/zip"


def _compound(data: bytes) -> str:
    def holds(stream: str) -> bool:
        return stream.encode("utf-16-le") in data

    if holds("EncryptedPackage"):
        raise Refusal("encrypted", "the office file is behind a password")
    if holds("Workbook") or holds("Book"):
        return XLS
    return "application/msword" if holds("WordDocument") else "application/x-ole-storage"


def _text(data: bytes) -> str:
    head = data[:4096].lstrip()
    # A mail begins with headers, or with the envelope line of a mailbox file.
    if HEADER.match(head.split(b"\n", 1)[-1] if head.startswith(b"From ") else head):
        named = {match.group().strip().lower() for match in HEADER.finditer(head.split(b"\n\n", 1)[0])}
        if len(named) >= 2:
            return MAIL
    label, is_text = _magika(data)
    if label in LABELS:
        return LABELS[label]
    return "text/plain" if is_text and b"\0" not in data[:65_536] else "application/octet-stream"


def _magika(data: bytes) -> tuple[str, bool]:
    output = _identifier().identify_bytes(data).output
    return str(output.label), bool(output.is_text)


@cache
def _identifier() -> Magika:
    from magika import Magika

    return Magika()


def mismatch(kind: str, declared: str, name: str) -> str:
    """Return in words that a file is not what its sender says; empty where it is, or nothing was said."""
    said = declared.split(";", maxsplit=1)[0].strip().lower()
    said = ALIKE.get(said, said)
    by_name = mimetypes.types_map.get(PurePosixPath(name.replace("\\", "/")).suffix.lower(), "")
    if PurePosixPath(name).suffix.lower() == ".eml":
        by_name = MAIL
    wrong = [claim for claim in (said, by_name) if claim not in SAYS_NOTHING and not _fits(kind, claim)]
    return f"it is {kind}, declared as {' and '.join(dict.fromkeys(wrong))}" if wrong else ""


def _fits(kind: str, claim: str) -> bool:
    texts = kind.startswith("text/") and claim.startswith(("text/", "application/edi", "application/json"))
    sheets = claim == XLS and kind in (XLSX, "text/csv", *OLD_SHEETS)
    return kind == claim or texts or sheets or (kind == "text/plain" and claim.endswith(("xml", "x-sh")))
