"""Owns turning a message into rows: groups by level, values inherited from the groups around them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pilothouse.connectors.adapters.edifact.meaning.paths import Found, Step
from pilothouse.connectors.adapters.edifact.meaning.profile import FieldRule, Profile
from pilothouse.connectors.adapters.edifact.types import Interchange, Message, Segment
from pilothouse.labels import Position

__all__ = ["STANDARD_FIELDS", "Scope", "field_value", "moment", "scopes", "standard_values"]

STANDARD_FIELDS: Final = {
    "message": "interchange and message reference, such as 807/1",
    "message_type": "UNH 0065",
    "release": "version and release, such as D.95B",
    "association": "dialect, such as SMDG16",
    "sender": "UNB S002",
    "recipient": "UNB S003",
    "sent_at": "UNB S004, date and time of preparation",
    "file": "name of the file in the mailbox",
    "row": "number of the group in the message, from 1",
    "complete": "false when segments or the end of the message are missing",
    "faults": "codes of what is wrong with the message",
}
DATES: Final = {"101": "%y%m%d", "102": "%Y%m%d"}
TIMES: Final = {
    "201": "%y%m%d%H%M",
    "203": "%Y%m%d%H%M",
    "204": "%Y%m%d%H%M%S",
    "205": "%Y%m%d%H%M",
    "303": "%Y%m%d%H%M",
}
BY_LENGTH: Final = {6: "101", 8: "102", 10: "201", 12: "203", 14: "204"}
ZONED: Final = re.compile(r"(\d{12})(\d\d)?(?:(UTC|GMT|Z)|([+-]\d\d):?(\d\d)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The segments one row is read from: its own group first, then the groups around it, then the heading."""

    chain: tuple[tuple[Segment, ...], ...]

    @property
    def own(self) -> tuple[Segment, ...]:
        """The row's own group."""
        return self.chain[0]


@dataclass(slots=True)
class _Node:
    """One group while the message is read."""

    level: int
    parent: _Node | None
    segments: list[Segment]
    inner: bool = False


def scopes(message: Message, profile: Profile) -> list[Scope]:
    """Return one scope for each innermost group; one for the whole message when it has no group."""
    if not profile.levels:
        return [Scope(chain=(message.segments,))]
    root = _Node(-1, None, [])
    nodes = [root]
    current = root
    for segment in message.segments:
        level = _level(segment, profile.levels)
        if level is not None:
            current = _parent(current, level)
            current.inner = True
            current = _Node(level, current, [segment])
            nodes.append(current)
        elif segment.tag in profile.tail:
            current = root
            root.segments.append(segment)
        else:
            current.segments.append(segment)
    return [Scope(chain=_chain(node)) for node in nodes if not node.inner]


def _level(segment: Segment, levels: tuple[Step, ...]) -> int | None:
    return next((level for level, step in enumerate(levels) if step.matches(segment)), None)


def _parent(node: _Node, level: int) -> _Node:
    while node.level >= level and node.parent is not None:
        node = node.parent
    return node


def _chain(node: _Node) -> tuple[tuple[Segment, ...], ...]:
    chain: list[tuple[Segment, ...]] = []
    at: _Node | None = node
    while at is not None:
        chain.append(tuple(at.segments))
        at = at.parent
    return tuple(chain)


def field_value(
    scope: Scope, rule: FieldRule, *, file: str, zone: tzinfo | None
) -> tuple[Any, Position | None]:
    """Return value and position of one field; None and None when no path leads anywhere."""
    for path in rule.paths:
        for segments in scope.chain:
            found = path.find(segments)
            if not found:
                continue
            position = _position(found, file, path.text, many=path.many)
            if path.many:
                return "\n".join(item.text for item in found), position
            return _typed(found[0], rule, zone), position
    return None, None


def standard_values(
    interchange: Interchange, message: Message, *, file: str, zone: tzinfo | None
) -> dict[str, Any]:
    """Return the fields every message has, see :data:`STANDARD_FIELDS`."""
    prepared = interchange.prepared_at
    return {
        "message": f"{interchange.reference}/{message.reference}",
        "message_type": message.type,
        "release": message.release,
        "association": message.association or None,
        "sender": interchange.sender or None,
        "recipient": interchange.recipient or None,
        "sent_at": moment(prepared, "203" if len(prepared) == 12 else "201", zone) if prepared else None,
        "file": file,
        "complete": message.complete,
        "faults": sorted({fault.code for fault in message.faults}),
    }


def moment(text: str, code: str, zone: tzinfo | None) -> datetime | str:
    """Return a DTM value as a time with a zone, as ISO text without one, or as written when it is no date.

    Args:
        text: DTM 2380.
        code: DTM 2379, such as ``203``; empty when not given.
        zone: What local times mean; None keeps them as text without a zone.
    """
    zoned = ZONED.fullmatch(text)
    if zoned is not None:
        return _zoned(zoned)
    code = code if code in DATES or code in TIMES else BY_LENGTH.get(len(text), "")
    try:
        if code in DATES:
            return datetime.strptime(text, DATES[code]).date().isoformat()
        local = datetime.strptime(text[: 14 if code == "204" else 12], TIMES[code])
    except (KeyError, ValueError):
        return text
    return local.replace(tzinfo=zone) if zone else local.isoformat()


def _zoned(match: re.Match[str]) -> datetime | str:
    digits, seconds, utc, hours, minutes = match.groups()
    offset = timedelta() if utc else timedelta(hours=int(hours), minutes=int(f"{hours[0]}{minutes or 0}"))
    try:
        local = datetime.strptime(digits + (seconds or "00"), "%Y%m%d%H%M%S")
        return local.replace(tzinfo=UTC if utc else timezone(offset))
    except ValueError:
        return match.group()


def _typed(found: Found, rule: FieldRule, zone: tzinfo | None) -> Any:
    text = found.text.strip()
    match rule.kind:
        case "decimal" | "integer":
            return _number(text, whole=rule.kind == "integer")
        case "datetime":
            code = found.segment.get(1, 3) if found.segment.tag == "DTM" else ""
            return moment(text, code, zone)
        case _:
            return rule.codes.get(text, text)


def _number(text: str, *, whole: bool) -> Decimal | int | str:
    """A number with either decimal mark; what is none stays text, so that nobody takes it for one."""
    plain = text.replace(" ", "")
    if "," in plain:
        plain = plain.replace(".", "").replace(",", ".") if plain.count(",") == 1 else plain
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return text
    if not value.is_finite():
        return text
    return int(value) if whole and value == value.to_integral_value() else value


def _position(found: list[Found], file: str, path: str, *, many: bool) -> Position:
    first, last = found[0], found[-1] if many else found[0]
    return Position(
        file=file, offset=first.offset, length=last.offset + last.length - first.offset, part=path
    )
