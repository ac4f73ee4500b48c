"""Owns starting the process that takes a world's outgoing mail; `serve` calls it."""

from __future__ import annotations

import smtplib
import sys
from pathlib import Path
from typing import Final

from pilothouse_port.world.systems.servers.process import (
    Server,
    free_port,
    noted_server,
    read_server,
    spawn,
    start,
    stop,
)

__all__ = ["NAME", "outbox", "start_smtp"]

NAME: Final = "smtp"


def outbox(run: Path) -> Path:
    """The folder of mails that left."""
    return run / "outbox"


def start_smtp(run: Path) -> Server:
    """Start the process, or leave it if it answers already."""
    running = read_server(run, NAME)
    if running is not None and _answers(running):
        return running
    stop(run, NAME)
    noted = noted_server(run, NAME)

    def spawned() -> Server:
        port = free_port(wanted=noted.port if noted else None)
        module = "pilothouse_port.world.systems.servers.smtp_server"
        command = [sys.executable, "-m", module, str(port), str(outbox(run))]
        return spawn(run, NAME, command, port=port, content="smtp")

    return start(run, spawned, _answers)


def _answers(server: Server) -> bool:
    try:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=5) as connection:
            return connection.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False
