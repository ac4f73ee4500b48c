"""Owns the ``edifact`` kind: message types of a mailbox as objects, groups as rows, ``send`` as tool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Final, TypeAlias, cast

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field

from pilothouse.connectors.adapters.edifact.mailbox import Letter, Mailbox
from pilothouse.connectors.adapters.edifact.meaning.profile import (
    FieldRule,
    Profile,
    load_profile,
    plain_profile,
    raw_field,
    shipped_profiles,
)
from pilothouse.connectors.adapters.edifact.meaning.rows import (
    STANDARD_FIELDS,
    Scope,
    field_value,
    scopes,
    standard_values,
)
from pilothouse.connectors.adapters.edifact.outbox import Outbox
from pilothouse.connectors.adapters.edifact.types import Message
from pilothouse.connectors.errors import unknown_field, unknown_object, unknown_tool
from pilothouse.connectors.ports import SourceContext
from pilothouse.connectors.select import as_text, choose
from pilothouse.connectors.types import FieldSchema, FieldType, Finding, ObjectSchema, Query, Row, WriteTool
from pilothouse.kernel import Json, UsageError
from pilothouse.labels import Position

__all__ = ["EdifactConnector", "connect"]

KEY: Final = ("file", "message", "row")
"""What finds a row again beside the key fields of its profile."""


class EdifactOptions(BaseModel):
    """``[sources.<name>]`` of kind ``edifact``."""

    model_config = ConfigDict(extra="forbid")

    path: str
    files: str = "*"
    messages: list[str] = []
    profile: str | None = None
    profiles: list[str] = []
    max_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    out: str | None = None
    sender: str = "PILOTHOUSE"
    recipient: str | None = None
    charset: str = "UNOC"


_Values: TypeAlias = tuple[dict[str, Any], dict[str, Position]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What a row of one query holds: the fields of the type's profile and the segment paths asked for."""

    kind: str
    extra: tuple[str, ...]


def connect(context: SourceContext) -> EdifactConnector:
    """Open an EDIFACT mailbox; the folder is looked at when it is read."""
    return EdifactConnector(context)


class EdifactConnector:
    """Reads and writes one mailbox folder.

    Args:
        context: The declared source.
    """

    def __init__(self, context: SourceContext) -> None:
        options = context.parse(EdifactOptions)
        self._context = context
        own = [
            load_profile(context.path(name)) for name in filter(None, [options.profile, *options.profiles])
        ]
        self._profiles = {**shipped_profiles(), **{profile.message: profile for profile in own}}
        self._declared = {*options.messages, *(profile.message for profile in own)}
        self._mailbox = Mailbox(
            context.name, context.path(options.path), pattern=options.files, max_bytes=options.max_bytes
        )
        self._outbox = (
            Outbox(
                context.name,
                context.path(options.out),
                profiles=self._profiles,
                sender=options.sender,
                recipient=options.recipient,
                charset=options.charset,
            )
            if options.out
            else None
        )
        self._made: dict[tuple[str, tuple[int, int], _Shape], list[Row]] = {}

    async def objects(self) -> list[ObjectSchema]:
        """Return the message types that lie in the mailbox or are declared."""
        letters = await self._letters()
        counts: dict[str, int] = {}
        for letter in letters:
            for _, message in letter.each():
                counts[message.type] = counts.get(message.type, 0) + len(
                    scopes(message, self._profile(message.type))
                )
        return [
            _schema(self._profile(kind), counts.get(kind, 0)) for kind in sorted({*counts, *self._declared})
        ]

    async def read(self, query: Query) -> list[Row]:
        """Return rows of one message type, oldest word first; fields are profile fields or segment paths.

        Raises:
            SourceUnavailableError: The folder is not there.
            SourceDataError: No such message type or field, or no file can be read.
        """
        letters = await self._letters()
        profile = self._profile_of(query.object, letters)
        shape = _Shape(kind=query.object, extra=tuple(self._raw_fields(query, profile)))
        rows = await anyio.to_thread.run_sync(lambda: self._rows(letters, shape))
        known = {*STANDARD_FIELDS, *(rule.name for rule in profile.fields), *shape.extra}
        now = self._context.clock.now()
        return [replace(row, read_at=now) for row in choose(self._context.name, query, rows, known)]

    async def sample(self, object: str, n: int) -> list[Row]:
        """Return up to ``n`` rows."""
        return await self.read(Query(object, limit=n))

    async def findings(self, object: str | None = None) -> list[Finding]:
        """Return every fault of every file with its byte offset; of one message type or of all."""
        return [
            finding
            for letter in await self._letters()
            for finding in _findings(self._context.name, letter)
            if object is None or finding.object in (object, "")
        ]

    async def ping(self) -> None:
        """Look whether the folder can be listed."""
        await anyio.to_thread.run_sync(self._mailbox.listed)

    async def tools(self) -> list[WriteTool]:
        """Return ``send`` when the declaration names an ``out`` folder."""
        return [self._outbox.tool()] if self._outbox else []

    async def write(self, tool: str, args: Mapping[str, Any], *, effect_id: str) -> dict[str, Json]:
        """Write one message into the out folder; the same ``effect_id`` writes once."""
        outbox = self._outbox
        if outbox is None or tool != "send":
            raise unknown_tool(self._context.name, tool, ["send"] if outbox else [])
        now = self._context.clock.now()
        return await anyio.to_thread.run_sync(lambda: outbox.send(args, effect_id=effect_id, at=now))

    async def close(self) -> None:
        """Nothing is held open."""

    async def _letters(self) -> list[Letter]:
        return await anyio.to_thread.run_sync(self._mailbox.letters)

    def _profile(self, kind: str) -> Profile:
        return self._profiles.get(kind) or plain_profile(kind)

    def _profile_of(self, kind: str, letters: list[Letter]) -> Profile:
        present = {message.type for letter in letters for message in letter.reading.messages}
        if kind not in present and kind not in self._declared:
            raise unknown_object(self._context.name, kind, present | self._declared)
        return self._profile(kind)

    def _raw_fields(self, query: Query, profile: Profile) -> list[str]:
        """The fields of the query that are segment paths."""
        known = {*STANDARD_FIELDS, *(rule.name for rule in profile.fields)}
        asked = [*query.where, *(query.fields or ()), *(name.removeprefix("-") for name in query.order_by)]
        extra: list[str] = []
        for name in asked:
            if name in known or name in extra:
                continue
            if "." not in name:
                raise unknown_field(self._context.name, query.object, name, known)
            try:
                extra.append(raw_field(name).name)
            except UsageError as error:
                raise unknown_field(
                    self._context.name, query.object, f"{name} ({error.message})", known
                ) from None
        return extra

    def _rows(self, letters: list[Letter], shape: _Shape) -> list[Row]:
        rows: list[Row] = []
        present = {(letter.name, letter.stamp) for letter in letters}
        self._made = {key: made for key, made in self._made.items() if key[:2] in present}
        for letter in letters:
            key = (letter.name, letter.stamp, shape)
            if key not in self._made:
                self._made[key] = self._letter_rows(letter, shape)
            rows.extend(self._made[key])
        latest = self._profile(shape.kind).latest_by
        rows.sort(key=lambda row: as_text(row.values.get(latest)) if latest else "")
        return rows

    def _letter_rows(self, letter: Letter, shape: _Shape) -> list[Row]:
        rows: list[Row] = []
        seen: Counter[str] = Counter()
        for interchange, message in letter.each():
            standard = standard_values(interchange, message, file=letter.name, zone=self._context.timezone)
            seen[standard["message"]] += 1
            if seen[standard["message"]] > 1:  # a reference used twice in one file still names one message
                standard["message"] += f"#{seen[standard['message']]}"
            if message.type == shape.kind:
                rows.extend(self._message_rows(letter, message, shape, standard))
        return rows

    def _message_rows(
        self, letter: Letter, message: Message, shape: _Shape, standard: dict[str, Any]
    ) -> list[Row]:
        zone, profile = self._context.timezone, self._profile(shape.kind)
        rules = (*profile.fields, *(raw_field(path) for path in shape.extra))
        rows: list[Row] = []
        for number, scope in enumerate(scopes(message, profile), 1):
            read = _read_fields(scope, rules, letter.name, zone, {**standard, "row": number})
            rows.append(self._row(letter, message, scope, profile.key, read))
        return rows

    def _row(
        self, letter: Letter, message: Message, scope: Scope, keyed: tuple[str, ...], read: _Values
    ) -> Row:
        values, positions = read
        named = [name for name in (*keyed, *KEY) if values.get(name) is not None]
        return self._context.row(
            message.type,
            key={name: as_text(values[name]) for name in named},
            values=values,
            version=letter.versions[message.offset],
            position=_row_position(letter, message, scope),
            positions=positions,
            faults=tuple(fault.words for fault in message.faults if not fault.recovered),
        )


