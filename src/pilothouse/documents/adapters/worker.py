"""Owns the parser's process: frames in on standard input, frames out on standard output, one at a time.

Started as ``python -m pilothouse.documents.adapters.worker`` in a cage. A frame is the length of its head
and of its body (8 bytes each), the head as JSON, the body as it is.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import Any, BinaryIO

from pilothouse.documents.adapters.job import Job, Refusal
from pilothouse.documents.adapters.kinds import DOCX, MAIL, OLD_SHEETS, PDF, XLSX, kind_of, mismatch
from pilothouse.documents.limits import ReadLimits

__all__ = ["main", "read_bytes"]


def read_bytes(job: Job, data: bytes, name: str, declared: str, depth: int) -> dict[str, Any]:
    """Read one file or attachment.

    Raises:
        Refusal: With its kind and the reason.
    """
    if len(data) > job.limits.size:
        raise Refusal("too_large", f"it has {len(data)} bytes, over the limit of {job.limits.size}")
    kind = kind_of(data)
    try:
        found = _reader(job, kind, data, depth)
    except OverflowError as error:
        raise Refusal("too_large", str(error)) from error
    except (MemoryError, RecursionError) as error:
        raise Refusal("too_large", f"reading it takes too much memory ({type(error).__name__})") from error
    except Refusal:
        raise
    except Exception as error:
        # Parsers of strangers' bytes fail in ways that nobody declared; none of it reaches the other side.
        job.stumbled = True
        said = f"{type(error).__name__}: {error}"[:200]
        raise Refusal("damaged", f"its {kind} cannot be read ({said})") from error
    wrong = mismatch(kind, declared, name)
    if wrong:
        found.notice("type_mismatch", wrong)
    return found.fields(data, name)


def _reader(job: Job, kind: str, data: bytes, depth: int) -> Any:
    if kind == PDF:
        from pilothouse.documents.adapters.pdf import read_pdf

        return read_pdf(job, data)
    if kind.startswith("image/"):
        from pilothouse.documents.adapters.images import read_image

        return read_image(job, data, kind)
    if kind == MAIL:
        from pilothouse.documents.adapters.mail import read_mail

        return read_mail(job, data, depth)
    if kind.startswith("text/"):
        from pilothouse.documents.adapters import plain

        readers = {"text/csv": plain.read_csv, "text/html": plain.read_html}
        return readers.get(kind, plain.read_plain)(job, data)
    return _office(job, kind, data)


def _office(job: Job, kind: str, data: bytes) -> Any:
    if kind == XLSX:
        from pilothouse.documents.adapters.sheets import read_workbook

        return read_workbook(job, data)
    if kind in OLD_SHEETS:
        from pilothouse.documents.adapters.sheets import read_old_workbook

        return read_old_workbook(job, data, kind)
    if kind == DOCX:
        from pilothouse.documents.adapters.docx_file import read_docx

        return read_docx(job, data)
    raise Refusal("unsupported", f"there is no reader for {kind}")


def _answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes, bool]:
    limits = ReadLimits(**request["limits"])
    job = Job.of(limits, read_bytes)
    try:
        if request["do"] == "draw":
            from pilothouse.documents.adapters.picture import draw

            return {}, draw(data, request, limits), False
        document = read_bytes(job, data, request["name"], request["declared"], 0)
        return {"document": document}, b"", job.stumbled
    except Refusal as refusal:
        return {"refused": refusal.kind, "why": refusal.message}, b"", job.stumbled


def _read(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    sizes = stream.read(16)
    if len(sizes) < 16:
        return None
    head, body = struct.unpack(">QQ", sizes)
    return json.loads(stream.read(head)), stream.read(body)


def main() -> None:
    """Answer until the input ends; whatever a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while (asked := _read(sys.stdin.buffer)) is not None:
        head, body, leaving = _answer(*asked)
        text = json.dumps(head).encode()
        answers.write(struct.pack(">QQ", len(text), len(body)) + text + body)
        answers.flush()
        if leaving:
            return


if __name__ == "__main__":
    main()
