"""Owns the reading of a mail with the standard library: headers, body, and its attachments one by one."""

from __future__ import annotations

import email
import email.policy
import hashlib
import re
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any, Final, cast

from pilothouse.documents.adapters.job import Found, Job, Refusal
from pilothouse.documents.adapters.kinds import MAIL
from pilothouse.documents.adapters.mail.body import unflowed, write_body
from pilothouse.documents.adapters.mail.html import shown, write_html
from pilothouse.documents.adapters.plain import decoded
from pilothouse.documents.writing import clean

__all__ = ["attachment", "read_mail"]

VERSION: Final = "mail@1"
KEPT: Final = (
    "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
    "return-path", "authentication-results", "received-spf", "auto-submitted", "list-id",
)  # fmt: skip
SHOWN: Final = ("from", "to", "cc", "date", "subject")
ALIKE: Final = 0.8
MAX_LEAVES: Final = 500


def read_mail(job: Job, data: bytes, depth: int) -> Found:
    """Read a mail; attachments that cannot be read are there with their reason.

    Raises:
        Refusal: ``damaged``, or ``too_large`` by nesting or number of attachments.
    """
    if depth > job.limits.nesting:
        raise Refusal("too_large", f"mails are nested deeper than {job.limits.nesting}")
    found = job.found(MAIL, VERSION)
    message = _parsed(data)
    _headers(found, message)
    plain, html, attached = _parts(job, message)
    _body(found, plain, html)
    for content, name, declared in attached:
        if job.parts_left <= 0:
            raise Refusal("too_large", f"the mail has more than {job.limits.parts} attachments")
        job.parts_left -= 1
        found.parts.append(_read_part(job, content, name, declared, depth + 1))
    return found


def _parsed(data: bytes) -> EmailMessage:
    if data.startswith(b"From "):
        data = data.split(b"\n", 1)[-1]
    return email.message_from_bytes(data, policy=email.policy.default)


def _headers(found: Found, message: EmailMessage) -> None:
    counts: dict[str, int] = {}
    for name in KEPT:
        for value in _values(message, name)[:10]:
            found.headers.append([name, value[:20_000]])
            counts[name] = counts.get(name, 0) + 1
    for name in ("from", "subject", "date", "message-id", "to"):
        if counts.get(name, 0) > 1:
            found.notice("double_header", f"{name!r} stands {counts[name]} times")
    shown_ones = [[name, value] for name, value in found.headers if name in SHOWN]
    for name, value in sorted(shown_ones, key=lambda pair: SHOWN.index(pair[0])):
        one_line = " ".join(value.split())
        found.writing.write(f"{name.capitalize()}: {one_line}\n")
    found.writing.block("header", 0)
    if found.writing.length:
        found.writing.write("\n")


def _values(message: EmailMessage, name: str) -> list[str]:
    try:
        return [clean(str(value)) for value in message.get_all(name, [])]
    except (ValueError, IndexError, KeyError, AttributeError, TypeError, UnicodeError):
        # The library's parser of structured headers stumbles over hostile ones; take them as they are.
        raw = [value for key, value in message.raw_items() if key.lower() == name]
        return [clean(str(value)) for value in raw]


def _parts(job: Job, message: EmailMessage) -> tuple[str, str, list[tuple[bytes, str, str]]]:
    plain: list[str] = []
    html: list[str] = []
    attached: list[tuple[bytes, str, str]] = []
    for part in _leaves(message):
        content_type, name = part.get_content_type(), _name(part)
        disposition = part.get_content_disposition()
        content = _bytes(part)
        if disposition != "attachment" and not name and content_type == "text/plain":
            plain.append(_text(part, content))
        elif disposition != "attachment" and not name and content_type == "text/html":
            html.append(decoded(content, _charset(part)))
        elif content.strip():
            attached.append((content, name, content_type))
    return "\n".join(plain), "\n".join(html), attached


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """Every part that is no container; a mail inside is one part, whole."""
    todo: list[EmailMessage] = [message]
    seen = 0
    while todo:
        part = todo.pop(0)
        seen += 1
        if seen > MAX_LEAVES:
            raise Refusal("too_large", f"the mail has more than {MAX_LEAVES} parts")
        if part.get_content_type() == MAIL or not part.is_multipart():
            yield part
        else:
            todo = [cast("EmailMessage", child) for child in part.iter_parts()] + todo


