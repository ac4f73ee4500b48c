"""Testing owns what stands in for models: a scripted server on a real socket, and requests to it."""

from pilothouse.models.testing.requests import asking, gateway_to, provider_of
from pilothouse.models.testing.server import Reply, Script, ScriptedServer, scripted_server
from pilothouse.models.testing.suite import OpenedBackend, check_backend

__all__ = [
    "OpenedBackend",
    "Reply",
    "Script",
    "ScriptedServer",
    "asking",
    "check_backend",
    "gateway_to",
    "provider_of",
    "scripted_server",
]
