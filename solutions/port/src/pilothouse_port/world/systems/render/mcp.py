"""Owns ``mcp.json``: the tools of an MCP server, their descriptions and everything they can answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pilothouse_port.world.systems.render.cells import as_json, dump_json
from pilothouse_port.world.views import ObjectView, SystemView

__all__ = ["write_tools"]

_TYPES: Final = {"int": "integer", "decimal": "number", "bool": "boolean"}


def write_tools(view: SystemView, folder: Path) -> None:
    """Write the file the server of `systems.servers` answers from."""
    tools = [_tool(view, tool) for tool in view.objects]
    (folder / "mcp.json").write_text(
        dump_json({"name": view.name, "title": view.title, "tools": tools}), encoding="utf-8"
    )


def _tool(view: SystemView, tool: ObjectView) -> dict[str, Any]:
    kinds = {field.name: field for field in tool.fields}
    arguments = {
        name: {"type": _TYPES.get(kinds[name].type, "string"), "description": kinds[name].note or name}
        for name in tool.key
    }
    return {
        "name": tool.name,
        "description": view.options.get("descriptions", {}).get(tool.name, tool.note),
        "arguments": arguments,
        "fields": {field.name: {"type": field.type, "description": field.note} for field in tool.fields},
        "rows": [{name: as_json(value) for name, value in row.items()} for row in tool.rows],
    }
