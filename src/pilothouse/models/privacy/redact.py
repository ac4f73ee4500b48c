"""Owns registered redactors: personal data leaves as placeholders, and comes back by code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from pilothouse.kernel import Json, content_hash
from pilothouse.labels import Label, Origin, declassified, join
from pilothouse.labels.pii import KINDS, find
from pilothouse.models.calling.read import Read
from pilothouse.models.errors import ModelUsageError
from pilothouse.models.types import Message, Part, ToolChoice

__all__ = ["Redacted", "Redactor", "redacted", "restored"]

_PLACE = re.compile(r"<[A-Z_]{2,40}_\d{1,6}>")
TIMELESS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redactor:
    """What is taken out, and for whom the rest is then fit: a person of the project signs for that.

    Attributes:
        name: As declared.
        kinds: Kinds of :data:`pilothouse.labels.pii.KINDS`; all by default.
        opens: ACL ids that a text without these no longer asks for; a trailing ``*`` opens all that begin so.
    """

    name: str
    kinds: frozenset[str] = frozenset(KINDS)
    opens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = sorted(self.kinds - set(KINDS))
        if unknown:
            raise ModelUsageError(
                f"redactor {self.name!r}: there is no kind {unknown[0]!r}; choose among {', '.join(KINDS)}",
                code="models.redactor",
            )

    def opened(self, readers: frozenset[str]) -> frozenset[str]:
        """Return the readers that are still asked for."""
        return frozenset(
            acl
            for acl in readers
            if not any(acl == one or (one.endswith("*") and acl.startswith(one[:-1])) for one in self.opens)
        )

    @property
    def origin(self) -> Origin:
        """Who vouches: this redactor, in this version."""
        version = content_hash({"kinds": sorted(self.kinds), "opens": list(self.opens)})[:12]
        return Origin(
            source="redactor", object=self.name, key={}, field="", version=version, read_at=TIMELESS
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A conversation without what was taken out.

    Attributes:
        messages: With placeholders such as ``<IBAN_1>``: the same value has the same everywhere.
        label: Of what is left.
        table: What each placeholder stands for; it never leaves the gateway.
    """

    messages: tuple[Message, ...]
    label: Label
    table: Mapping[str, str]


def redacted(messages: Sequence[Message], redactors: Sequence[Redactor]) -> Redacted:
    """Return the conversation as it may leave."""
    kinds = frozenset[str]().union(*(one.kinds for one in redactors))
    named: dict[tuple[str, str], str] = {}
    counts: dict[str, int] = {}

    def taken(text: str) -> str:
        pieces: list[str] = []
        at = 0
        for one in find(text):
            if one.kind in kinds:
                value = text[one.start : one.end]
                pieces += [text[at : one.start], _placeholder(one.kind, value, named, counts)]
                at = one.end
        return "".join([*pieces, text[at:]])

    made = tuple(
        replace(
            message,
            parts=tuple(
                Part(text=taken(part.text), label=_opened(part.label, tuple(redactors)))
                for part in message.parts
            ),
            choices=tuple(
                replace(one, arguments=cast("dict[str, Json]", _walk(one.arguments, taken)))
                for one in message.choices
            ),
        )
        for message in messages
    )
    labels = [part.label for message in made for part in message.parts]
    return Redacted(
        messages=made,
        label=join(labels[0], *labels[1:]),
        table={place: value for (_, value), place in named.items()},
    )


def restored(
    found: Read, messages: Sequence[Message], redactors: Mapping[str, Redactor], names: Sequence[str]
) -> Read:
    """Return the answer with every placeholder that we made replaced by what it stood for."""
    # Made again, not kept: the same conversation gives the same table.
    originals = _table(messages, redactors, names)

    def back(text: str) -> str:
        return _PLACE.sub(lambda place: originals.get(place[0], place[0]), text)

    return Read(
        text=back(found.text),
        value=_walk(found.value, back),
        choices=tuple(
            ToolChoice(
                id=one.id, tool=one.tool, arguments=cast("dict[str, Json]", _walk(one.arguments, back))
            )
            for one in found.choices
        ),
    )


def _table(
    messages: Sequence[Message], redactors: Mapping[str, Redactor], names: Sequence[str]
) -> Mapping[str, str]:
    return redacted(messages, [redactors[name] for name in names]).table


def _placeholder(kind: str, value: str, named: dict[tuple[str, str], str], counts: dict[str, int]) -> str:
    known = named.get((kind, value))
    if known is None:
        counts[kind] = counts.get(kind, 0) + 1
        known = named[(kind, value)] = f"<{kind.upper()}_{counts[kind]}>"
    return known


def _walk(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_walk(item, change) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _walk(item, change) for name, item in cast("dict[str, Any]", value).items()}
    return value


@lru_cache(maxsize=2048)
def _opened(label: Label, redactors: tuple[Redactor, ...]) -> Label:
    for one in redactors:
        readers = one.opened(label.readers)
        if readers != label.readers:
            label = declassified(label, readers, by=one.origin)
    return label
