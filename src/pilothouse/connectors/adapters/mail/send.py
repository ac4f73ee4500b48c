"""Owns sending one mail through SMTP; its Message-ID is made from the effect id."""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final, cast

from pilothouse.connectors.adapters.mail.letters import Server
from pilothouse.connectors.errors import (
    OutcomeUnknownError,
    SourceDataError,
    SourceDeniedError,
    SourceUnavailableError,
    SourceUsageError,
    near,
)
from pilothouse.connectors.types import WriteTool
from pilothouse.kernel import Json

__all__ = ["SEND", "Sender"]

ADDRESS: Final = re.compile(r"[^\s@<>,;:\"']+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
LISTS: Final = ("to", "cc")
TEXTS: Final = ("subject", "text", "in_reply_to")
PROPERTIES: Final[dict[str, Json]] = {
    "to": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "cc": {"type": "array", "items": {"type": "string"}},
    "subject": {"type": "string"},
    "text": {"type": "string"},
    "in_reply_to": {"type": "string"},
}
SEND: Final = WriteTool(
    name="send",
    schema={
        "type": "object",
        "properties": PROPERTIES,
        "required": ["to", "subject", "text"],
        "additionalProperties": False,
    },
    effect="egress",
    idempotent=False,
    version="1",
    documentation="Send a plain text mail; the Message-ID is made from the effect id",
)


class Sender:
    """Sends mails of one source; blocking, so callers use a thread."""

    def __init__(self, source: str, server: Server, *, sender: str, timeout: float) -> None:
        if not ADDRESS.fullmatch(sender):
            raise SourceUsageError(
                source, f"'from' is {sender!r}; give one address such as 'desk@example.org'"
            )
        self._source = source
        self._server = server
        self._sender = sender
        self._timeout = timeout

    def message_id(self, effect_id: str) -> str:
        """The Message-ID of an effect: the same again when it is sent again."""
        digest = hashlib.sha256(effect_id.encode()).hexdigest()[:32]
        return f"<{digest}@{self._sender.rpartition('@')[2]}>"

    def send(self, args: Mapping[str, Any], *, effect_id: str, at: datetime) -> dict[str, Json]:
        """Send one mail.

        Raises:
            SourceUsageError: The arguments do not fit.
            SourceUnavailableError: No connection, nothing was sent.
            SourceDataError: The server refused the mail or a recipient.
            OutcomeUnknownError: The connection broke after the mail was handed over.
        """
        message = self._message(args, effect_id, at)
        client = self._connected()
        try:
            self._handed_over(client, message)
        finally:
            client.close()
        return {"message_id": self.message_id(effect_id), "accepted": True}

    def _message(self, args: Mapping[str, Any], effect_id: str, at: datetime) -> EmailMessage:
        unknown = sorted(set(args) - set(PROPERTIES))
        if unknown:
            raise self._wrong(f"'send' knows no {unknown[0]!r}; {near(unknown[0], PROPERTIES)}")
        recipients = {name: self._addresses(name, args.get(name, [])) for name in LISTS}
        if not recipients["to"]:
            raise self._wrong("'to' is empty; name at least one address")
        texts = {name: args.get(name, "") for name in TEXTS}
        for name, text in texts.items():
            if not isinstance(text, str) or (name != "text" and ("\n" in text or "\r" in text)):
                raise self._wrong(f"{name!r} is {text!r}; give one line of text")
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = ", ".join(recipients["to"])
        if recipients["cc"]:
            message["Cc"] = ", ".join(recipients["cc"])
        message["Subject"] = texts["subject"]
        message["Date"] = format_datetime(at)
        message["Message-ID"] = self.message_id(effect_id)
        if texts["in_reply_to"]:
            message["In-Reply-To"] = message["References"] = texts["in_reply_to"]
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(texts["text"])
        return message

    def _addresses(self, name: str, given: object) -> list[str]:
        items = cast("list[object]", given) if isinstance(given, list) else [given]
        for item in items:
            if not isinstance(item, str) or not ADDRESS.fullmatch(item):
                raise self._wrong(f"{name!r} holds {item!r}; give bare addresses such as 'a@example.org'")
        return cast("list[str]", items)

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        where = f"{server.host}:{server.port}"
        try:
            if server.scheme == "smtps":
                secure = ssl.create_default_context()
                client = smtplib.SMTP_SSL(server.host, server.port, timeout=self._timeout, context=secure)
            else:
                client = smtplib.SMTP(server.host, server.port, timeout=self._timeout)
            client.ehlo_or_helo_if_needed()
            if server.scheme == "smtp+starttls":
                client.starttls(context=ssl.create_default_context())
            if server.user:
                client.login(server.user, server.password)
        except smtplib.SMTPAuthenticationError as error:
            raise SourceDeniedError(
                self._source, f"{where} refused user {server.user!r}", code="mail.login"
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise SourceUnavailableError(
                self._source, f"{where} does not answer as SMTP: {type(error).__name__}: {error}"
            ) from error
        return client

    def _handed_over(self, client: smtplib.SMTP, message: EmailMessage) -> None:
        try:
            refused = client.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise SourceDataError(
                self._source, f"no recipient was accepted: {sorted(error.recipients)}", code="mail.refused"
            ) from error
        except smtplib.SMTPResponseException as error:
            answer = f"{error.smtp_code} {error.smtp_error!r}"
            if 400 <= error.smtp_code < 500:
                raise SourceUnavailableError(self._source, f"asks to come back later: {answer}") from error
            raise SourceDataError(self._source, f"refused the mail: {answer}", code="mail.refused") from error
        except (OSError, smtplib.SMTPException) as error:
            raise OutcomeUnknownError(
                self._source, f"broke off while taking a mail: {type(error).__name__}: {error}"
            ) from error
        if refused:
            raise OutcomeUnknownError(
                self._source, f"took the mail but not for {sorted(refused)}; tell them otherwise"
            )

    def _wrong(self, why: str) -> SourceUsageError:
        return SourceUsageError(self._source, why, code="sources.arguments")
