"""Owns the running servers of a made world: processes, databases, the REST services, the MCP server."""
