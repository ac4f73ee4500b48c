"""Owns the shared mailbox: one ``.eml`` file a message, as a mail server keeps it."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from pilothouse_port.world.systems.render.parcels import forwarded, packed
from pilothouse_port.world.views import Cell, SystemView

__all__ = ["write_mails"]


def write_mails(view: SystemView, folder: Path) -> None:
    """Write the messages in their order; file names carry number and a hash of the message id."""
    for number, row in enumerate(view.objects[0].rows, start=1):
        tag = hashlib.sha256(str(row["message_id"]).encode()).hexdigest()[:8]
        (folder / f"{number:05d}-{tag}.eml").write_bytes(_message(row, view.timezone).as_bytes(policy=SMTP))


def _message(row: dict[str, Cell], zone: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message_id = str(row["message_id"])
    message["Message-ID"] = message_id if message_id.startswith("<") else f"<{message_id}>"
    for header, name in (("From", "from"), ("Reply-To", "reply_to"), ("To", "to"), ("Subject", "subject")):
        if row.get(name):
            message[header] = ", ".join(map(str, _listed(row[name])))
    if row.get("in_reply_to"):
        parent = str(row["in_reply_to"])
        message["In-Reply-To"] = parent if parent.startswith("<") else f"<{parent}>"
    message["Date"] = _dated(row["date"], zone)
    message.set_content(str(row.get("text") or ""))
    for attachment in _listed(row.get("attachments")):
        _attach(message, attachment)
    if message.is_multipart():
        # the standard library would draw a random one; the same seed must give the same bytes
        message.set_boundary("=_" + hashlib.sha256(message_id.encode()).hexdigest()[:24])
    return message


def _dated(value: Cell, zone: str) -> str:
    if not isinstance(value, datetime):
        return str(value)
    return format_datetime(value if value.tzinfo else value.replace(tzinfo=ZoneInfo(zone)))


def _listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _attach(message: EmailMessage, attachment: dict[str, str]) -> None:
    if attachment.get("kind") == "eml":
        message.add_attachment(forwarded(attachment), filename=attachment["filename"])
        return
    if "kind" in attachment:
        content, kind = packed(attachment)
        attachment = {
            "filename": attachment["filename"],
            "content_type": kind,
            "base64": base64.b64encode(content).decode(),
        }
    name = attachment.get("filename") or attachment.get("name") or "attachment.txt"
    content_type = attachment.get("content_type", "text/plain")
    main, _, sub = content_type.partition("/")
    if "base64" in attachment:
        content = base64.b64decode(attachment["base64"])
    else:
        content = attachment.get("text", "").encode()
    message.add_attachment(content, maintype=main, subtype=sub or "octet-stream", filename=name)
