"""Owns asking Cedar itself, with everything that repeats parsed once: policies, principals, residuals."""
# cedarpy types its dicts barely:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.policy.compiled import Env, Uid
from pilothouse.policy.parse import Policy, carried_id, grant, literal

if TYPE_CHECKING:
    from cedarpy import Entities, PolicySet

__all__ = ["Cedar", "Found", "Residual"]

_KEPT = 256
# Cedar's text names values; the reason names the policy alone.
_FAILED = re.compile(r"evaluating policy `(.+?)`: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The policies that hold for one request, and those that could not be evaluated."""

    permits: tuple[str, ...] = ()
    forbids: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """What is left of a policy when only the resource is unknown: its effect and Cedar's JSON condition."""

    effect: str
    condition: Mapping[str, Any]


class Cedar:
    """A parsed set of policies; carried rights are added to it as permits, once for each set of rights."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        from cedarpy import PolicySet, pst

        self._base: PolicySet = PolicySet.from_pst(
            pst.PolicySet(
                templates=pst.FrozenMap(),
                static_policies=pst.FrozenMap({policy.id: policy.node for policy in policies}),
                template_links=(),
            )
        )
        self._sets: dict[frozenset[str], PolicySet] = {}

    def ask(self, env: Env, rights: frozenset[str]) -> Found:
        """Return what holds."""
        from cedarpy import is_authorized

        result = is_authorized(
            {
                "principal": _dict(env.principal),
                "action": _dict(env.action),
                "resource": _dict(env.resource),
                "context": dict(env.context),
            },
            self._with(rights),
            _entities(env),
        )
        diagnostics = result.diagnostics
        names = diagnostics.id_annotations_by_reason
        reasons = tuple(sorted(names.get(reason, reason) for reason in diagnostics.reasons))
        permitted = result.allowed
        return Found(
            permits=reasons if permitted else (),
            forbids=() if permitted else reasons,
            failed=tuple(
                sorted(next(iter(_FAILED.findall(error)), "unknown") for error in diagnostics.errors)
            ),
        )

    def left(self, env: Env, rights: frozenset[str]) -> list[Residual] | bool:
        """Return what is left of the policies while the resource is unknown, or the answer for all of them.

        An evaluation error is an answer: nobody may.
        """
        from cedarpy import Decision, is_authorized_partial

        result = is_authorized_partial(
            {
                "principal": _text(env.principal),
                "action": _text(env.action),
                "resource": None,
                "context": dict(env.context),
            },
            self._with(rights),
            _entities(env, resource=False),
        )
        if result.diagnostics.errors:
            return False
        if result.decision is not Decision.NoDecision:
            return result.allowed
        return [
            Residual(effect=policy["effect"], condition=clause["body"])
            for policy in result.residuals.values()
            for clause in policy["conditions"]
        ]

    def _with(self, rights: frozenset[str]) -> PolicySet:
        found = self._sets.get(rights)
        if found is None:
            if len(self._sets) >= _KEPT:
                self._sets.clear()
            permits = "\n".join(
                f"@id({literal(carried_id(right))}) "
                f"permit(principal, action, resource) when {{ {grant(right)} }};"
                for right in sorted(rights)
            )
            found = self._sets[rights] = self._base.with_added_str(permits)
        return found


def _entities(env: Env, *, resource: bool = True) -> Entities:
    from cedarpy import Entities

    entities = [
        {
            "uid": _dict(env.principal),
            "attrs": {name: _json(value) for name, value in env.facts.items()},
            "parents": [_dict(parent) for parent in sorted(env.ancestors)],
        },
        {"uid": _dict(env.action), "attrs": {}, "parents": []},
    ]
    if resource:
        entities.append({"uid": _dict(env.resource), "attrs": dict(env.attributes), "parents": []})
    return Entities.from_json_str(json.dumps(entities))


def _json(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType] - of text


def _dict(uid: Uid) -> dict[str, str]:
    return {"type": uid[0], "id": uid[1]}


def _text(uid: Uid) -> str:
    return f"{uid[0]}::{literal(uid[1])}"
