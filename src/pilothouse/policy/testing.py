"""Owns made-up policies, principals and requests, so that two ways of deciding can be compared on many."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

from pilothouse.kernel import Principal
from pilothouse.policy.authorizer import Authorizer
from pilothouse.policy.parse import literal
from pilothouse.policy.request import AccessRequest, Scalar, asked
from pilothouse.policy.schema import Fact, FactType, Kind

__all__ = ["FACTS", "INVOICE", "made_authorizer", "made_principal", "made_request", "made_row"]

INVOICE = Kind(
    name="Invoice",
    attributes={"site": "String", "amount": "Long", "paid": "Bool", "owner": "String?", "limit": "Long?"},
)
FACTS: Mapping[str, FactType] = {"site": "String", "level": "Long", "sites": "Set<String>"}
_WORDS = ("hh", "hh-1", "ny", "n*y", "", "ümlaut", 'a"b\\c\n')
_NUMBERS = (-5, 0, 1, 7, 2**63 - 1)
_PEOPLE = ("amira", "ben", "carl", "planner@3")
_GROUPS = ("desk", "boss", "night")
_RIGHTS = (
    "sources:billing:read", "sources:billing:write:post", "effects:release", "effects:note", "effects:halt",
    "decisions:release", "audit:read", "group:desk", "user:amira", "acl:mailbox-7", "rows:Invoice:read",
)  # fmt: skip
_HELD = (*_RIGHTS, "*", "sources:*", "effects:*", "effects:re*", "rows:*", "acl:*", "role:clerk")


def made_authorizer(rng: Random, *, policies: int = 6, rows_only: bool = False) -> Authorizer:
    """Return an authorizer with that many random policies; ``rows_only``: about invoices, and without
    sums, whose overflow SQL answers more strictly than Cedar."""
    texts = [_policy(rng, number, rows_only) for number in range(policies)]
    return Authorizer.load(
        {"made": "\n".join(texts)},
        roles={"clerk": rng.sample(_HELD, 2), "night": rng.sample(_HELD, 1)},
        kinds=[INVOICE],
        facts=FACTS,
        principals={name: _facts(rng) for name in _PEOPLE},
    )


def made_principal(rng: Random, *, agents: bool = True) -> Principal:
    """Return a random principal, now and then behind an agent."""
    return Principal(
        id=rng.choice(_PEOPLE),
        kind=rng.choice(("person", "person", "service", "system")),
        rights=frozenset(rng.sample(_HELD, rng.randrange(3))),
        groups=frozenset(rng.sample(_GROUPS, rng.randrange(3))),
        agent=made_principal(rng, agents=False) if agents and rng.random() < 0.3 else None,
    )


def made_request(rng: Random) -> AccessRequest:
    """Return a random request: a right, an ACL id or an invoice."""
    principal, shape = made_principal(rng), rng.random()
    if shape < 0.4:
        return asked(principal, rng.choice(_RIGHTS))
    if shape < 0.6:
        acl = rng.choice(_RIGHTS)
        return AccessRequest(principal=principal, action="see", kind="Acl", id=acl, right=acl)
    return AccessRequest(principal=principal, action="read", kind="Invoice", id="1", attributes=made_row(rng))


def made_row(rng: Random) -> dict[str, Scalar | None]:
    """Return the attributes of a random invoice; some are absent, rarely one that must be there."""
    return {
        "site": rng.choice(_WORDS) if rng.random() < 0.95 else None,
        "amount": rng.choice(_NUMBERS),
        "paid": rng.random() < 0.5,
        "owner": rng.choice((*_PEOPLE, None)),
        "limit": rng.choice((*_NUMBERS, None)),
    }


def _facts(rng: Random) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "site": rng.choice(_WORDS),
        "level": rng.choice(_NUMBERS),
        "sites": rng.sample(_WORDS, rng.randrange(3)),
    }
    return {name: value for name, value in facts.items() if rng.random() < 0.8}


def _policy(rng: Random, number: int, rows_only: bool) -> str:
    effect = rng.choice(("permit", "permit", "forbid"))
    rows = rows_only or rng.random() < 0.5
    principal = rng.choice(
        ("principal", "principal is Agent", 'principal == Person::"amira"', 'principal in Group::"desk"',
         'principal in Role::"clerk"', 'principal is Person in Group::"boss"')
    )  # fmt: skip
    action = rng.choice(('action == Action::"read"', 'action in [Action::"read", Action::"use"]', "action"))
    resource = "resource is Invoice"
    if not rows:
        action, resource = rng.choice(
            (
                ('action == Action::"perform"', 'resource == Tool::"release"'),
                ('action == Action::"perform"', "resource is Tool"),
                ('action == Action::"read"', 'resource in Source::"billing"'),
                ('action == Action::"see"', 'resource is Acl in Acl::"acl:mailbox-7"'),
                ("action", "resource is Capability"),
            )
        )
    atoms = (_ATOMS[:-1] if rows_only else _ATOMS) + (_ROW_ATOMS * 2 if rows else ())
    when = f" when {{ {_expression(rng, 3, atoms)} }}" if rng.random() < 0.9 else ""
    unless = f" unless {{ {_expression(rng, 2, atoms)} }}" if rng.random() < 0.3 else ""
    return f'@id("p{number}") {effect}({principal}, {action}, {resource}){when}{unless};'


def _expression(rng: Random, depth: int, atoms: tuple[str, ...]) -> str:
    shape = rng.random() if depth else 1.0
    if shape < 0.25:
        return f"({_expression(rng, depth - 1, atoms)} && {_expression(rng, depth - 1, atoms)})"
    if shape < 0.5:
        return f"({_expression(rng, depth - 1, atoms)} || {_expression(rng, depth - 1, atoms)})"
    if shape < 0.6:
        return f"!({_expression(rng, depth - 1, atoms)})"
    return _filled(rng, rng.choice(atoms))


def _filled(rng: Random, atom: str) -> str:
    """Replace each ``$`` word of an atom by a random value."""

    def value(match: re.Match[str]) -> str:
        if match.group() == "$text":
            return literal(rng.choice(_WORDS))
        return str(rng.choice(_NUMBERS)) if match.group() == "$number" else rng.choice(_ORDERS)

    return re.sub(r"\$(text|number|op)", value, atom)


_ORDERS = ("==", "!=", "<", "<=", ">", ">=")
_ATOMS = (
    "(principal has site && principal.site == $text)",
    "(principal has level && principal.level $op $number)",
    "(principal has sites && principal.sites.contains($text))",
    'principal.groups.containsAny([$text, "desk"])',
    'principal.groups.containsAll(["desk", "boss"])',
    'principal in [Group::"desk", Group::"night"]',
    'principal in Role::"night"',
    "principal is Service",
    'context.right like "*e*l*s*"',
    'context.right like "effects:halt"',
    "context has agent",
    '(if principal has level then principal.level > 0 else action == Action::"see")',
    "(principal has level && principal.level + 1 > 0)",
)
_ROW_ATOMS = (
    "resource.site == $text",
    "resource.site != $text",
    "resource.amount $op $number",
    "$number $op resource.amount",
    "resource.paid",
    "(resource has owner && resource.owner == $text)",
    "(resource has owner && resource.owner == principal.name)",
    "!(resource has owner && resource.owner == principal.name)",
    "(resource has limit && resource.amount <= resource.limit)",
    "(principal has site && resource.site == principal.site)",
    "(principal has sites && principal.sites.contains(resource.site))",
    "[$text, $text].contains(resource.site)",
    'resource.site like "hh*"',
    'resource.site like "n\\*y"',
    'resource.site like "*"',
    "(principal has level && resource.amount < principal.level)",
)
