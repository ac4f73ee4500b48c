"""Registry owns who may sign in, and the versions of what people make: agents, heads, packs, routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.registry.access import KEYS, Access
from pilothouse.registry.accounts import MANAGE, Accounts
from pilothouse.registry.assets import APPROVED, PUBLISH, Asset, Assets
from pilothouse.registry.ports import IdentityProvider, Recorder
from pilothouse.registry.types import Account, ApiKey, Claims, Issued

if TYPE_CHECKING:
    from pilothouse.registry.settings import RegistrySettings

__all__ = [
    "APPROVED",
    "KEYS",
    "MANAGE",
    "PUBLISH",
    "Access",
    "Account",
    "Accounts",
    "ApiKey",
    "Asset",
    "Assets",
    "Claims",
    "IdentityProvider",
    "Issued",
    "Recorder",
    "RegistrySettings",
]


def __getattr__(name: str) -> object:
    """Import the settings only when asked for: Pydantic is heavy."""
    if name == "RegistrySettings":
        from pilothouse.registry.settings import RegistrySettings

        return RegistrySettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
