"""A haulier's MCP server for tests: ``python mcp_server.py [stdio | http PORT]``, misbehaving on request."""

import os
import sys
import time
from pathlib import Path

SERVER = __file__
DESCRIPTION = "HAULIER_DESCRIPTION"


def build():
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("haulier")

    @server.tool(description=os.environ.get(DESCRIPTION, "The jobs of one box"))
    def list_jobs(container: str) -> list[dict[str, str | int]]:
        match container:
            case "HANG":
                time.sleep(60)
            case "DIE":
                os._exit(3)
            case "BAD":
                raise ValueError("no such box")
            case "NONE":
                return []
        return [{"job_id": 7, "container": container, "state": "planned"}]

    @server.tool()
    def all_jobs() -> list[dict[str, str | int]]:
        """Every job of today."""
        return [{"job_id": n, "container": f"ABCU{n}", "state": "planned"} for n in range(5)]

    @server.tool()
    def prose() -> str:
        """Words about the day."""
        return "It is a quiet day."

    @server.tool()
    def book_truck(container: str, idempotency_key: str) -> dict[str, str]:
        """Book a truck."""
        booked = Path(os.environ.get("BOOKED", os.devnull))
        known = booked.read_text().split() if booked.is_file() else []
        if container == "HANG":
            time.sleep(60)
        if idempotency_key not in known:
            with booked.open("a") as file:
                file.write(f"{idempotency_key}\n")
        return {"booked": container}

    return server


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        build().run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
    else:
        build().run()
