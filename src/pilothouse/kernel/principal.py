"""Owns the acting principal: who asks, and with which rights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pilothouse.kernel.errors import DeniedError

__all__ = ["SYSTEM", "Principal", "require"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person, a service or the system itself.

    Attributes:
        id: Stable name such as ``clerk.amira``; it is written into every decision and audit entry.
        kind: Only a ``person`` may decide.
        rights: Granted rights such as ``sources:receivables:read`` or ``effects:release_container``.
            A trailing ``*`` grants every right that starts with what stands before it.
        groups: Names a task may be addressed to, such as ``desk``.
    """

    id: str
    kind: Literal["person", "service", "system"] = "person"
    rights: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def may(self, right: str) -> bool:
        """Whether ``right`` is granted, literally or by a trailing ``*``."""
        return any(
            granted == right or (granted.endswith("*") and right.startswith(granted[:-1]))
            for granted in self.rights
        )


def require(principal: Principal, right: str) -> None:
    """Fail closed unless ``principal`` holds ``right``.

    Raises:
        DeniedError: ``policy.denied`` with the missing right.
    """
    if principal.may(right):
        return
    raise DeniedError(
        f"{principal.id!r} may not {right!r}; ask the owner of the project to grant this right",
        code="policy.denied",
        reasons=(f"missing:{right}",),
    )


SYSTEM = Principal(id="system", kind="system", rights=frozenset({"*"}))
