"""Owns what the registry needs from above: where sign-ins are recorded, and who may vouch for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pilothouse.registry.types import Claims
    from pilothouse.storage import Tx

__all__ = ["IdentityProvider", "Recorder"]


class Recorder(Protocol):
    """Writes the audit entry of a change of rights or a sign-in; ``app.py`` binds the log."""

    async def record(self, tx: Tx, kind: str, actor: str, body: Mapping[str, Any]) -> None:
        """Record inside the transaction of the change."""
        ...


class IdentityProvider(Protocol):
    """Vouches for a person (OIDC code flow with PKCE): the API does the ceremony, this the account."""

    async def claims(self, code: str, *, verifier: str) -> Claims:
        """Return who signed in.

        Raises:
            DeniedError: The provider refused the code.
            UnavailableError: It does not answer.
        """
        ...
