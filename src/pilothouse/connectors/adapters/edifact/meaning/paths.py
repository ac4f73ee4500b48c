"""Owns segment paths such as ``LOC+11.C517.3225``: their grammar and finding their value in a message.

::

    path  = step *( "/" step ) "." leaf
    step  = TAG [ "+" qualifiers ] [ "[" number "]" ]
    leaf  = position [ "." component ] | name [ "." name ]

Qualifiers are written as in the message: ``MEA+AAE+VGM`` wants element 1 to be AAE and element 2 to be VGM;
an empty one matches anything, ``RFF+ABE|ABT`` either. ``NAD+CN/COM.1`` is the first COM after that NAD and
before the next NAD. ``[2]`` takes the second match, ``[*]`` joins all by line breaks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pilothouse.connectors.adapters.edifact.meaning.directory import element_position
from pilothouse.connectors.adapters.edifact.types import Segment
from pilothouse.kernel import UsageError

__all__ = ["Found", "SegmentPath", "Step", "segment_path", "segment_step"]

STEP: Final = re.compile(
    r"(?P<tag>[A-Z][A-Z0-9]{2})(?P<quals>(?:\+[^+./\[\]]*)*)(?:\[(?P<number>[1-9][0-9]?|\*)\])?"
)
NAME: Final = re.compile(r"[CS]?[0-9]{3,4}(?:\[[1-9][0-9]?\])?")
POSITION: Final = re.compile(r"[1-9][0-9]?")
ALL: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One segment of a path: its tag, the wanted components by element, and which match (0: all)."""

    tag: str
    wanted: tuple[tuple[int, int, frozenset[str]], ...]
    number: int = 1

    def matches(self, segment: Segment) -> bool:
        """Whether ``segment`` has this tag and these qualifiers."""
        if segment.tag != self.tag:
            return False
        return all(segment.get(element, component) in words for element, component, words in self.wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a path leads in one message."""

    segment: Segment
    text: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPath:
    """A parsed path."""

    text: str
    steps: tuple[Step, ...]
    element: int
    component: int

    def find(self, segments: Sequence[Segment]) -> list[Found]:
        """Return the values in ``segments``, in their order; empty ones are left out."""
        found: list[Found] = []
        for segment in self._segments(segments, self.steps):
            text = segment.get(self.element, self.component)
            if text:
                offset, length = segment.span(self.element, self.component)
                found.append(Found(segment=segment, text=text, offset=offset, length=length))
        return found

    def _segments(self, segments: Sequence[Segment], steps: tuple[Step, ...]) -> list[Segment]:
        first, *rest = steps
        found = [number for number, segment in enumerate(segments) if first.matches(segment)]
        if first.number != ALL:
            found = found[first.number - 1 : first.number] if first.number > 1 or rest else found
        if not rest:
            return [segments[number] for number in found]
        inner: list[Segment] = []
        for number in found:
            inner.extend(self._segments(_until_next(segments, number), tuple(rest)))
        return inner

    @property
    def many(self) -> bool:
        """Whether all matches are wanted."""
        return any(step.number == ALL for step in self.steps)


def _until_next(segments: Sequence[Segment], start: int) -> Sequence[Segment]:
    """The segments after ``start`` up to the next one with the same tag."""
    tag = segments[start].tag
    for number in range(start + 1, len(segments)):
        if segments[number].tag == tag:
            return segments[start + 1 : number]
    return segments[start + 1 :]


@lru_cache(maxsize=2048)
def segment_path(text: str) -> SegmentPath:
    """Parse a path.

    Raises:
        UsageError: ``edifact.path``: says which part cannot be read.
    """
    *outer, last = text.split("/")
    head, dot, leaf = last.partition(".")
    if not dot:
        raise _wrong(text, "it names no element; write such as 'LOC+11.2.1' or 'LOC+11.C517.3225'")
    last_step = segment_step(head, path=text)
    element, component = _leaf(text, last_step.tag, leaf)
    steps = (*(segment_step(part, path=text) for part in outer), last_step)
    return SegmentPath(text=text, steps=steps, element=element, component=component)


def segment_step(text: str, *, path: str | None = None) -> Step:
    """Parse one step such as ``EQD+CN``; ``path`` is the whole it stands in, for the error.

    Raises:
        UsageError: ``edifact.path``.
    """
    match = STEP.fullmatch(text)
    if match is None:
        raise _wrong(path or text, "a step is a tag with qualifiers, such as 'EQD+CN' or 'MEA+AAE+VGM[2]'")
    wanted: list[tuple[int, int, frozenset[str]]] = []
    for element, qualifier in enumerate(match["quals"].split("+")[1:], 1):
        for component, words in enumerate(qualifier.split(":"), 1):
            if words:
                wanted.append((element, component, frozenset(words.split("|"))))
    number = match["number"]
    return Step(tag=match["tag"], wanted=tuple(wanted), number=ALL if number == "*" else int(number or "1"))


def _leaf(path: str, tag: str, leaf: str) -> tuple[int, int]:
    outer, dot, inner = leaf.partition(".")
    if POSITION.fullmatch(outer) and (not dot or POSITION.fullmatch(inner)):
        return int(outer), int(inner or 1)
    parts = (outer, inner) if dot else (outer,)
    if not all(NAME.fullmatch(part) for part in parts):
        raise _wrong(path, f"{leaf!r} is neither a position such as '2.1' nor a name such as 'C517.3225'")
    found = element_position(tag, parts)
    if found is None:
        raise _wrong(path, f"{tag} has no {leaf!r} in the directory; use its position such as '2.1'")
    return found


def _wrong(path: str, why: str) -> UsageError:
    return UsageError(f"segment path {path!r}: {why}", code="edifact.path")