def _read_fields(
    scope: Scope, rules: tuple[FieldRule, ...], file: str, zone: tzinfo | None, standard: dict[str, Any]
) -> _Values:
    values, positions = dict(standard), dict[str, Position]()
    for rule in rules:
        value, position = field_value(scope, rule, file=file, zone=zone)
        values[rule.name] = value
        if position is not None:
            positions[rule.name] = position
    return values, positions


def _row_position(letter: Letter, message: Message, scope: Scope) -> Position:
    if len(scope.chain) == 1:
        part = f"{message.type} {message.reference}"
        return Position(file=letter.name, offset=message.offset, length=message.length, part=part)
    first, last = scope.own[0], scope.own[-1]
    length = last.offset + last.length - first.offset
    return Position(file=letter.name, offset=first.offset, length=length, part=first.tag)


def _schema(profile: Profile, count: int) -> ObjectSchema:
    fields = [
        FieldSchema(
            name=rule.name, type=cast("FieldType", rule.kind), nullable=True, documentation=_words(rule)
        )
        for rule in profile.fields
    ]
    standard = [
        FieldSchema(name=name, type=_standard_type(name), documentation=words)
        for name, words in STANDARD_FIELDS.items()
    ]
    return ObjectSchema(
        name=profile.message,
        fields=(*fields, *standard),
        key=(*profile.key, *KEY),
        row_count=count,
        documentation=profile.title,
    )


def _standard_type(name: str) -> FieldType:
    kinds: dict[str, FieldType] = {
        "complete": "boolean",
        "faults": "json",
        "row": "integer",
        "sent_at": "datetime",
    }
    return kinds.get(name, "text")


def _words(rule: FieldRule) -> str:
    paths = " or ".join(path.text for path in rule.paths)
    return f"{paths}: {rule.documentation}" if rule.documentation else paths


def _findings(source: str, letter: Letter) -> list[Finding]:
    kinds = {message.reference: message.type for message in letter.reading.messages}
    return [
        Finding(
            source=source,
            object=kinds.get(fault.message or "", ""),
            severity="warning" if fault.recovered else "error",
            code=f"edifact.{fault.code}",
            message=f"{letter.name} at byte {fault.offset}: {fault.words}",
            position=Position(file=letter.name, offset=fault.offset),
        )
        for fault in letter.reading.faults
    ]
