"""MCP owns reading and writing through tools of MCP servers whose descriptions are pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilothouse.connectors.ports import Connector, SourceContext

__all__ = ["connect"]


def connect(context: SourceContext) -> Connector:
    """Open a server declared with ``kind = "mcp"``."""
    from pilothouse.connectors.adapters.mcp.connector import connect as opened

    return opened(context)
