"""Owns rights as policies: what carries or grants one, and the hash of what can decide an action."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from pilothouse.policy.compiled import touches
from pilothouse.policy.parse import Policy, carried_id, grant, literal
from pilothouse.policy.request import family
from pilothouse.policy.schema import Kind

__all__ = ["ROLES", "carried", "digest", "role_text", "slice_digest"]

ROLES = "roles"


def carried(rights: frozenset[str], right: str) -> list[str]:
    """Return the ids of the carried rights that grant ``right``."""
    return [
        carried_id(have)
        for have in rights
        if have == right or (have.endswith("*") and right.startswith(have[:-1]))
    ]


def role_text(roles: Mapping[str, Sequence[str]]) -> str:
    """Return the permits of all roles."""
    return "\n".join(
        f"@id({literal(f'role:{name}:{right}')}) @grants({literal(right)}) "
        f"permit(principal in Role::{literal(name)}, action, resource) when {{ {grant(right)} }};"
        for name, rights in sorted(roles.items())
        for right in sorted(set(rights))
    )


def slice_digest(
    policies: Sequence[Policy], action: str, resource_kind: str, name: str | None, kind: Kind | None
) -> str:
    """Return the hash of what can decide ``action`` on this kind, or on the one thing called ``name``."""
    begins, whole = family(action, resource_kind, name)
    canonical = [
        policy.canonical
        for policy in policies
        if touches(policy, action, resource_kind, name) and _overlaps(policy, begins, whole)
    ]
    shape = None if kind is None else sorted(kind.attributes.items())
    return digest(action, resource_kind, sorted(canonical), shape)


def digest(*parts: object) -> str:
    """Return the hash of JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _overlaps(policy: Policy, begins: str, whole: bool) -> bool:
    """Whether the right that a role's permit grants can be one of these; any other policy can decide."""
    if policy.name != ROLES:
        return True
    right = policy.node.annotations["grants"]
    if whole:
        return bool(carried(frozenset({right}), begins))
    given = right.removesuffix("*")
    return given.startswith(begins) or (right.endswith("*") and begins.startswith(given))
