"""Owns the ``mail`` kind: mails and attachments as rows that are never trusted, ``send`` as tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pilothouse.connectors.adapters.mail.letters import EmlFolder, ImapFolder, Letter, Letters, server_of
from pilothouse.connectors.adapters.mail.parse import Attachment, Mail, parse_mail
from pilothouse.connectors.adapters.mail.send import SEND, Sender
from pilothouse.connectors.errors import (
    SourceLimitError,
    SourceUsageError,
    unknown_object,
    unknown_tool,
)
from pilothouse.connectors.ports import SourceContext
from pilothouse.connectors.select import choose
from pilothouse.connectors.types import FieldSchema, FieldType, Finding, ObjectSchema, Query, Row, WriteTool
from pilothouse.kernel import Json
from pilothouse.labels import Integrity, Position

__all__ = ["MailConnector", "connect"]

IMAP_PORTS: Final = {"imaps": 993, "imap+starttls": 143, "imap": 143}
SMTP_PORTS: Final = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}
MESSAGES: Final[dict[str, tuple[FieldType, str]]] = {
    "id": ("text", "file name, or UIDVALIDITY/UID"),
    "message_id": ("text", "Message-ID"),
    "from": ("text", "address"),
    "from_name": ("text", "what the sender calls himself"),
    "reply_to": ("text", "address answers would go to"),
    "to": ("json", "addresses"),
    "cc": ("json", "addresses"),
    "date": ("datetime", "as the sender says, UTC"),
    "subject": ("text", ""),
    "text": ("text", "plain text with its quotes"),
    "in_reply_to": ("text", "Message-ID"),
    "references": ("json", "Message-IDs"),
    "authentication_results": ("json", "as written; trust only your own server's"),
    "attachments": ("json", "name, type, size and sha256 of each"),
    "size": ("integer", "bytes"),
}
ATTACHMENTS: Final[dict[str, tuple[FieldType, str]]] = {
    "message": ("text", "id of the mail"),
    "message_id": ("text", "Message-ID of the mail"),
    "part": ("text", "number of the MIME part"),
    "name": ("text", "file name"),
    "type": ("text", "media type as declared"),
    "size": ("integer", "bytes"),
    "sha256": ("text", "hash of the content"),
    "content": ("bytes", "only when the query names this field"),
}


class MailOptions(BaseModel):
    """``[sources.<name>]`` of kind ``mail``."""

    model_config = ConfigDict(extra="forbid")

    path: str | None = None
    files: str = "*.eml"
    url: str | None = None
    user: str = ""
    password: str = ""
    folder: str = "INBOX"
    smtp: str | None = None
    smtp_user: str = ""
    smtp_password: str = ""
    sender: str = Field(default="", alias="from")
    max_bytes: int = Field(default=25 * 1024 * 1024, gt=0)
    max_messages: int = Field(default=20_000, gt=0)

    @model_validator(mode="after")
    def _one_place(self) -> MailOptions:
        if (self.path is None) == (self.url is None):
            raise ValueError("give either 'path' (a folder of .eml files) or 'url' (imaps://host)")
        return self


def connect(context: SourceContext) -> MailConnector:
    """Open a mailbox; nothing is contacted before it is read.

    Raises:
        SourceUsageError: ``mail.integrity`` when the declaration asks to trust what strangers write.
    """
    return MailConnector(context)


class MailConnector:
    """Reads one mailbox and may send mails.

    Args:
        context: The declared source.
    """

    def __init__(self, context: SourceContext) -> None:
        if context.integrity > Integrity.UNTRUSTED:
            raise SourceUsageError(
                context.name,
                "anybody can write a mail, so its integrity stays 'untrusted'; take the line out",
                code="mail.integrity",
            )
        options = context.parse(MailOptions)
        self._context = context
        self._options = options
        self._place = _place(context, options)
        self._sender = _sender(context, options)
        self._mails: dict[tuple[str, str], Mail] = {}

    async def objects(self) -> list[ObjectSchema]:
        """Return ``messages`` and ``attachments``; counts are those of the mails."""
        letters = await self._in_thread(self._place.listed)
        return [
            _schema("messages", MESSAGES, ("id",), len(letters)),
            _schema("attachments", ATTACHMENTS, ("message", "part"), None),
        ]

    async def read(self, query: Query) -> list[Row]:
        """Return mails or attachments.

        Raises:
            SourceUnavailableError: The server or folder does not answer.
            SourceDeniedError: The server refused our credentials.
            SourceLimitError: More mails than ``max_messages``.
        """
        if query.object == "messages":
            rows = [self._message(letter, mail) for letter, mail in await self._all()]
            return choose(self._context.name, query, rows, MESSAGES)
        if query.object == "attachments":
            return await self._attachments(query)
        raise unknown_object(self._context.name, query.object, ["messages", "attachments"])

    async def sample(self, object: str, n: int) -> list[Row]:
        """Return up to ``n`` rows."""
        return await self.read(Query(object, limit=n))

    async def findings(self, object: str | None = None) -> list[Finding]:
        """Return what is broken in which mail."""
        if object not in (None, "messages"):
            return []
        return [
            Finding(
                source=self._context.name,
                object="messages",
                severity="warning",
                code="mail.broken",
                message=f"{letter.id}: {words}",
                position=Position(file=letter.id),
            )
            for letter, mail in await self._all()
            for words in mail.faults
        ]

    async def tools(self) -> list[WriteTool]:
        """Return ``send`` when the declaration names an ``smtp`` server."""
        return [SEND] if self._sender else []

    async def write(self, tool: str, args: Mapping[str, Any], *, effect_id: str) -> dict[str, Json]:
        """Send one mail."""
        sender = self._sender
        if sender is None or tool != SEND.name:
            raise unknown_tool(self._context.name, tool, [SEND.name] if sender else [])
        now = self._context.clock.now()
        return await self._in_thread(lambda: sender.send(args, effect_id=effect_id, at=now))

    async def close(self) -> None:
        """Forget what was read; no connection is held open."""
        self._mails.clear()

    async def _in_thread(self, call: Any) -> Any:
        # A server that hangs must not hold back whoever gave up waiting for it.
        return await anyio.to_thread.run_sync(call, abandon_on_cancel=True)

    async def _all(self) -> list[tuple[Letter, Mail]]:
        return await self._in_thread(self._read_all)

    def _read_all(self) -> list[tuple[Letter, Mail]]:
        letters = self._place.listed()
        if len(letters) > self._options.max_messages:
            raise SourceLimitError(
                self._context.name,
                f"{len(letters)} mails are more than max_messages = {self._options.max_messages}",
            )
        known = {(letter.id, letter.version) for letter in letters}
        self._mails = {key: mail for key, mail in self._mails.items() if key in known}
        fresh = [letter for letter in letters if (letter.id, letter.version) not in self._mails]
        large = [letter for letter in fresh if letter.size > self._options.max_bytes]
        for letter in large:
            self._mails[letter.id, letter.version] = self._too_large(letter)
        small = [letter for letter in fresh if letter.size <= self._options.max_bytes]
        versions = {letter.id: letter.version for letter in small}
        for id, raw in self._place.fetched(small).items():
            self._mails[id, versions[id]] = _without_content(parse_mail(raw))
        return [
            (letter, self._mails[letter.id, letter.version])
            for letter in letters
            if (letter.id, letter.version) in self._mails
        ]

    def _too_large(self, letter: Letter) -> Mail:
        words = f"{letter.size} bytes are more than max_bytes = {self._options.max_bytes}; not read"
        values: dict[str, Any] = {**dict.fromkeys(MESSAGES), "size": letter.size}
        return Mail(values=values, attachments=(), faults=(words,), text_part="1")

    def _message(self, letter: Letter, mail: Mail) -> Row:
        return self._context.row(
            "messages",
            key={"id": letter.id},
            values={**mail.values, "id": letter.id},
            version=letter.version,
            position=Position(file=letter.id),
            positions={"text": Position(file=letter.id, part=mail.text_part)},
            faults=mail.faults,
        )

    async def _attachments(self, query: Query) -> list[Row]:
        rows = [
            self._attachment(letter, mail, attachment)
            for letter, mail in await self._all()
            for attachment in mail.attachments
        ]
        found = choose(self._context.name, query, rows, ATTACHMENTS)
        if query.fields is None or "content" not in query.fields:
            return found
        letters = {letter.id: letter for letter in await self._in_thread(self._place.listed)}
        wanted = {row.key["message"] for row in found}
        raws = await self._in_thread(
            lambda: self._place.fetched([letters[id] for id in sorted(wanted) if id in letters])
        )
        contents = {
            (id, attachment.part): attachment.content
            for id, raw in raws.items()
            for attachment in parse_mail(raw).attachments
        }
        return [
            replace(row, values={**row.values, "content": contents[row.key["message"], row.key["part"]]})
            for row in found
            if (row.key["message"], row.key["part"]) in contents
        ]

    def _attachment(self, letter: Letter, mail: Mail, attachment: Attachment) -> Row:
        summary = next(
            item
            for item, other in zip(mail.values["attachments"], mail.attachments, strict=True)
            if other is attachment
        )
        return self._context.row(
            "attachments",
            key={"message": letter.id, "part": attachment.part},
            values={
                "message": letter.id,
                "message_id": mail.values["message_id"],
                "part": attachment.part,
                **summary,
                "content": None,
            },
            version=summary["sha256"],
            position=Position(file=letter.id, part=attachment.part),
            faults=mail.faults,
        )


def _without_content(mail: Mail) -> Mail:
    """Keep names and hashes only: contents are read again when somebody asks for them."""
    return replace(mail, attachments=tuple(replace(item, content=b"") for item in mail.attachments))


def _place(context: SourceContext, options: MailOptions) -> Letters:
    if options.path is not None:
        return EmlFolder(context.name, context.path(options.path), pattern=options.files)
    url, password = context.secret(options.url or ""), context.secret(options.password)
    server = server_of(context.name, url, context.secret(options.user), password, ports=IMAP_PORTS)
    return ImapFolder(context.name, server, folder=options.folder, timeout=context.timeout)


def _sender(context: SourceContext, options: MailOptions) -> Sender | None:
    if options.smtp is None:
        return None
    url, password = context.secret(options.smtp), context.secret(options.smtp_password)
    server = server_of(context.name, url, context.secret(options.smtp_user), password, ports=SMTP_PORTS)
    return Sender(context.name, server, sender=options.sender, timeout=context.timeout)


def _schema(
    name: str, fields: dict[str, tuple[FieldType, str]], key: tuple[str, ...], count: int | None
) -> ObjectSchema:
    return ObjectSchema(
        name=name,
        fields=tuple(
            FieldSchema(name=field, type=kind, documentation=words) for field, (kind, words) in fields.items()
        ),
        key=key,
        row_count=count,
        documentation="Mails as they came; foreign text" if name == "messages" else "What was attached",
    )
