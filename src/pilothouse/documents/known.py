"""Owns what was read lately: who brings the same bytes again gets the same document under their own label."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from pilothouse.documents.limits import ReadLimits
from pilothouse.documents.types import Document
from pilothouse.labels import Label

__all__ = ["Known", "relabelled"]

MAX_CHARACTERS = 8_000_000
_Key = tuple[str, str, str, ReadLimits]


class Known:
    """The documents read last, up to a number of characters; nothing is kept elsewhere.

    What was refused is not kept: it is parsed, and refused, again.
    """

    def __init__(self, most: int = MAX_CHARACTERS) -> None:
        self._most = most
        self._kept: OrderedDict[_Key, Document] = OrderedDict()
        self._characters = 0

    def get(self, identity: str, name: str, declared: str, limits: ReadLimits) -> Document | None:
        """Return the document of these bytes, read under this name, type and these limits."""
        key = (identity, name, declared, limits)
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, document: Document, name: str, declared: str, limits: ReadLimits) -> None:
        """Keep a document, and forget the oldest where there are too many."""
        key = (document.id, name, declared, limits)
        if key in self._kept:
            self._characters -= _characters(self._kept.pop(key))
        self._kept[key] = document
        self._characters += _characters(document)
        while self._characters > self._most:
            self._characters -= _characters(self._kept.popitem(last=False)[1])


def _characters(document: Document) -> int:
    return 1000 + len(document.text.content) + sum(map(_characters, document.parts))


def relabelled(document: Document, label: Label) -> Document:
    """Return the document with this label on it and all of its parts."""
    parts = tuple(relabelled(part, label) for part in document.parts)
    return replace(document, label=label, parts=parts)
