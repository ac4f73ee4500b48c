"""Owns the spec of an agent: words, tools, route, output, budget and rights; data, never code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from pilothouse.kernel import Json, Principal, UsageError, content_hash, wired

__all__ = ["KIND", "AgentBudget", "AgentSpec", "spec_from"]

KIND: Final = "agent"
"""The kind of asset that an agent is."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_TOOL = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,126}")
_DEEPEST = 5


@wired("agents.budget")
@dataclass(frozen=True, slots=True, kw_only=True)
class AgentBudget:
    """What one run of an agent may use, its sub-agents included; always finite.

    Attributes:
        calls: Calls of a model.
        tool_calls: Calls of tools.
        tokens: Of all prompts and answers together.
        money: In the currency of the project's price lists; None leaves it to the gateway's budgets.
        seconds: Of work; waiting for a person is none.
        depth: How deep sub-agents may call sub-agents.
        output_tokens: Of one answer.
    """

    calls: int = 50
    tool_calls: int = 200
    tokens: int = 1_000_000
    money: Decimal | None = None
    seconds: float = 900.0
    depth: int = 2
    output_tokens: int = 2048

    def __post_init__(self) -> None:
        for name in ("calls", "tool_calls", "tokens", "seconds", "output_tokens"):
            if getattr(self, name) <= 0:
                raise _wrong(f"budget.{name} is {getattr(self, name)!r}; give more than nothing")
        if not 0 <= self.depth <= _DEEPEST:
            raise _wrong(f"budget.depth is {self.depth!r}; give 0 to {_DEEPEST}")


@wired("agents.spec")
@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpec:
    """One agent, as a person wrote it and the registry keeps it.

    Attributes:
        name: Lower case, digits and hyphens; what workflows and people call it.
        instructions: The words it works by, or ``prompt:<name>`` for a prompt of the registry.
        description: What it is good for; what other agents are told of it.
        task: The route of its model calls.
        reader: The route of the reader without tools that answers its typed questions.
        tools: Names of what it may call; ``code``, ``files`` and ``shell`` are named here too.
        agents: Names of agents that it may ask.
        rights: What it may do at most; with the rights of whom it acts for, only what both may do is done.
        output: JSON Schema (an object) that its answer fits; None for words.
        budget: What a run may use.
        clear: Whether results enter in clear, so that all of them rule what it may do from then on; for
            readers of one document that have no effects.
        asked_of: Whom it asks: a group or a principal.
        context: Tokens of a conversation above which older results become files.
        summary: Whether the model also sums up what became files.
        bits: What typed answers may tell about one source.
    """

    name: str
    instructions: str
    description: str = ""
    task: str = "plan"
    reader: str = "read"
    tools: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    rights: frozenset[str] = frozenset()
    output: Mapping[str, Json] | None = None
    budget: AgentBudget = field(default_factory=AgentBudget)
    clear: bool = False
    asked_of: str = ""
    context: int = 60_000
    summary: bool = False
    bits: float = 64.0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise _wrong(f"name {self.name!r} is not made of lower case letters, digits and hyphens")
        if not self.instructions.strip():
            raise _wrong(f"agent {self.name!r} has no instructions; say what it is to do")
        for tool in self.tools:
            if not _TOOL.fullmatch(tool):
                raise _wrong(f"agent {self.name!r}: {tool!r} is no name of a tool")
        if len(set(self.tools)) != len(self.tools):
            raise _wrong(f"agent {self.name!r} names a tool twice")
        if self.output is not None and self.output.get("type") != "object":
            raise _wrong(f"agent {self.name!r}: output is a JSON Schema with type 'object', or left out")

    @property
    def hash(self) -> str:
        """SHA-256 of the spec: the same words again are the same version."""
        return content_hash(self.body())

    def body(self) -> dict[str, Json]:
        """Return it as plain JSON, as the registry keeps it."""
        found = {name: value for name, value in asdict(self).items() if value != _DEFAULTS.get(name)}
        budget = {
            name: str(value) if isinstance(value, Decimal) else value
            for name, value in asdict(self.budget).items()
        }
        found |= {"name": self.name, "instructions": self.instructions, "budget": budget}
        if "rights" in found:
            found["rights"] = sorted(self.rights)
        return cast("dict[str, Json]", {name: _listed(value) for name, value in found.items()})

    def principal(self, version: str) -> Principal:
        """Return the agent version as a principal, through which a person acts."""
        return Principal(id=f"{self.name}@{version}", kind="service", rights=self.rights)


_DEFAULTS: dict[str, Any] = {
    one.name: one.default for one in fields(AgentSpec) if one.name not in ("name", "instructions", "budget")
}


def spec_from(body: Mapping[str, Any]) -> AgentSpec:
    """Return the spec of plain JSON or TOML.

    Raises:
        UsageError: ``agents.spec``: an unknown or missing key, or a value of another type; names it.
    """
    given = dict(body)
    unknown = set(given) - {one.name for one in fields(AgentSpec)}
    if unknown:
        known = ", ".join(sorted(one.name for one in fields(AgentSpec)))
        raise _wrong(f"there is no {sorted(unknown)[0]!r} in a spec; there is {known}")
    for name in ("name", "instructions"):
        if not isinstance(given.get(name), str):
            raise _wrong(f"a spec needs {name!r} as text")
    try:
        given["budget"] = _budget(given.get("budget", {}))
        for name in ("tools", "agents"):
            given[name] = tuple(map(str, _list(name, given.get(name, ()))))
        given["rights"] = frozenset(map(str, _list("rights", given.get("rights", ()))))
        return AgentSpec(**given)
    except (TypeError, InvalidOperation) as error:
        raise _wrong(f"spec {given['name']!r} is not right: {error}") from None


def _budget(given: object) -> AgentBudget:
    if not isinstance(given, Mapping):
        raise _wrong(f"budget {given!r} is no table")
    budget = dict(cast("Mapping[str, Any]", given))
    if budget.get("money") is not None:
        budget["money"] = Decimal(str(budget["money"]))
    return AgentBudget(**budget)


def _list(name: str, given: object) -> list[object]:
    if not isinstance(given, list | tuple | set | frozenset):
        raise _wrong(f"{name} is {given!r}; give a list")
    return list(cast("list[object]", given))


def _listed(value: object) -> object:
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


def _wrong(what: str) -> UsageError:
    return UsageError(what, code="agents.spec")
