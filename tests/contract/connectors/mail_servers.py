"""Real mail servers for tests: pymap as IMAP in a process of its own, aiosmtpd as SMTP in a thread."""

from __future__ import annotations

import imaplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ImapServer", "append_mails", "free_port", "imap_server", "seen_flags", "started"]


@dataclass
class ImapServer:
    port: int
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def imap_server(*mails: bytes) -> Iterator[ImapServer]:
    server = started(*mails)
    try:
        yield server
    finally:
        server.stop()


def started(*mails: bytes) -> ImapServer:
    port = free_port()
    program = str(Path(sys.executable).with_name("pymap"))
    services = ["--no-service", "admin", "--no-service", "managesieve"]
    command = [program, *services, "--no-tls", "--host", "127.0.0.1", "--port", str(port), "dict"]
    server = ImapServer(port, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    try:
        _until_ready(server)
        append_mails(port, *mails)
    except BaseException:
        server.stop()
        raise
    return server


def _until_ready(server: ImapServer) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert server.process.poll() is None, "pymap ended at once"
        try:
            imaplib.IMAP4("127.0.0.1", server.port, timeout=5).logout()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("pymap did not answer within 20 s")


@contextmanager
def _client(port: int) -> Iterator[imaplib.IMAP4]:
    with imaplib.IMAP4("127.0.0.1", port, timeout=5) as client:
        client.login("demouser", "demopass")
        yield client


def append_mails(port: int, *raws: bytes) -> None:
    with _client(port) as client:
        for raw in raws:
            text = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            status, answer = client.append("INBOX", "", None, text)
            assert status == "OK", answer


def seen_flags(port: int) -> list[bytes]:
    with _client(port) as client:
        client.select("INBOX", readonly=True)
        return [item for item in client.fetch("1:*", "(FLAGS)")[1] if b"\\Seen" in item]
