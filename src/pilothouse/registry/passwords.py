"""Owns passwords: argon2id with the parameters of RFC 9106, the same time for unknown names."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING

from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

    from pilothouse.registry.settings import RegistrySettings

__all__ = ["Passwords"]

SHORTEST = 12
LONGEST = 1024


class Passwords:
    """Hashes and checks passwords off the event loop."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._memory = settings.argon2_memory
        self._passes = settings.argon2_passes

    async def hash(self, password: str) -> str:
        """Return the PHC string of a new password.

        Raises:
            UsageError: ``registry.password``: too short or too long.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            raise UsageError(
                f"a password has {SHORTEST} to {LONGEST} characters, this one has {len(password)}; "
                "take a few words",
                code="registry.password",
            )
        hasher = _hasher(self._memory, self._passes)
        return await asyncio.to_thread(hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` fits; takes as long when nothing is stored."""
        from argon2.exceptions import InvalidHashError, VerificationError

        hasher = _hasher(self._memory, self._passes)
        known = stored or _nobody(self._memory, self._passes)
        try:
            await asyncio.to_thread(hasher.verify, known, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None


@lru_cache(maxsize=4)
def _hasher(memory: int, passes: int) -> PasswordHasher:
    from argon2 import PasswordHasher, Type

    return PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=4, type=Type.ID)


@lru_cache(maxsize=4)
def _nobody(memory: int, passes: int) -> str:
    return _hasher(memory, passes).hash("no account has this password")
