"""Owns how values stand in a conversation: handles in arguments, results as handles or in clear, answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from pilothouse.agents.tools import ToolFailure
from pilothouse.agents.values import Value, listed, together
from pilothouse.kernel import Json, UsageError
from pilothouse.labels import Handle, Integrity, Label

if TYPE_CHECKING:
    from pilothouse.agents.session import Session

__all__ = ["Shown", "marked", "strings", "words"]

_HANDLE = re.compile(r"\$(v[0-9]+)((?:\.[A-Za-z0-9_-]+)*)")
LONGEST = 24_000
"""Letters of a result in clear; a longer one stays a handle, so nothing is cut."""


class Shown:
    """Turns what a model says into values, and values into what a model is shown.

    Args:
        session: Its context.
        clear: Whether all results are shown in clear.
    """

    def __init__(self, session: Session, *, clear: bool) -> None:
        self._session, self._clear = session, clear
        self._handles: dict[str, Handle] = {}

    def know(self, handle: Handle) -> Handle:
        """Remember a handle by its name."""
        self._handles[handle.id] = handle
        return handle

    def handle(self, text: object) -> Handle:
        """Return the handle, or the part of one, that a text names.

        Raises:
            UsageError: ``agents.no_handle``.
        """
        found = self.maybe(text)
        if found is None:
            raise UsageError(f"{text!r} is no handle; write it as $v3", code="agents.no_handle")
        return found

    def maybe(self, text: object) -> Handle | None:
        """Return the handle that a text names as a whole; None for other words."""
        match = _HANDLE.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            return None
        handle = self._handles.get(match[1])
        if handle is None:
            raise UsageError(f"there is no handle {text!r} here", code="agents.no_handle")
        if not match[2]:
            return handle
        return self.know(self._session.hold(self._session.held(handle).at(match[2].removeprefix("."))))

    def argument(self, given: Json) -> Json | Handle:
        """Return an argument: a handle where a text names one, else the words."""
        return self.maybe(given) or given

    def value(self, given: Json) -> Value:
        """Return an answer: each text that names a handle is its content under its own label."""
        handle = self.maybe(given)
        if handle is not None:
            return self._session.held(handle)
        if isinstance(given, dict):
            return together({name: self.value(item) for name, item in given.items()}, self._session.outside)
        if isinstance(given, list):
            return listed([self.value(item) for item in given], self._session.outside)
        return self._session.argument(given)

    def result(self, found: Handle | ToolFailure) -> tuple[str, Label]:
        """Return what a model is shown of a call, and under which label."""
        if isinstance(found, ToolFailure):
            return f"failed: {', '.join(found.codes)}", self._session.outside
        self.know(found)
        if not self._clear and found.label.integrity < Integrity.APPROVED:
            return str(found), found.label
        return self.clear(found)

    def clear(self, handle: Handle) -> tuple[str, Label]:
        """Return the content of a handle; from now on the context has seen it.

        Raises:
            DeniedError: ``agents.unreadable``.
            UsageError: ``agents.too_long``: it does not fit; nothing was read.
        """
        text = words(self._session.held(handle).data)
        if len(text) > LONGEST:
            if not self._clear:
                raise UsageError(
                    f"{handle} has {len(text)} letters in clear, {LONGEST} fit; take a part",
                    code="agents.too_long",
                )
            return f"{handle}, too long to be shown; take a part of it", handle.label
        self._session.read(handle)
        return f"${handle.id}: {marked(text)}", handle.label


def words(data: Json) -> str:
    """Return data as text."""
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)


def marked(text: str) -> str:
    """Return text between the marks of what is read, which it cannot close."""
    closed = text.replace("</data>", "<\\/data>").replace("<data>", "<data\\>")
    return f"<data>{closed}</data>"


def strings(given: object, name: str) -> list[str]:
    """Return a list of texts that a model gave."""
    found: object = cast("Mapping[str, object]", given).get(name) or ()
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise UsageError(f"{name} is no list", code="agents.arguments")
    return [str(one) for one in cast("Sequence[object]", found)]
