"""HTTP owns services described by OpenAPI: collections become objects, operations become write tools."""

from pilothouse.connectors.adapters.http.adapter import HttpSource, connect

__all__ = ["HttpSource", "connect"]
