"""Owns writing EDIFACT: segments with released marks, messages and interchanges with right counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias, cast

from pilothouse.connectors.adapters.edifact.marks import CHARSETS
from pilothouse.connectors.adapters.edifact.types import Interchange, Marks
from pilothouse.kernel import UsageError

__all__ = ["edifact_contrl", "edifact_interchange", "edifact_message", "edifact_segment", "render_template"]

Element: TypeAlias = object | Sequence[object]
PLACE: Final = re.compile(r"\{([a-z_0-9.]+)(?::([0-9]{3}))?(\?)?\}")
FORMATS: Final = {
    "101": "%y%m%d",
    "102": "%Y%m%d",
    "201": "%y%m%d%H%M",
    "203": "%Y%m%d%H%M",
    "204": "%Y%m%d%H%M%S",
}


def edifact_segment(tag: str, *elements: Element, marks: Marks | None = None) -> str:
    """Return one segment without its terminator; trailing empty elements and components fall away.

    Args:
        tag: Such as ``EQD``.
        elements: A scalar, or a list for the components of a composite; None is empty.
        marks: Service characters; the usual ones by default.
    """
    used = marks or Marks()
    texts = [_element(element, used) for element in elements]
    while texts and not texts[-1]:
        texts.pop()
    return used.element.decode("latin-1").join([tag, *texts])


def edifact_message(kind: str, segments: Iterable[str], *, reference: str = "1") -> list[str]:
    """Return the segments of one message between UNH and UNT with the right count.

    Args:
        kind: Type and release such as ``CUSRES:D:96B:UN`` or ``CODECO:D:95B:UN:SMDG16``.
        segments: From :func:`edifact_segment`.
        reference: UNH 0062.
    """
    body = list(segments)
    ref = _released(reference, Marks())
    return [f"UNH+{ref}+{kind}", *body, f"UNT+{len(body) + 2}+{ref}"]


def edifact_interchange(
    messages: Sequence[Sequence[str]],
    *,
    sender: str,
    recipient: str,
    reference: str,
    at: datetime,
    charset: str = "UNOC",
    syntax: int = 3,
    una: bool = True,
    breaks: bool = True,
) -> bytes:
    """Return an interchange as bytes.

    Args:
        messages: Each from :func:`edifact_message`.
        sender: UNB S002, an identification with an optional qualifier after ``:``.
        recipient: UNB S003, likewise.
        reference: UNB 0020, at most 14 characters.
        at: Date and time of preparation.
        charset: Syntax identifier UNOA to UNOY.
        syntax: Syntax version 1 to 4.
        una: Whether to write the service string advice.
        breaks: Whether a line break follows each segment.

    Raises:
        UsageError: ``edifact.charset``: a character the charset does not have; nothing is written.
    """
    codec = CHARSETS.get(charset)
    if codec is None:
        raise UsageError(f"{charset!r} is no EDIFACT charset; use such as 'UNOC'", code="edifact.charset")
    day = at.strftime("%Y%m%d" if syntax >= 4 else "%y%m%d")
    head = f"UNB+{charset}:{syntax}+{sender}+{recipient}+{day}:{at:%H%M}+{_released(reference, Marks())}"
    lines = [head, *(segment for message in messages for segment in message)]
    lines.append(f"UNZ+{len(messages)}+{_released(reference, Marks())}")
    end = "'\r\n" if breaks else "'"
    advice = ("UNA:+.?*'" if syntax >= 4 else "UNA:+.? '") + ("\r\n" if breaks else "")
    text = (advice if una else "") + "".join(line + end for line in lines)
    try:
        return text.encode(codec)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{text[error.start]!r} is not in {charset!r}; use charset 'UNOW' (UTF-8) or write it otherwise",
            code="edifact.charset",
        ) from None


def render_template(lines: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """Fill the segments of a profile's template.

    ``{name}`` is filled in and released; ``{name?}`` may be absent, and a segment all of whose places are
    absent is left out; ``{name:203}`` writes a time in that format; lines that start with ``*name`` are
    repeated for each item of the list ``name`` and see its fields first.

    Raises:
        UsageError: ``edifact.value``: a value is missing or does not fit.
    """
    out: list[str] = []
    number = 0
    while number < len(lines):
        block = _block(lines, number)
        if block is None:
            out.extend(_filled(lines[number], values))
            number += 1
            continue
        name, size = block
        for item in _items(values, name):
            for line in lines[number : number + size]:
                out.extend(_filled(line.partition(" ")[2], {**values, **item}))
        number += size
    return out


def edifact_contrl(interchange: Interchange, *, reference: str, at: datetime) -> bytes:
    """Draft the CONTRL answer: ``interchange`` received, one UCM for each message that is not whole."""
    bad = [message for message in interchange.messages if not message.complete]
    parties = [interchange.sender, interchange.recipient]
    segments = [edifact_segment("UCI", interchange.reference, *parties, 7 if not bad else 8)]
    for message in bad:
        kind = [message.type, *message.release.split("."), "UN"]
        code = 29 if any(fault.code == "unt.count" for fault in message.faults) else 12
        segments.append(edifact_segment("UCM", message.reference, kind, 4, code))
    message_lines = edifact_message("CONTRL:D:3:UN", segments)
    return edifact_interchange(
        [message_lines], sender=parties[1] or "?", recipient=parties[0] or "?", reference=reference, at=at
    )


def _block(lines: Sequence[str], start: int) -> tuple[str, int] | None:
    """Name and length of the repeated block that starts here."""
    if not lines[start].startswith("*"):
        return None
    name = lines[start].partition(" ")[0]
    size = 1
    while start + size < len(lines) and lines[start + size].startswith(f"{name} "):
        size += 1
    return name[1:], size


def _items(values: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    items = values.get(name, [])
    if isinstance(items, list) and all(isinstance(item, Mapping) for item in cast("list[object]", items)):
        return cast("list[Mapping[str, Any]]", items)
    raise UsageError(f"{name!r} is {items!r}; give a list of objects", code="edifact.value")


def _filled(line: str, values: Mapping[str, Any]) -> list[str]:
    places = list(PLACE.finditer(line))
    present = [values.get(place[1]) not in (None, "") for place in places]
    if places and all(place[3] for place in places) and not any(present):
        return []
    for place, there in zip(places, present, strict=True):
        if not there and not place[3]:
            raise UsageError(f"{place[1]!r} is missing for {line!r}", code="edifact.value")
    text = PLACE.sub(lambda place: _place(place, values), line)
    return [re.sub(r"(?<!\?)[+:]+$", "", text)]


def _place(place: re.Match[str], values: Mapping[str, Any]) -> str:
    value = values.get(place[1])
    if value is None:
        return ""
    if place[2]:
        value = _time(place[1], value, place[2])
    return _released(_text(value), Marks())


def _time(name: str, value: object, code: str) -> str:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else cast("datetime", value)
        return moment.strftime(FORMATS[code])
    except (ValueError, KeyError, AttributeError):
        raise UsageError(f"{name!r} is {value!r}; give an ISO date or time", code="edifact.value") from None


def _element(element: Element, marks: Marks) -> str:
    if not isinstance(element, list | tuple):
        return _released(_text(element), marks)
    parts = [_released(_text(part), marks) for part in cast("Sequence[object]", element)]
    while parts and not parts[-1]:
        parts.pop()
    return marks.component.decode("latin-1").join(parts)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.strftime("%Y%m%d%H%M")
        case date():
            return value.strftime("%Y%m%d")
        case _:
            return " ".join(str(value).split("\n"))


def _released(text: str, marks: Marks) -> str:
    release = marks.release.decode("latin-1")
    special = {marks.component, marks.element, marks.terminator, marks.repetition or b"*"}
    for mark in (release, *(item.decode("latin-1") for item in sorted(special))):
        text = text.replace(mark, release + mark) if mark else text
    return text.replace("\r", " ")
