"""EDIFACT owns reading, meaning and writing of UN/EDIFACT messages, damaged ones included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.connectors.adapters.edifact.read import edifact_read
from pilothouse.connectors.adapters.edifact.render import (
    edifact_contrl,
    edifact_interchange,
    edifact_message,
    edifact_segment,
)

if TYPE_CHECKING:
    from pilothouse.connectors.ports import Connector, SourceContext

__all__ = [
    "connect",
    "edifact_contrl",
    "edifact_interchange",
    "edifact_message",
    "edifact_read",
    "edifact_segment",
]


def connect(context: SourceContext) -> Connector:
    """Open a mailbox folder declared with ``kind = "edifact"``."""
    from pilothouse.connectors.adapters.edifact.connector import connect as opened

    return opened(context)
