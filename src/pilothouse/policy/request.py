"""Owns the question put to policy, and how a right string becomes Cedar's action and resource.

=============================  ===========  ============================  ==================
right                          action       resource                      context
=============================  ===========  ============================  ==================
``sources:<s>:read``           ``read``     ``Source::"<s>"``
``sources:<s>:write:<tool>``   ``write``    ``Source::"<s>"``             ``tool: "<tool>"``
``effects:halt``               ``halt``     ``Platform::"pilothouse"``
``effects:<tool>``             ``perform``  ``Tool::"<tool>"``
``decisions:<topic>``          ``decide``   ``Topic::"<topic>"``
an ACL id, asked by ``reads``  ``see``      ``Acl::"<acl>"``
a row of a declared kind       the kind's   ``<Kind>::"<id>"``
every other right              ``use``      ``Capability::"<right>"``
=============================  ===========  ============================  ==================

``context.right`` is always the whole right string; a row's is ``rows:<Kind>:<action>``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pilothouse.kernel import Principal

__all__ = ["AccessRequest", "Scalar", "asked", "chain", "family", "type_of"]

Scalar = str | int | bool
_NOTHING: Mapping[str, Scalar | None] = {}
_TYPES = {"person": "Person", "service": "Service", "system": "System"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """Whether a principal may do an action to one thing.

    Attributes:
        principal: Who asks, with the agent that acts for him.
        action: Cedar action such as ``perform`` or ``read``.
        kind: Entity type of the thing: ``Tool``, ``Source``, ..., or a declared kind of row.
        id: The thing's name; for a row its key as text.
        right: The right string; None stands for ``rows:<kind>:<action>``.
        tool: The connector tool of a ``write``.
        attributes: A row's values; None stands for absent.
    """

    principal: Principal
    action: str
    kind: str
    id: str = ""
    right: str | None = None
    tool: str | None = None
    attributes: Mapping[str, Scalar | None] = field(default_factory=lambda: _NOTHING)

    @property
    def granted_by(self) -> str:
        """The right string that would grant this."""
        return f"rows:{self.kind}:{self.action}" if self.right is None else self.right


def asked(principal: Principal, right: str) -> AccessRequest:
    """Return the request that stands for a right string."""
    domain, _, rest = right.partition(":")
    tool = None
    action, kind, name = "use", "Capability", right
    if domain == "sources" and rest.endswith(":read"):
        action, kind, name = "read", "Source", rest.removesuffix(":read")
    elif domain == "sources" and ":write:" in rest:
        action, kind = "write", "Source"
        name, _, tool = rest.partition(":write:")
    elif right == "effects:halt":
        action, kind, name = "halt", "Platform", "pilothouse"
    elif domain == "effects" and rest:
        action, kind, name = "perform", "Tool", rest
    elif domain == "decisions" and rest:
        action, kind, name = "decide", "Topic", rest
    return AccessRequest(principal=principal, action=action, kind=kind, id=name, right=right, tool=tool)


def family(action: str, kind: str, name: str | None) -> tuple[str, bool]:
    """Return the right string of an action on a thing, and whether it is whole or only how all begin."""
    begins = {
        ("read", "Source"): ("sources:", ":read"),
        ("write", "Source"): ("sources:", ":write:"),
        ("perform", "Tool"): ("effects:", ""),
        ("decide", "Topic"): ("decisions:", ""),
        ("see", "Acl"): ("", ""),
        ("use", "Capability"): ("", ""),
    }
    if (action, kind) == ("halt", "Platform"):
        return "effects:halt", True
    if (action, kind) not in begins:
        return f"rows:{kind}:{action}", True
    before, after = begins[(action, kind)]
    return (before, False) if name is None else (f"{before}{name}{after}", action != "write")


def chain(principal: Principal) -> Iterator[tuple[Principal, bool]]:
    """Yield the principal, then each agent it acts through, and whether it is an agent."""
    yield principal, False
    agent = principal.agent
    while agent is not None:
        yield agent, True
        agent = agent.agent


def type_of(principal: Principal, is_agent: bool) -> str:
    """Return the Cedar entity type of one link of the chain."""
    return "Agent" if is_agent else _TYPES[principal.kind]