def _bytes(part: EmailMessage) -> bytes:
    if part.get_content_type() == MAIL and part.is_multipart():
        inner = cast("Any", part.get_payload(0))
        try:
            return bytes(inner.as_bytes(policy=email.policy.compat32))
        except (ValueError, LookupError, TypeError, AttributeError, KeyError, IndexError) as error:
            return f"Subject: (a mail inside cannot be written again: {error})\n\n".encode()
    content: object = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _name(part: EmailMessage) -> str:
    try:
        return clean(part.get_filename() or "")[:500]
    except (ValueError, IndexError, KeyError, AttributeError, TypeError, LookupError):
        return "(a name that cannot be read)"


def _charset(part: EmailMessage) -> str:
    try:
        return str(part.get_content_charset() or "")
    except (ValueError, LookupError, TypeError):
        return ""


def _text(part: EmailMessage, content: bytes) -> str:
    text = decoded(content, _charset(part)).replace("\r\n", "\n").replace("\r", "\n")
    flowed = str(part.get_param("format", "")).lower() == "flowed"
    return unflowed(text, delsp=str(part.get_param("delsp", "")).lower() == "yes") if flowed else text


def _body(found: Found, plain: str, html: str) -> None:
    """Write what a person sees: HTML where there is some; plain text that differs from it is kept hidden."""
    if not html:
        write_body(found, plain)
        return
    seen = shown(html)
    if plain.strip() and _says_all(plain, seen.visible):
        write_body(found, plain)
        secret = " ".join(text.strip() for text, hidden, _ in seen.runs if hidden and text.strip())
        if secret:
            found.notice("hidden_text", f"styled so that nobody sees it: {secret[:200]!r}")
            found.writing.write("\n\n")
            found.writing.place(secret, hidden=True)
        return
    write_html(found, html)
    if plain.strip():
        found.notice("alternatives_differ", "the plain text says something else than what is shown")
        found.writing.write("\n\n")
        found.writing.place(plain, hidden=True)


def _says_all(plain: str, visible: str) -> bool:
    """Whether two forms of a body say the same, each nearly all words of the other."""
    words = [set(re.findall(r"\w{2,}", text.casefold())) for text in (plain, visible)]
    common = len(words[0] & words[1])
    return common >= ALIKE * max(len(words[0]), len(words[1]), 1)


def _read_part(job: Job, content: bytes, name: str, declared: str, depth: int) -> dict[str, Any]:
    try:
        return job.read(content, name, declared, depth)
    except Refusal as refusal:
        # One attachment that cannot be read does not cost the mail; a bomb costs all of it.
        if refusal.kind == "too_large" and "nested" in refusal.message:
            raise
        empty = job.found(
            declared if re.fullmatch(r"[a-z]+/[a-z0-9.+-]{1,100}", declared) else "application/octet-stream",
            "none@1",
        )
        empty.notice(refusal.kind, refusal.message)
        return empty.fields(content, name)


def attachment(data: bytes, wanted: str, *, nesting: int) -> bytes | None:
    """Return the attachment whose SHA-256 is ``wanted``, at any depth."""
    for part in _leaves(_parsed(data)):
        content = _bytes(part)
        if hashlib.sha256(content).hexdigest() == wanted:
            return content
        if nesting > 0 and part.get_content_type() == MAIL:
            inner = attachment(content, wanted, nesting=nesting - 1)
            if inner is not None:
                return inner
    return None
