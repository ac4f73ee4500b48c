"""Registry owns accounts, groups, service accounts and API keys: who may sign in, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.registry.access import KEYS, Access
from pilothouse.registry.accounts import MANAGE, Accounts
from pilothouse.registry.ports import IdentityProvider, Recorder
from pilothouse.registry.types import Account, ApiKey, Claims, Issued

if TYPE_CHECKING:
    from pilothouse.registry.settings import RegistrySettings

__all__ = [
    "KEYS",
    "MANAGE",
    "Access",
    "Account",
    "Accounts",
    "ApiKey",
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
