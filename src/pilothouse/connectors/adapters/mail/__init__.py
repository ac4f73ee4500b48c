"""Mail owns reading IMAP folders and .eml files and sending through SMTP; what it reads is never trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilothouse.connectors.ports import Connector, SourceContext

__all__ = ["connect"]


def connect(context: SourceContext) -> Connector:
    """Open a mailbox declared with ``kind = "mail"``."""
    from pilothouse.connectors.adapters.mail.connector import connect as opened

    return opened(context)
