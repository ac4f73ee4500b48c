"""Owns the acting principal: who asks, through which agent, and with which rights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pilothouse.kernel.errors import DeniedError

__all__ = ["RIGHTS", "SYSTEM", "Authority", "Principal", "principal_fields", "principal_from", "require"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person, a service or the system itself.

    Attributes:
        id: Stable name such as ``clerk.amira``; it is written into every decision and audit entry.
        kind: Only a ``person`` may decide.
        rights: Granted rights such as ``sources:receivables:read`` or ``effects:release_container``.
            A trailing ``*`` grants every right that starts with what stands before it.
        groups: Names a task may be addressed to, such as ``desk``.
        agent: The agent version that acts for the principal; then only what both may do is granted.
    """

    id: str
    kind: Literal["person", "service", "system"] = "person"
    rights: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    agent: Principal | None = None

    def may(self, right: str) -> bool:
        """Whether ``right`` is granted, literally or by a trailing ``*``, to the principal and its agent."""
        granted = any(
            have == right or (have.endswith("*") and right.startswith(have[:-1])) for have in self.rights
        )
        return granted and (self.agent is None or self.agent.may(right))


class Authority(Protocol):
    """Says what a principal may do today; ``policy`` brings one that asks Cedar."""

    def may(self, principal: Principal, right: str) -> bool:
        """Whether ``right`` is granted now to ``principal`` and to the agent it acts through."""
        ...

    def reads(self, principal: Principal, acl: str) -> bool:
        """Whether ``principal`` satisfies the ACL id ``acl`` today."""
        ...


class _Rights:
    """Goes by the rights that the principal carries."""

    def may(self, principal: Principal, right: str) -> bool:
        """Whether the principal carries ``right``."""
        return principal.may(right)

    def reads(self, principal: Principal, acl: str) -> bool:
        """Whether the ACL names the principal or one of its groups, or is granted like a right."""
        kind, _, name = acl.partition(":")
        if (kind == "user" and name == principal.id) or (kind == "group" and name in principal.groups):
            return principal.agent is None or principal.agent.may(acl)
        return principal.may(acl)


RIGHTS: Authority = _Rights()


def require(principal: Principal, right: str, *, authority: Authority = RIGHTS) -> None:
    """Fail closed unless ``principal`` holds ``right``.

    Raises:
        DeniedError: ``policy.denied`` with the missing right.
    """
    if authority.may(principal, right):
        return
    through = "" if principal.agent is None else f" through agent {principal.agent.id!r}"
    raise DeniedError(
        f"{principal.id!r}{through} may not {right!r}; ask the owner of the project to grant this right",
        code="policy.denied",
        reasons=(f"missing:{right}",),
    )


def principal_fields(principal: Principal) -> dict[str, Any]:
    """Return the stored form: JSON types, nothing left out."""
    fields: dict[str, Any] = {
        "id": principal.id,
        "kind": principal.kind,
        "rights": sorted(principal.rights),
        "groups": sorted(principal.groups),
    }
    if principal.agent is not None:
        fields["agent"] = principal_fields(principal.agent)
    return fields


def principal_from(fields: Mapping[str, Any]) -> Principal:
    """Return the principal of a stored form."""
    agent = fields.get("agent")
    return Principal(
        id=fields["id"],
        kind=fields["kind"],
        rights=frozenset(fields["rights"]),
        groups=frozenset(fields["groups"]),
        agent=None if agent is None else principal_from(agent),
    )


SYSTEM = Principal(id="system", kind="system", rights=frozenset({"*"}))
