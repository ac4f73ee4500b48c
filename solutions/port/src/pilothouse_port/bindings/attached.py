"""Owns what hangs on mails: attachments are opened in a cage, their words are read as part of the mail."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from pilothouse.connectors import Query, Row
from pilothouse.kernel import PilothouseError
from pilothouse_port.bindings.model import TextModel
from pilothouse_port.bindings.read import Reader
from pilothouse_port.bindings.values import text_of
from pilothouse_port.types import Unread

if TYPE_CHECKING:
    from pilothouse.documents import Document, Documents

__all__ = ["attached_to"]

KEPT: Final = 5000
BATCH: Final = 200
_opened: OrderedDict[str, tuple[str, str]] = OrderedDict()
"""Words and error of the attachments last opened, by hash of their bytes; words carry no rights of their
own here,
whoever gets them has just read the same bytes at the source."""


async def attached_to(source: TextModel, reader: Reader, ids: Sequence[str]) -> Mapping[str, list[Unread]]:
    """Return the attachments of mails as texts to read, by the mail's id.

    What cannot be opened (damaged, behind a password, over a limit) stays unread and names file and hash:
    it can
    only tighten. A source that does not answer leaves every mail's attachments unread likewise.

    Args:
        source: The mails' source; ``attachments`` names the object.
        reader: Reads with the asker's rights.
        ids: Values of the mails' ``id`` field.
    """
    out: dict[str, list[Unread]] = {}
    if not source.attachments or not source.id:
        return out
    async with AsyncExitStack() as stack:
        documents: Documents | None = None
        for start in range(0, len(ids), BATCH):
            where = {source.id: list(ids[start : start + BATCH])}
            for row in await _rows(source, reader, where):
                if text_of(row.values.get("sha256")) not in _opened and documents is None:
                    from pilothouse.documents import open_documents

                    documents = await stack.enter_async_context(open_documents())
                words, why = await _words(row, documents)
                out.setdefault(text_of(row.values.get(source.id)), []).append(
                    Unread(
                        source=source.system,
                        kind=source.kind,
                        text=row.labelled("sha256"),
                        words=words,
                        part="attachment",
                        why=why,
                    )
                )
    return out


async def _rows(source: TextModel, reader: Reader, where: Mapping[str, list[str]]) -> list[Row]:
    fields = (source.id, "name", "type", "sha256", "content")
    return await reader.read(source.system, Query(source.attachments, where=where, fields=fields))


async def _words(row: Row, documents: Documents | None) -> tuple[str, str]:
    digest = text_of(row.values.get("sha256"))
    found = _opened.get(digest)
    if found is not None:
        return found
    name = text_of(row.values.get("name"))
    try:
        assert documents is not None
        document = await documents.read(
            bytes(row.values["content"]),
            label=row.labelled("sha256").label,
            name=name,
            declared_type=text_of(row.values.get("type")),
        )
        answer = (_all_words(document), _lost(document))
    except PilothouseError as error:
        answer = ("", f"attachment {name!r} ({digest[:12]}) cannot be read: {error.code}")
    _opened[digest] = answer
    if len(_opened) > KEPT:
        _opened.popitem(last=False)
    return answer


def _all_words(document: Document) -> str:
    parts = [_own_words(document), *(_all_words(part) for part in document.parts)]
    return "\n\n".join(part for part in parts if part.strip())


def _own_words(document: Document) -> str:
    """Return a file's text without the head of a mail, below which all would look quoted."""
    head = max((block.end for block in document.blocks if block.kind == "header"), default=0)
    return document.text.content[head:]


def _lost(document: Document) -> str:
    """Return which part inside could not be read, if any."""
    for part in document.parts:
        codes = [notice.code for notice in part.notices if notice.code.startswith("documents.")]
        if codes:
            return f"attachment {part.name!r} ({part.id[:12]}) cannot be read: {codes[0]}"
        if _lost(part):
            return _lost(part)
    return ""
