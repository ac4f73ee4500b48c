"""Mail against real servers: pymap answers IMAP, aiosmtpd takes SMTP."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "contract" / "connectors"))
from mail_servers import append_mails, free_port, imap_server, seen_flags

from pilothouse.connectors import (
    OutcomeUnknownError,
    Query,
    SourceDataError,
    SourceDeniedError,
    SourceLimitError,
    Sources,
    SourceUnavailableError,
    SourceUsageError,
)
from pilothouse.kernel import SYSTEM, passing
from pilothouse.labels import Integrity


def letter(n: int, *, size: int = 0) -> bytes:
    message = EmailMessage()
    message["From"] = f"agent{n}@example.org"
    message["Date"] = "Mon, 05 Jan 2026 09:30:00 +0100"
    message["Subject"] = f"Release {n}"
    message.set_content(f"Please release ABCU{n}\n" + "x\n" * size)
    message.add_attachment(b"\x00binary" * 9, maintype="application", subtype="pdf", filename="bl.pdf")
    return message.as_bytes()


def sources(tmp_path: Path, **options: object) -> Sources:
    return Sources.from_config({"sources": {"desk": {"kind": "mail", **options}}}, base=tmp_path)


def imap(port: int, user: str = "demouser") -> str:
    return f"imap://{user}@127.0.0.1:{port}"


async def test_a_mailbox_is_read_and_left_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAP_PASSWORD", "demopass")
    with imap_server(letter(1), letter(2)) as server:
        desk = sources(tmp_path, url=imap(server.port), password="secret://env/IMAP_PASSWORD")
        rows = await desk.read(SYSTEM, "desk", Query("messages", order_by=["subject"]))
        assert [row["subject"] for row in rows] == ["Release 1", "Release 2"]
        assert all(row.integrity is Integrity.UNTRUSTED for row in rows)
        assert rows[0]["attachments"][0]["name"] == "bl.pdf"

        append_mails(server.port, letter(3))
        assert len(await desk.read(SYSTEM, "desk", Query("messages"))) == 3

        query = Query("attachments", where={"message": rows[0].key["id"]}, fields=("content", "name"))
        (attachment,) = await desk.read(SYSTEM, "desk", query)
        assert attachment["content"] == b"\x00binary" * 9
        assert attachment.version == rows[0]["attachments"][0]["sha256"]
        assert seen_flags(server.port) == [], "reading a mail must not mark it as read"
        await desk.close()


async def test_what_a_mail_server_may_answer(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAP_PASSWORD", "demopass")
    secret = "secret://env/IMAP_PASSWORD"
    with imap_server(letter(1, size=5000)) as server:
        stranger = sources(tmp_path, url=imap(server.port, "nobody"), password=secret)
        with pytest.raises(SourceDeniedError, match=r"'desk'.*'nobody'"):
            await stranger.read(SYSTEM, "desk", Query("messages"))
        elsewhere = sources(tmp_path, url=imap(server.port), password=secret, folder="Nowhere")
        with pytest.raises(SourceDataError, match="'Nowhere'"):
            await elsewhere.read(SYSTEM, "desk", Query("messages"))
        crowded = sources(tmp_path, url=imap(server.port), password=secret, max_messages=1)
        append_mails(server.port, letter(2))
        with pytest.raises(SourceLimitError, match="max_messages"):
            await crowded.read(SYSTEM, "desk", Query("messages"))
        small = sources(tmp_path, url=imap(server.port), password=secret, max_bytes=3000)
        large, fine = await small.read(SYSTEM, "desk", Query("messages"))
        assert large["text"] is None
        assert "max_bytes" in large.faults[0]
        assert fine["text"].startswith("Please release ABCU2")
    for port in (server.port, free_port()):
        with pytest.raises(SourceUnavailableError, match="'desk'"):
            await sources(tmp_path, url=imap(port), password=secret).read(SYSTEM, "desk", Query("messages"))


async def test_a_server_that_hangs_is_unavailable(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        desk = sources(tmp_path, url=f"imap://127.0.0.1:{port}", timeout="300ms")
        health = await desk.health("desk")
        assert (health.state, health.seconds < 3) == ("down", True)


class Taken:
    """What the SMTP server took; ``answer`` is what it says to the next mail."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.answer = "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.answer == "drop":
            server.transport.abort()
            return "250 OK"
        if self.answer.startswith("250"):
            self.mails.append(envelope.content)
        return self.answer


@pytest.fixture
def smtp() -> Iterator[tuple[Taken, int]]:
    from aiosmtpd.controller import Controller

    taken = Taken()
    controller = Controller(taken, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield taken, controller.port
    controller.stop()


def sending(tmp_path: Path, port: int) -> Sources:
    (tmp_path / "in").mkdir()
    return sources(tmp_path, path="in", smtp=f"smtp://127.0.0.1:{port}", **{"from": "desk@example.com"})


MAIL = {
    "to": ["agent@example.org"],
    "subject": "ABCU1: Größe",
    "text": "Open: € 12\n",
    "in_reply_to": "<1@example.org>",
}


async def test_a_mail_is_sent_under_its_effect(tmp_path, smtp):
    taken, port = smtp
    desk = sending(tmp_path, port)
    with passing("e-1"):
        first = await desk.write(SYSTEM, "desk", "send", MAIL, effect_id="e-1")
        again = await desk.write(SYSTEM, "desk", "send", MAIL, effect_id="e-1")
    with passing("e-2"):
        other = await desk.write(SYSTEM, "desk", "send", MAIL, effect_id="e-2")
    assert first["message_id"] == again["message_id"] != other["message_id"]
    mail = message_from_bytes(taken.mails[0])
    assert mail["Message-ID"] == first["message_id"]
    assert (mail["From"], mail["In-Reply-To"]) == ("desk@example.com", "<1@example.org>")
    assert mail.get_payload(decode=True).decode() == "Open: € 12\r\n"


@pytest.mark.parametrize(
    ("answer", "to", "error"),
    [
        ("250 OK", "nobody@example.org", SourceDataError),
        ("554 no", "a@example.org", SourceDataError),
        ("451 later", "a@example.org", SourceUnavailableError),
        ("drop", "a@example.org", OutcomeUnknownError),
    ],
)
async def test_what_a_server_may_say_to_a_mail(tmp_path, smtp, answer, to, error):
    taken, port = smtp
    taken.answer = answer
    with pytest.raises(error, match="'desk'") as caught, passing("e"):
        await sending(tmp_path, port).write(SYSTEM, "desk", "send", {**MAIL, "to": [to]}, effect_id="e")
    assert type(caught.value) is error
    assert taken.mails == []


@pytest.mark.parametrize(
    "change",
    [
        {"to": []},
        {"to": ["a@example.org\nBcc: b@example.org"]},
        {"subject": "x\r\nBcc: b@example.org"},
        {"in_reply_to": "<x>\nX: y"},
        {"bcc": ["b@example.org"]},
        {"text": 7},
    ],
)
async def test_nothing_is_smuggled_into_headers(tmp_path, smtp, change):
    taken, port = smtp
    with pytest.raises(SourceUsageError), passing("e"):
        await sending(tmp_path, port).write(SYSTEM, "desk", "send", {**MAIL, **change}, effect_id="e")
    assert taken.mails == []


async def test_no_server_means_nothing_was_sent(tmp_path):
    with pytest.raises(SourceUnavailableError) as caught, passing("e"):
        await sending(tmp_path, free_port()).write(SYSTEM, "desk", "send", MAIL, effect_id="e")
    assert not isinstance(caught.value, OutcomeUnknownError)
