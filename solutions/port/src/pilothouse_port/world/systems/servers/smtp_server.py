"""Owns the process that takes the mails a world's shared mailbox sends; `serve` starts it.

Run as ``python -m pilothouse_port.world.systems.servers.smtp_server PORT FOLDER``. Every mail taken is one
file in FOLDER, with its envelope in two headers: what stands there has left the house.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiosmtpd.smtp import Envelope

__all__ = ["main"]


class _Post:
    """Keeps what it is given."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = len(list(folder.glob("*.eml")))

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        """Write one mail and say so."""
        self._number += 1
        to = ", ".join(str(one) for one in envelope.rcpt_tos)
        head = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {to}\r\n".encode()
        draft = self._folder / f"{self._number:05d}.part"
        draft.write_bytes(head + bytes(envelope.original_content or b""))
        draft.replace(draft.with_suffix(".eml"))
        return "250 OK"


def main(port: str, folder: str) -> None:
    """Serve until stopped."""
    from aiosmtpd.controller import Controller

    place = Path(folder)
    place.mkdir(exist_ok=True)
    # TCP of this machine only; the sender of a made world needs no password.
    Controller(_Post(place), hostname="127.0.0.1", port=int(port)).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:3])
