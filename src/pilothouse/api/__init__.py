"""The API owns HTTP: what foreign programs reach over the network, each call signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.api.endpoint import Endpoint

if TYPE_CHECKING:
    from pilothouse.api.server import build_app, serve, serving
    from pilothouse.api.settings import ApiSettings

__all__ = ["ApiSettings", "Endpoint", "build_app", "serve", "serving"]


def __getattr__(name: str) -> object:
    """Import the web framework and the settings only when asked for: both are costly to start."""
    if name in {"build_app", "serve", "serving"}:
        from pilothouse.api import server

        return getattr(server, name)
    if name == "ApiSettings":
        from pilothouse.api.settings import ApiSettings

        return ApiSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
