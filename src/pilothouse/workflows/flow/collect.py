"""Owns noting what the body of a step or tool reads: its result can be trusted no further than that."""

from __future__ import annotations

import contextvars
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from pilothouse.labels import Label, join, unknown

if TYPE_CHECKING:
    from pilothouse.connectors import Query, Row, Sources
    from pilothouse.kernel import Principal

__all__ = ["Collected", "NotedSources", "carried", "collecting", "current"]

_current: contextvars.ContextVar[Collected | None] = contextvars.ContextVar("pilothouse_reads", default=None)


class Collected:
    """The join of everything read since the body began.

    Args:
        base: Label of what the body was given; None begins with nothing.
    """

    __slots__ = ("_label",)

    def __init__(self, base: Label | None = None) -> None:
        self._label = base

    def add(self, label: Label) -> None:
        """Take in what was read."""
        self._label = label if self._label is None else join(self._label, label)

    @property
    def label(self) -> Label | None:
        """The join so far; None when nothing was read and nothing given."""
        return self._label

    def whole(self) -> Label | None:
        """Return the join as it is recorded: many places are one."""
        from pilothouse.connectors import condensed_label

        return None if self._label is None else condensed_label(self._label)


@contextmanager
def collecting(into: Collected) -> Generator[None]:
    """Note into ``into`` whatever is read inside, in threads and tasks begun there too."""
    token = _current.set(into)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Collected | None:
    """Return what the running body collects into; None outside of bodies."""
    return _current.get()


def carried(value: object) -> Iterator[Label]:
    """Yield the labels of values that bring their own: rows, evidence, labelled values, and lists of them."""
    from pilothouse.connectors import Row, result_label

    given = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,)
    rows = result_label([item for item in given if isinstance(item, Row)])
    if rows is not None:
        yield rows
    for item in given:
        if isinstance(item, list | tuple):
            yield from carried(cast("Sequence[object]", item))
        elif isinstance(found := getattr(item, "label", None), Label):
            yield found


class NotedSources:
    """The sources, noting what is read and what a receiver answers; everything else passes through."""

    __slots__ = ("_sources",)

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sources, name)

    async def read(self, principal: Principal, source: str, query: Query, **more: Any) -> list[Row]:
        """Read rows; see :meth:`~pilothouse.connectors.Sources.read`."""
        from pilothouse.connectors import result_label

        rows = await self._sources.read(principal, source, query, **more)
        self._note(principal, source, query.object, result_label(rows))
        return rows

    async def sample(self, principal: Principal, source: str, object: str, **more: Any) -> list[Row]:
        """Read some rows; see :meth:`~pilothouse.connectors.Sources.sample`."""
        from pilothouse.connectors import result_label

        rows = await self._sources.sample(principal, source, object, **more)
        self._note(principal, source, object, result_label(rows))
        return rows

    async def select(self, principal: Principal, source: str, text: str, **more: Any) -> list[Row]:
        """Answer SQL; see :meth:`~pilothouse.connectors.Sources.select`."""
        from pilothouse.connectors import result_label

        rows = await self._sources.select(principal, source, text, **more)
        self._note(principal, source, None, result_label(rows))
        return rows

    async def write(
        self, principal: Principal, source: str, tool: str, args: Mapping[str, Any], **more: Any
    ) -> dict[str, Any]:
        """Write; the receiver's answer is worth what the source is declared to be."""
        found = await self._sources.write(principal, source, tool, args, **more)
        self._note(principal, source, None, None)
        return found

    def _note(self, principal: Principal, source: str, object: str | None, label: Label | None) -> None:
        collected = _current.get()
        if collected is None:
            return
        if label is None:
            promised = getattr(self._sources, "promised", None)
            found: Label = (
                unknown(principal.id) if promised is None else promised(source, object, reader=principal.id)
            )
            collected.add(found)
            return
        collected.add(label)
