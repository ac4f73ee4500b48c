"""Owns the Cedar schema: what a policy may speak of, and whether given values fit it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pilothouse.kernel import UsageError
from pilothouse.policy.request import Scalar

__all__ = [
    "BUILT_IN",
    "Fact",
    "FactType",
    "Kind",
    "ValueType",
    "is_text",
    "schema_text",
    "unfit",
    "unfit_fact",
]

ValueType = Literal["String", "Long", "Bool", "String?", "Long?", "Bool?"]
FactType = Literal["String", "Long", "Bool", "Set<String>"]
Fact = Scalar | Sequence[str]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PRINCIPALS = "[Person, Service, System, Agent]"
_TAKEN = frozenset(
    [
        "Person",
        "Service",
        "System",
        "Agent",
        "Group",
        "Role",
        "Source",
        "Tool",
        "Topic",
        "Acl",
        "Capability",
        "Platform",
        "Action",
        "Bool",
        "Boolean",
        "Entity",
        "Extension",
        "Long",
        "Record",
        "Set",
        "String",
        "datetime",
        "decimal",
        "duration",
        "ipaddr",
        "else",
        "false",
        "has",
        "if",
        "in",
        "is",
        "like",
        "then",
        "true",
    ]
)
_OWN_FACTS = frozenset({"name", "groups"})
_CONTEXT = "{ right: String, tool?: String, agent?: String }"
_LONG = range(-(2**63), 2**63)

# The rule of the kernel for ACL ids; an agent is never in a group or a user by itself.
BUILT_IN = """
@id("acl.user") permit(principal, action == Action::"see", resource is Acl)
when { resource.kind == "user" && resource.name == principal.name }
unless { principal is Agent };
@id("acl.group") permit(principal, action == Action::"see", resource is Acl)
when { resource.kind == "group" && principal.groups.contains(resource.name) }
unless { principal is Agent };
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of row that policies may speak of.

    Attributes:
        name: Entity type, such as ``Invoice``.
        attributes: Type of each attribute; ``?`` marks one that may be absent. A row that lacks another
            one is nobody's row.
        actions: What is done to a row.
    """

    name: str
    attributes: Mapping[str, ValueType]
    actions: tuple[str, ...] = field(default=("read",))


def schema_text(kinds: Iterable[Kind], facts: Mapping[str, FactType]) -> str:
    """Return the schema of the platform, the project's kinds of rows and its facts of principals.

    Raises:
        UsageError: ``policy.invalid``: a name that Cedar cannot use, or one used twice.
    """
    kinds = list(kinds)
    _check_names(kinds, facts)
    own = "".join(f", {name}?: {kind}" for name, kind in facts.items())
    attributes = f"{{ name: String, groups: Set<String>{own} }}"
    lines = ["entity Group; entity Role; entity Source; entity Tool; entity Topic;"]
    lines += ["entity Capability; entity Platform; entity Acl = { kind: String, name: String };"]
    lines += [f"entity {who} in [Group, Role] = {attributes};" for who in _PRINCIPALS.strip("[]").split(", ")]
    lines += [f"entity {kind.name} = {{ {_attributes(kind)} }};" for kind in kinds]
    applies: dict[str, list[str]] = {
        "read": ["Source"],
        "write": ["Source"],
        "perform": ["Tool"],
        "halt": ["Platform"],
        "decide": ["Topic"],
        "see": ["Acl"],
        "use": ["Capability"],
    }
    for kind in kinds:
        for action in kind.actions:
            applies.setdefault(action, []).append(kind.name)
    for action, resources in applies.items():
        lines.append(
            f"action {action} appliesTo {{ principal: {_PRINCIPALS}, resource: [{', '.join(resources)}], "
            f"context: {_CONTEXT} }};"
        )
    return "\n".join(lines)


def unfit(kind: Kind, attributes: Mapping[str, Scalar | None]) -> str | None:
    """Return the attribute whose value does not fit the declaration, or None."""
    for name, declared in kind.attributes.items():
        value = attributes.get(name)
        if value is None:
            if not declared.endswith("?"):
                return name
        elif not _fits(value, declared.removesuffix("?")):
            return name
    return next((name for name in attributes if name not in kind.attributes), None)


def unfit_fact(declared: FactType | None, value: Fact) -> bool:
    """Whether a fact of a principal does not fit its declaration."""
    if declared == "Set<String>":
        return isinstance(value, str | int) or not all(_fits(item, "String") for item in value)
    return declared is None or not _fits(value, declared)


def is_text(value: str) -> bool:
    """Whether Cedar can hold it: a lone surrogate is no text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fits(value: object, declared: str) -> bool:
    if declared == "String":
        return isinstance(value, str) and is_text(value)
    if declared == "Bool":
        return isinstance(value, bool)
    return isinstance(value, int) and not isinstance(value, bool) and value in _LONG


def _attributes(kind: Kind) -> str:
    return ", ".join(
        f"{name}{'?' if declared.endswith('?') else ''}: {declared.removesuffix('?')}"
        for name, declared in kind.attributes.items()
    )


def _check_names(kinds: Sequence[Kind], facts: Mapping[str, FactType]) -> None:
    seen: set[str] = set()
    for kind in kinds:
        if kind.name in _TAKEN or kind.name in seen:
            raise _wrong("kind", kind.name, "is taken; choose another name")
        seen.add(kind.name)
        for name in (kind.name, *kind.attributes, *kind.actions):
            _check(f"name in kind {kind.name!r}", name)
    for name in facts:
        _check("fact", name)
        if name in _OWN_FACTS:
            raise _wrong("fact", name, "is the platform's own; choose another name")


def _check(what: str, name: str) -> None:
    if not _NAME.fullmatch(name) or name in (
        "in",
        "is",
        "if",
        "has",
        "like",
        "then",
        "else",
        "true",
        "false",
    ):
        raise _wrong(what, name, "must be a letter, then letters, digits and _, and no word of Cedar")


def _wrong(what: str, name: str, why: str) -> UsageError:
    return UsageError(f"{what} {name!r} {why}", code="policy.invalid")
