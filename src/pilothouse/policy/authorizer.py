"""Owns the answer to who may do what: Cedar policies, roles and carried rights, of user and agent alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from pilothouse.kernel import Principal, UsageError
from pilothouse.policy.cedar import Cedar, Found
from pilothouse.policy.compiled import Env, EvaluationError, Rule, compile_rule, touches
from pilothouse.policy.parse import Policy, parse, validate
from pilothouse.policy.request import AccessRequest, Scalar, asked, chain, type_of
from pilothouse.policy.residual import Predicate, check_rows, predicate_of
from pilothouse.policy.roles import ROLES, carried, digest, role_text, slice_digest
from pilothouse.policy.schema import BUILT_IN, Fact, FactType, Kind, is_text, schema_text, unfit, unfit_fact
from pilothouse.policy.types import ALLOW, Verdict

__all__ = ["Authorizer", "Explanation"]

K = TypeVar("K")
V = TypeVar("V")
_KEPT = 65_536
_BUILT_IN = "built-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A verdict and the policies it rests on.

    Attributes:
        verdict: Allow, or deny with reasons ``policy.forbid:<id>``, ``policy.error:<id>``,
            ``policy.facts:<attribute>``, or ``missing:<right>`` when nothing permits.
        policies: Ids of the policies that decided, sorted; ``right:<r>`` is a carried right.
    """

    verdict: Verdict
    policies: tuple[str, ...] = ()


class Authorizer:
    """Decides by the policies and ``kinds`` of rows that :meth:`load` was given; never changes."""

    def __init__(
        self,
        policies: Sequence[Policy],
        *,
        kinds: Mapping[str, Kind],
        roles: frozenset[str],
        facts: Mapping[str, Mapping[str, object]],
        version: str,
    ) -> None:
        self.version = version
        self._policies = policies
        self.kinds = kinds
        self._roles = roles
        self._facts = facts
        self._cedar = Cedar(policies)
        self._actions = {
            "Source": ("read", "write"),
            "Tool": ("perform",),
            "Platform": ("halt",),
            "Topic": ("decide",),
            "Acl": ("see",),
            "Capability": ("use",),
            **{kind.name: kind.actions for kind in kinds.values()},
        }
        self._compiled = {policy.id: compile_rule(policy) for policy in policies}
        self._rules: dict[tuple[str, str, str | None], tuple[Rule, ...]] = {}
        self._decided: dict[tuple[Principal, str, str], bool] = {}
        self._predicates: dict[tuple[Principal, str, str], Predicate] = {}
        self._versions: dict[tuple[str, str, str | None], str] = {}

    @classmethod
    def load(
        cls,
        policies: Mapping[str, str] | None = None,
        *,
        roles: Mapping[str, Sequence[str]] | None = None,
        kinds: Sequence[Kind] = (),
        facts: Mapping[str, FactType] | None = None,
        principals: Mapping[str, Mapping[str, Fact]] | None = None,
    ) -> Authorizer:
        """Parse, validate and compile.

        Args:
            policies: Cedar texts by name, such as a file's.
            roles: Rights by role. A principal has a role when one of its groups is called so, or when it
                carries the right ``role:<name>``.
            kinds: Kinds of rows the policies speak of.
            facts: Attributes of principals that policies may read, always behind ``has``.
            principals: Values of those facts by principal id, an agent's by its version's id.

        Raises:
            UsageError: ``policy.invalid``: names policy and line and what to change.
        """
        from cedarpy import Schema

        facts, roles, given = facts or {}, roles or {}, principals or {}
        schema = schema_text(kinds, facts)
        found = parse({_BUILT_IN: BUILT_IN, ROLES: role_text(roles), **(policies or {})})
        validate(found, Schema.from_str(schema))
        check_rows(found, kinds)
        return cls(
            found,
            kinds={kind.name: kind for kind in kinds},
            roles=frozenset(roles),
            facts={name: _checked(name, values, facts) for name, values in given.items()},
            version=digest(schema, sorted(p.canonical for p in found), _plain(given)),
        )

    def may(self, principal: Principal, right: str) -> bool:
        """Whether ``right`` is granted now to ``principal`` and to the agent it acts through."""
        key = (principal, right, "")
        answer = self._decided.get(key)
        if answer is None:
            answer = self.decide(asked(principal, right)).allowed
            _keep(self._decided, key, answer)
        return answer

    def reads(self, principal: Principal, acl: str) -> bool:
        """Whether ``principal`` satisfies the ACL id ``acl`` today."""
        key = (principal, acl, "see")
        answer = self._decided.get(key)
        if answer is None:
            request = AccessRequest(principal=principal, action="see", kind="Acl", id=acl, right=acl)
            answer = self.decide(request).allowed
            _keep(self._decided, key, answer)
        return answer

    def decide(self, request: AccessRequest) -> Verdict:
        """Return allow or deny; every reason names what stands in the way."""
        return self.explain(request).verdict

    def explain(
        self, request: AccessRequest, *, engine: Literal["compiled", "cedar"] = "compiled"
    ) -> Explanation:
        """Decide and say which policies decided.

        Args:
            request: What is asked.
            engine: ``cedar`` asks Cedar for every link; ``compiled`` only where a policy is uncommon.
        """
        wrong = self._unanswerable(request)
        if wrong is not None:
            return Explanation(verdict=Verdict(kind="deny", reasons=(wrong,)))
        verdict, policies = ALLOW, set[str]()
        for principal, is_agent in chain(request.principal):
            env = self._env(request, principal, is_agent)
            found = None if engine == "cedar" else self._run(env, principal.rights, request)
            found = self._cedar.ask(env, principal.rights) if found is None else found
            verdict &= _verdict(found, request)
            policies.update(found.permits, found.forbids)
        return Explanation(verdict=verdict, policies=tuple(sorted(policies)))

    def residual(self, principal: Principal, action: str, kind: str) -> Predicate:
        """Return which rows of a kind the principal and its agent may do ``action`` to.

        Raises:
            UsageError: ``policy.kind``: no such kind, or it has no such action.
        """
        declared = self.kinds.get(kind)
        if declared is None or action not in declared.actions:
            raise UsageError(
                f"no kind {kind!r} with the action {action!r}; known: {sorted(self.kinds)}; declare a Kind",
                code="policy.kind",
            )
        key = (principal, action, kind)
        found = self._predicates.get(key)
        if found is None:
            request = AccessRequest(principal=principal, action=action, kind=kind)
            links = [
                self._cedar.left(self._env(request, link, is_agent), link.rights)
                for link, is_agent in chain(principal)
            ]
            found = predicate_of(declared, links)
            _keep(self._predicates, key, found)
        return found

    def slice_version(self, action: str, resource_kind: str, name: str | None = None) -> str:
        """Return the hash of what can decide ``action`` on this kind, or on the one thing called ``name``.

        Unrelated policies do not change it. Facts and carried rights are not policy: they are read anew.
        """
        key = (action, resource_kind, name)
        found = self._versions.get(key)
        if found is None:
            found = slice_digest(self._policies, action, resource_kind, name, self.kinds.get(resource_kind))
            _keep(self._versions, key, found)
        return found

    def slice_of(self, right: str) -> str:
        """Return the version of what can decide a right string, such as ``effects:release_container``."""
        request = asked(_NOBODY, right)
        return self.slice_version(request.action, request.kind, request.id)

    def _unanswerable(self, request: AccessRequest) -> str | None:
        if request.action not in self._actions.get(request.kind, ()):
            return f"policy.unknown:{request.action}:{request.kind}"
        kind = self.kinds.get(request.kind)
        wrong = None if kind is None else unfit(kind, request.attributes)
        if wrong is not None:
            return f"policy.facts:{wrong}"
        return None if is_text(_words(request)) else "policy.text"

    def _env(self, request: AccessRequest, principal: Principal, is_agent: bool) -> Env:
        held = {
            name for name in self._roles if name in principal.groups or f"role:{name}" in principal.rights
        }
        parents = [("Group", name) for name in principal.groups] + [("Role", name) for name in held]
        facts = {"name": principal.id, "groups": principal.groups, **self._facts.get(principal.id, {})}
        context: dict[str, object] = {"right": request.granted_by}
        if request.tool is not None:
            context["tool"] = request.tool
        if request.principal.agent is not None:
            context["agent"] = request.principal.agent.id
        return Env(
            principal=(type_of(principal, is_agent), principal.id),
            facts=facts,
            ancestors=frozenset(parents),
            action=("Action", request.action),
            resource=(request.kind, request.id),
            attributes=_attributes(request),
            context=context,
        )

    def _run(self, env: Env, rights: frozenset[str], request: AccessRequest) -> Found | None:
        """Run the closures, or return None when Cedar must be asked."""
        # Rows are never named by a policy, so all of a kind share their rules.
        key = (request.action, request.kind, None if request.kind in self.kinds else request.id)
        rules = self._rules.get(key)
        if rules is None:
            rules = tuple(self._compiled[p.id] for p in self._policies if touches(p, *key))
            _keep(self._rules, key, rules)
        permits, forbids, failed = carried(rights, request.granted_by), list[str](), list[str]()
        for rule in rules:
            if rule.holds is None:
                return None
            try:
                if rule.holds(env):
                    (permits if rule.effect == "permit" else forbids).append(rule.id)
            except EvaluationError:
                failed.append(rule.id)
        return Found(
            permits=() if forbids else tuple(sorted(permits)),
            forbids=tuple(sorted(forbids)),
            failed=tuple(sorted(failed)),
        )


