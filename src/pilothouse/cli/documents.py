"""The verb ``read``: what a file says, where it says it, and what is odd about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilothouse.cli.console import JsonOption, ProjectOption, emit, run

if TYPE_CHECKING:
    from pilothouse.documents import Document, Span

__all__ = ["register"]


def register(cli: typer.Typer) -> None:
    """Add the verb to ``cli``."""
    cli.command()(read)


def read(
    file: Annotated[Path, typer.Argument(help="PDF, image, mail, spreadsheet, docx, table or text.")],
    *,
    find: Annotated[str, typer.Option(help="Words that stand in it once: say where.")] = "",
    picture: Annotated[
        Path | None, typer.Option(help="Write the page with a box around the words of --find to this PNG.")
    ] = None,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Read a file in a cage and print its text, pages and whatever is odd about it; nothing is stored."""
    document, span = run(_read(file, find, picture, project))
    data = _fields(document)
    if span is not None:
        data["found"] = {
            "document": span.document,
            "start": span.start,
            "end": span.end,
            "quote": span.quote,
            "places": [_place(place) for place in span.places],
            "picture": None if picture is None else str(picture),
        }
    emit(data, as_json=json, show=lambda: _shown(document, span, picture))


async def _read(file: Path, find: str, picture: Path | None, folder: Path) -> tuple[Document, Span | None]:
    from pilothouse.app import open_reader
    from pilothouse.kernel import UsageError
    from pilothouse.labels import unknown

    if picture is not None and not find:
        raise UsageError("--picture needs --find: which words?", code="documents.picture")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{str(file)!r} cannot be read: {error.strerror}", code="documents.file") from error
    async with open_reader(_project(folder)) as documents:
        document = await documents.read(data, label=unknown("reader"), name=file.name)
        span = _find(document, find) if find else None
        if picture is not None and span is not None:
            picture.write_bytes(await documents.picture(data, document, span))
    return document, span


def _project(folder: Path) -> Any:
    """The project here, or none: a file can be read anywhere."""
    from pilothouse.app import find_project, load_project
    from pilothouse.kernel import PilothouseError

    try:
        found = find_project(folder)
    except PilothouseError:
        return None
    return load_project(found)


def _find(document: Document, quote: str) -> Span:
    """The words in the document or in one of its attachments."""
    from pilothouse.documents import Span

    for one in _all(document):
        if quote in one.text.content:
            return Span.find(one.id, one.text, quote)
    return Span.find(document.id, document.text, quote)


def _all(document: Document) -> list[Document]:
    return [document, *(below for part in document.parts for below in _all(part))]


def _place(place: Any) -> dict[str, Any]:
    box = place.box
    return {
        "page": place.page,
        "box": None if box is None else [box.left, box.top, box.right, box.bottom],
        "cell": place.cell,
        "seconds": place.seconds,
    }


def _fields(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "name": document.name,
        "media_type": document.media_type,
        "extractor": document.text.extractor,
        "text_version": document.text.version,
        "text": document.text.content,
        "headers": dict(document.headers),
        "pages": [
            {"number": page.number, "width": page.width, "height": page.height, "read": page.read}
            for page in document.pages
        ],
        "blocks": [{"kind": b.kind, "start": b.start, "end": b.end} for b in document.blocks],
        "hidden": [
            document.text.content[piece.start : piece.end] for piece in document.text.pieces if piece.hidden
        ],
        "notices": [
            {"code": n.code, "detail": n.detail, "place": None if n.place is None else _place(n.place)}
            for n in document.notices
        ],
        "parts": [_fields(part) for part in document.parts],
    }


def _shown(document: Document, span: Span | None, picture: Path | None) -> str:
    lines: list[str] = []
    for one in _all(document):
        pages = f", {len(one.pages)} pages" if one.pages else ""
        lines += [f"--- {one.name or one.id[:12]}: {one.media_type}{pages}, {one.text.extractor}"]
        lines += [f"odd: {n.code}: {n.detail}" for n in one.notices]
        lines += [one.text.content or "(no text)"]
    if span is not None:
        where = "; ".join(filter(None, map(_in_words, span.places))) or f"characters {span.start}-{span.end}"
        lines += ["", f"found: {span.quote!r} at {where}"]
        lines += [f"wrote {picture}"] if picture is not None else []
    return "\n".join(lines)


def _in_words(place: Any) -> str:
    if place.cell:
        return str(place.cell)
    if place.seconds:
        return f"{place.seconds[0]:.1f}-{place.seconds[1]:.1f} s"
    if place.box is None:
        return ""
    return f"page {place.page}, {place.box.left:.0f} from the left and {place.box.top:.0f} from the top"
