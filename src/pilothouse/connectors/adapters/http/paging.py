"""Owns finding the next page of a collection: Link headers, cursors, page numbers, offsets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from pilothouse.connectors.adapters.http.client import Answer
from pilothouse.connectors.adapters.http.contract import Resource
from pilothouse.connectors.adapters.http.settings import Paging

__all__ = ["Next", "Pages"]

LINK = re.compile(r'<([^>]*)>[^,]*;\s*rel="?next"?', re.IGNORECASE)
CURSOR_FIELDS = (
    "next_cursor", "nextCursor", "next-cursor", "next_page_token", "nextPageToken", "next_token",
    "nextToken", "cursor", "next", "after",
)  # fmt: skip
CURSOR_PARAMS = (
    "cursor", "page_token", "pageToken", "page-token", "next_token", "nextToken", "after", "starting_after",
)  # fmt: skip
PAGE_PARAMS = ("page", "page_number", "pageNumber", "page-number")
OFFSET_PARAMS = ("offset", "skip", "start")
AROUND = ("meta", "paging", "pagination", "page", "links", "_links")

Next = tuple[str | None, dict[str, str]]
"""Address of the next page, or None for the same one, and the parameters to add."""


class Pages:
    """How the pages of one read follow each other.

    Args:
        resource: What is read.
        declared: How its pages follow, if the project says so.
    """

    def __init__(self, resource: Resource, declared: Paging | None) -> None:
        self._declared = declared
        self._style = declared.style if declared else None
        query = {name for name, item in resource.parameters.items() if item.place == "query"}
        self._cursor = _first(CURSOR_PARAMS, query)
        self._page = _first(PAGE_PARAMS, query)
        self._offset = _first(OFFSET_PARAMS, query)
        if declared and declared.param:
            self._cursor = self._page = self._offset = declared.param
        self._number = declared.first if declared else 1
        self._seen = 0

    def next(self, answer: Answer, payload: Any, count: int) -> Next | None:
        """Return where the next page is, or None after the last.

        Args:
            answer: The page's answer, for its headers.
            payload: Its parsed body.
            count: Records on it.
        """
        self._seen += count
        if self._style == "none":
            return None
        link = LINK.search(answer.headers.get("link", ""))
        if link and self._style in (None, "link"):
            return link[1], {}
        if self._style in (None, "cursor"):
            found = self._next_cursor(payload)
            if found is not None or self._style == "cursor" or self._cursor:
                return found
        return self._counted(payload, count)

    def _next_cursor(self, payload: Any) -> Next | None:
        value = _find(payload, self._declared.field if self._declared else None)
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            return None
        text = str(value)
        if text.startswith(("http://", "https://", "/")):
            return text, {}
        return (None, {self._cursor: text}) if self._cursor else None

    def _counted(self, payload: Any, count: int) -> Next | None:
        if count == 0 or self._is_last(payload):
            return None
        if self._page and self._style in (None, "page"):
            self._number += 1
            return None, {self._page: str(self._number)}
        if self._offset and self._style in (None, "offset"):
            return None, {self._offset: str(self._seen)}
        return None

    def _is_last(self, payload: Any) -> bool:
        """Whether the body itself says that there is no more."""
        for name in ("total_pages", "totalPages", "page_count", "pageCount"):
            value = _find(payload, name)
            if isinstance(value, int):
                return self._number >= value
        for name in ("total", "total_count", "totalCount", "totalElements"):
            value = _find(payload, name)
            if isinstance(value, int):
                return self._seen >= value
        return _find(payload, "has_more") is False or _find(payload, "last") is True


def _first(names: tuple[str, ...], known: set[str]) -> str | None:
    return next((name for name in names if name in known), None)


def _find(payload: Any, path: str | None) -> Any:
    """Return the value of a path in the body or what surrounds paging; of any cursor name if None."""
    if not isinstance(payload, Mapping):
        return None
    fields = cast("Mapping[str, Any]", payload)
    if path is not None and "." in path:
        head, _, rest = path.partition(".")
        return _find(fields.get(head), rest)
    names = (path,) if path is not None else CURSOR_FIELDS
    holders = [fields, *(cast("Any", fields.get(name)) for name in AROUND)]
    for holder in holders:
        if not isinstance(holder, Mapping):
            continue
        for name in names:
            value = cast("Mapping[str, Any]", holder).get(name)
            if isinstance(value, Mapping):
                value = cast("Mapping[str, Any]", value).get("href")
            if value is not None:
                return value
    return None
