"""Owns taking one mail apart: headers, text with its quotes, attachments; broken MIME is told, not raised."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, Final, cast

__all__ = ["Attachment", "Mail", "parse_mail"]

MAX_PARTS: Final = 500
UNTEXT: Final = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
BREAK: Final = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/table)\b[^>]*>", re.IGNORECASE)
MARKUP: Final = re.compile(r"<[^>]+>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One attached part, decoded."""

    name: str
    type: str
    content: bytes
    part: str

    @property
    def sha256(self) -> str:
        """Hash of the decoded content."""
        return hashlib.sha256(self.content).hexdigest()

    def summary(self) -> dict[str, Any]:
        """Name, type, size and hash."""
        return {"name": self.name, "type": self.type, "size": len(self.content), "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail as it was read.

    Attributes:
        values: The fields of the object ``messages``.
        attachments: Decoded.
        faults: What is wrong with it, in sentences.
        text_part: Number of the MIME part the text comes from, such as ``1.2``.
    """

    values: dict[str, Any]
    attachments: tuple[Attachment, ...]
    faults: tuple[str, ...]
    text_part: str


def parse_mail(raw: bytes) -> Mail:
    """Take a mail apart; never raises for what a stranger sent."""
    faults: list[str] = []
    message = _parsed(raw, faults)
    texts: list[tuple[str, str, str]] = []
    attachments: list[Attachment] = []
    for number, part in _leaves(message, faults):
        faults.extend(f"part {number}: {type(defect).__name__}" for defect in part.defects)
        _leaf(number, part, texts, attachments, faults)
    text_part, text = _chosen(texts)
    values = {
        **_headers(message, faults),
        "text": text,
        "attachments": [attachment.summary() for attachment in attachments],
        "size": len(raw),
    }
    return Mail(
        values=values,
        attachments=tuple(attachments),
        faults=tuple(dict.fromkeys(faults)),
        text_part=text_part,
    )


def _parsed(raw: bytes, faults: list[str]) -> Message:
    try:
        # The old policy keeps every header as it stands; the new one raises on some broken ones.
        message: Message = message_from_bytes(raw, policy=policy.compat32)
    except (RecursionError, ValueError, LookupError, IndexError, TypeError) as error:
        faults.append(f"not readable as a mail: {type(error).__name__}")
        message = EmailMessage()
    if not message.keys():
        faults.append("has no headers")
    return message


def _leaves(message: Message, faults: list[str]) -> Iterator[tuple[str, Message]]:
    """Every part that holds content, numbered as IMAP does; a forwarded mail is one part."""
    waiting: list[tuple[str, Message]] = [("", message)]
    seen = 0
    while waiting:
        number, part = waiting.pop(0)
        seen += 1
        if seen > MAX_PARTS:
            faults.append(f"has more than {MAX_PARTS} parts; the rest is not read")
            return
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            faults.extend(f"{type(defect).__name__}" for defect in part.defects)
            inner = cast("list[Message]", payload)
            prefix = f"{number}." if number else ""
            waiting[:0] = [(f"{prefix}{index}", item) for index, item in enumerate(inner, 1)]
        else:
            yield number or "1", part


def _leaf(
    number: str,
    part: Message,
    texts: list[tuple[str, str, str]],
    attachments: list[Attachment],
    faults: list[str],
) -> None:
    kind = part.get_content_type()
    name = _file_name(part)
    attached = part.get_content_disposition() == "attachment" or bool(name)
    if not attached and kind in {"text/plain", "text/html"}:
        texts.append((number, kind, _text(part, faults)))
        return
    content = _content(part)
    attachments.append(Attachment(name=name or f"part-{number}", type=kind, content=content, part=number))


def _content(part: Message) -> bytes:
    if part.get_content_maintype() == "message":
        inner = part.get_payload()
        items = cast("list[Message]", inner) if isinstance(inner, list) else []
        return b"".join(item.as_bytes() for item in items)
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: Message, faults: list[str]) -> str:
    content = _content(part)
    charset = str(part.get_content_charset() or "utf-8")
    for codec in (charset, "utf-8"):
        try:
            return _unix(content.decode(codec))
        except LookupError:
            faults.append(f"charset {charset!r} is unknown")
        except UnicodeDecodeError:
            continue
    faults.append(f"text is not {charset!r}; read as Windows-1252")
    return _unix(content.decode("cp1252", errors="replace"))


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")


def _chosen(texts: list[tuple[str, str, str]]) -> tuple[str, str]:
    """The plain text parts joined, below the lines that only the markup has: most programs show those."""
    plain = [(number, text) for number, kind, text in texts if kind == "text/plain" and text.strip()]
    shown = [(number, _bare(text)) for number, kind, text in texts if kind == "text/html"]
    if not plain:
        return (shown[0][0], "\n".join(text for _, text in shown)) if shown else ("1", "")
    said = _squeezed("".join(text for _, text in plain))
    more = [line for _, text in shown for line in text.splitlines() if _squeezed(line) not in said]
    return plain[0][0], "\n".join([*(line.strip() for line in more), *(text for _, text in plain)])


def _squeezed(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _bare(markup: str) -> str:
    text = BREAK.sub("\n", UNTEXT.sub(" ", markup))
    return html.unescape(MARKUP.sub("", text)).strip()


def _headers(message: Message, faults: list[str]) -> dict[str, Any]:
    sender = _addresses(message, "from")
    return {
        "message_id": _header(message, "message-id").strip() or None,
        "from": sender[0][1] if sender else None,
        "from_name": (sender[0][0] or None) if sender else None,
        "reply_to": next((address for _, address in _addresses(message, "reply-to")), None),
        "to": [address for _, address in _addresses(message, "to")],
        "cc": [address for _, address in _addresses(message, "cc")],
        "date": _date(message, faults),
        "subject": _header(message, "subject") or None,
        "in_reply_to": _header(message, "in-reply-to").strip() or None,
        "references": _header(message, "references").split(),
        "authentication_results": [_decoded(item) for item in _raw(message, "authentication-results")],
    }


def _raw(message: Message, name: str) -> list[str]:
    """The headers of that name; bytes beyond ASCII are read as UTF-8, else as Windows-1252."""
    found = [str(value) for key, value in message.raw_items() if key.lower() == name]
    return [_repaired(value) for value in found]


def _repaired(value: str) -> str:
    if value.isascii():
        return value
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _header(message: Message, name: str) -> str:
    return " ".join(_decoded(next(iter(_raw(message, name)), "")).split())


def _decoded(text: str) -> str:
    try:
        return str(make_header(decode_header(text)))
    except (LookupError, ValueError, TypeError):
        return text


def _addresses(message: Message, name: str) -> list[tuple[str, str]]:
    found = [(_decoded(who), address.strip()) for who, address in getaddresses(_raw(message, name))]
    return [(who, address) for who, address in found if address]


def _date(message: Message, faults: list[str]) -> datetime | None:
    text = _header(message, "date")
    if not text:
        faults.append("has no date")
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        faults.append(f"date {text!r} cannot be read")
        return None
    if moment.tzinfo is None:  # "-0000": UTC without saying where the sender is
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def _file_name(part: Message) -> str:
    try:
        name = part.get_filename()
    except (ValueError, TypeError, LookupError):
        return ""
    return _decoded(name).replace("/", "_").replace("\\", "_").strip() if name else ""
