"""Owns docx files: paragraphs and tables in order, deleted and hidden words apart."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

from pilothouse.documents.adapters.archive import checked
from pilothouse.documents.adapters.job import Found, Job, Refusal
from pilothouse.documents.adapters.kinds import DOCX

__all__ = ["read_docx"]

WORD: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
PAPER: Final = ("FFFFFF", "ffffff")
TINY: Final = 8
"""Half points."""


def read_docx(job: Job, data: bytes) -> Found:
    """Read the body with its tables and text boxes, headers, footers, notes and comments."""
    import docx

    names = checked(job, data)
    try:
        document = docx.Document(io.BytesIO(data))
    except Exception as error:
        raise Refusal(
            "damaged", f"the document cannot be read: {type(error).__name__}: {error}"[:300]
        ) from error
    found = job.found(DOCX, "docx@1.2-1")
    if any(name.endswith("vbaProject.bin") for name in names):
        found.notice("macros", "the document holds macros; they were not looked at")
    hidden: list[str] = []
    root: Any = document.element
    _part(found, root.body, hidden)
    seen: set[int] = set()
    for section in document.sections:
        for part in (section.header, section.footer):
            element: Any = part._element  # pyright: ignore[reportPrivateUsage]
            if not part.is_linked_to_previous and id(element) not in seen:
                seen.add(id(element))
                _part(found, element, hidden)
    if hidden:
        found.notice(
            "hidden_text", f"deleted, hidden or in the colour of the paper: {' '.join(hidden)[:200]!r}"
        )
        found.writing.write("\n")
        found.writing.place(" ".join(hidden), hidden=True)
    if any(name.endswith("comments.xml") for name in names):
        found.notice("comments", "the document has comments; they were not read")
    return found


def _part(found: Found, element: Any, hidden: list[str]) -> None:
    for paragraph in element.iter(f"{WORD}p"):
        start = found.writing.length
        for text, shown in _runs(paragraph):
            if shown:
                found.writing.write(text)
            elif text.strip():
                hidden.append(text.strip())
        if found.writing.length > start:
            kind = "heading" if _style(paragraph).lower().startswith(("heading", "title")) else "paragraph"
            found.writing.block("table" if _in_cell(paragraph) else kind, start)
            found.writing.write("\t" if _in_row(paragraph) else "\n")


def _runs(paragraph: Any) -> Iterator[tuple[str, bool]]:
    """The words of a paragraph, not of those in its text boxes; and whether they show."""
    for node in paragraph.iter(f"{WORD}t", f"{WORD}delText", f"{WORD}tab", f"{WORD}br", f"{WORD}cr"):
        owner = next(node.iterancestors(f"{WORD}p"), None)
        if owner is not paragraph:
            continue
        run = next(node.iterancestors(f"{WORD}r"), None)
        if run is None:
            continue
        name = node.tag.removeprefix(WORD)
        if name in ("t", "delText"):
            yield node.text or "", name == "t" and _shows(run)
        else:
            yield ("\t" if name == "tab" else "\n"), True


def _shows(run: Any) -> bool:
    style = run.find(f"{WORD}rPr")
    if style is None:
        return True
    if _on(style.find(f"{WORD}vanish")) or _on(style.find(f"{WORD}webHidden")):
        return False
    color, size, paper = (style.find(f"{WORD}{name}") for name in ("color", "sz", "shd"))
    if color is not None and color.get(f"{WORD}val") in PAPER and paper is None:
        return False
    return (
        size is None or not str(size.get(f"{WORD}val", "")).isdigit() or int(size.get(f"{WORD}val")) >= TINY
    )


def _on(mark: Any) -> bool:
    return mark is not None and mark.get(f"{WORD}val", "true") not in ("0", "false", "off")


def _style(paragraph: Any) -> str:
    named = paragraph.find(f"{WORD}pPr/{WORD}pStyle")
    return "" if named is None else str(named.get(f"{WORD}val", ""))


def _in_cell(paragraph: Any) -> bool:
    return next(paragraph.iterancestors(f"{WORD}tc"), None) is not None


def _in_row(paragraph: Any) -> bool:
    """Whether another cell of the same row follows."""
    cell = next(paragraph.iterancestors(f"{WORD}tc"), None)
    if cell is None or any(True for _ in paragraph.itersiblings(f"{WORD}p")):
        return False
    return any(True for _ in cell.itersiblings(f"{WORD}tc"))