_NOBODY = Principal(id="")


def _verdict(found: Found, request: AccessRequest) -> Verdict:
    if found.failed:
        return Verdict(kind="deny", reasons=tuple(f"policy.error:{name}" for name in found.failed))
    if found.forbids:
        return Verdict(kind="deny", reasons=tuple(f"policy.forbid:{name}" for name in found.forbids))
    if found.permits:
        return ALLOW
    return Verdict(kind="deny", reasons=(f"missing:{request.granted_by}",))


def _attributes(request: AccessRequest) -> Mapping[str, object]:
    if request.kind == "Acl":
        kind, _, name = request.id.partition(":")
        return {"kind": kind, "name": name}
    return {name: value for name, value in request.attributes.items() if value is not None}


def _words(request: AccessRequest) -> str:
    words = [request.id, request.granted_by, request.tool or ""]
    for principal, _ in chain(request.principal):
        words += [principal.id, *principal.rights, *principal.groups]
    return "".join(words)


def _checked(
    principal: str, values: Mapping[str, Fact], declared: Mapping[str, FactType]
) -> Mapping[str, object]:
    for name, value in values.items():
        if unfit_fact(declared.get(name), value):
            raise UsageError(
                f"fact {name!r} of principal {principal!r} is {value!r}, declared as {declared.get(name)!r}; "
                "declare it in facts or change the value",
                code="policy.invalid",
            )
    return {name: value if isinstance(value, Scalar) else frozenset(value) for name, value in values.items()}


def _plain(given: Mapping[str, Mapping[str, Fact]]) -> object:
    return {
        who: {name: value if isinstance(value, Scalar) else sorted(value) for name, value in values.items()}
        for who, values in given.items()
    }


def _keep(cache: dict[K, V], key: K, value: V) -> None:
    if len(cache) >= _KEPT:
        cache.clear()
    cache[key] = value
