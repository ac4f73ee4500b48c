"""Owns the MCP server of a system: read tools over stdio that answer from ``mcp.json``.

Run as ``python -m pilothouse_port.world.systems.servers.mcp_server FOLDER/mcp.json``; the client starts it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

__all__ = ["main"]

_TYPES: Final = {"int": "integer", "decimal": "number", "bool": "boolean"}


def main(path: str) -> None:
    """Serve on stdin and stdout until the client leaves."""
    import anyio

    anyio.run(_serve, json.loads(Path(path).read_text(encoding="utf-8")))


async def _serve(content: dict[str, Any]) -> None:
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server

    tools = {tool["name"]: tool for tool in content["tools"]}

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_declared(tool) for tool in content["tools"]])

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = tools.get(params.name)
        if tool is None:
            return _failed(f"no tool {params.name!r}")
        arguments = params.arguments or {}
        missing = [name for name in tool["arguments"] if name not in arguments]
        if missing:
            return _failed(f"argument {missing[0]!r} is missing")
        rows = [row for row in tool["rows"] if all(row.get(n) == arguments[n] for n in tool["arguments"])]
        result = {"items": rows}
        text = types.TextContent(type="text", text=json.dumps(result, ensure_ascii=False))
        return types.CallToolResult(content=[text], structured_content=result)

    server = Server(content["name"], title=content["title"], on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def _declared(tool: dict[str, Any]) -> Any:
    import mcp_types as types

    properties = {
        name: {"type": kind["type"], "description": kind["description"]}
        for name, kind in tool["arguments"].items()
    }
    item = {
        "type": "object",
        "properties": {
            name: {"type": [_TYPES.get(kind["type"], "string"), "null"], "description": kind["description"]}
            for name, kind in tool["fields"].items()
        },
    }
    return types.Tool(
        name=tool["name"],
        description=tool["description"],
        input_schema={"type": "object", "properties": properties, "required": list(properties)},
        output_schema={
            "type": "object",
            "properties": {"items": {"type": "array", "items": item}},
            "required": ["items"],
        },
        annotations=types.ToolAnnotations(read_only_hint=True),
    )


def _failed(text: str) -> Any:
    import mcp_types as types

    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


if __name__ == "__main__":
    main(sys.argv[1])
