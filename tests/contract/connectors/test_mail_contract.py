"""Mailboxes keep the contract of sources, but for trust: a mail is never a record."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from mail_servers import ImapServer, started

from pilothouse.connectors.adapters.mail import connect
from pilothouse.connectors.testing import ConnectorSuite, Subject, source_context
from pilothouse.labels import Integrity


def letter(n: int) -> bytes:
    message = EmailMessage()
    message["From"] = f"Agent {n} <agent{n}@example.org>"
    message["To"] = "desk@example.com"
    message["Date"] = f"Mon, 05 Jan 2026 09:{n:02d}:00 +0100"
    message["Subject"] = f"Größe {n}"
    message["Message-ID"] = f"<{n}@example.org>"
    message.set_content(f"Please release ABCU{n:07d}\n> quoted {n}\n")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="bl.pdf")
    return message.as_bytes()


class MailSuite(ConnectorSuite):
    async def test_every_value_says_where_it_comes_from(self, subject: Subject) -> None:
        for row in await subject.connector.read(subject.query()):
            assert row.integrity is Integrity.UNTRUSTED
            assert row.readers == frozenset({"acl:desk"})
            assert row.labelled("subject").label.origin.key == row.key


class TestEmlFolder(MailSuite):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        folder = tmp_path / "mails"
        folder.mkdir()
        for n in range(12):
            (folder / f"{n:03d}.eml").write_bytes(letter(n))
        context = source_context("mail", {"path": "mails"}, base=tmp_path, integrity=Integrity.UNTRUSTED)

        async def take_away() -> None:
            shutil.rmtree(folder)

        return Subject(connector=connect(context), object="messages", take_away=take_away)


@pytest.fixture(scope="module")
def servers() -> Iterator[list[ImapServer]]:
    """One server for all stories; the one that takes it away leaves the next a new one."""
    running = [started(*map(letter, range(6)))]
    yield running
    for server in running:
        server.stop()


class TestImap(MailSuite):
    @pytest.fixture
    def subject(self, servers: list[ImapServer], tmp_path: Path) -> Subject:
        if servers[-1].process.poll() is not None:
            servers.append(started(*map(letter, range(6))))
        server = servers[-1]
        options = {"url": f"imap://demouser:demopass@127.0.0.1:{server.port}"}
        context = source_context("mail", options, base=tmp_path, integrity=Integrity.UNTRUSTED)

        async def take_away() -> None:
            server.stop()

        return Subject(connector=connect(context), object="messages", take_away=take_away)
