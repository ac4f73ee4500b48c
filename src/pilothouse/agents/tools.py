"""Owns what an agent may call: tools that only read, and tools that act through the door; each declared."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from pilothouse.agents.values import Value, listed, plain, together
from pilothouse.connectors import Row
from pilothouse.kernel import DeniedError, Json, PilothouseError, Principal, UsageError, content_hash, wired
from pilothouse.labels import Integrity, Label, Labelled

if TYPE_CHECKING:
    from pilothouse.effects import EffectSpec

__all__ = ["CALLER", "ActTool", "Read", "ReadTool", "Returns", "ToolFailure", "Toolbox"]

CALLER = "user:{principal}"
"""The ACL id of whoever calls."""

Read: TypeAlias = Callable[..., Json | Value | Labelled | Awaitable[Json | Value | Labelled]]
"""A function of the arguments by name; it runs with the caller's rights and changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """What a tool's results are worth; declared beside the tool, never taken from a result.

    Attributes:
        integrity: Of the result: ``RECORD`` for what a system of record keeps, ``UNTRUSTED`` for words that
            somebody outside could have written. What is not declared is untrusted.
        readers: ACL ids; ``user:{principal}`` is the caller. What is not declared is for the caller alone.
        fields: Fields of each row that are worth less, such as the free text of a booking.
        row: Tells a row's integrity from its trusted fields, such as who put it there; it only lowers.
        source: The source that flows are endorsed by; empty means the tool's name.
    """

    integrity: Integrity = Integrity.UNTRUSTED
    readers: tuple[str, ...] = (CALLER,)
    fields: Mapping[str, Integrity] = field(default_factory=dict[str, Integrity])
    row: Callable[[Mapping[str, Json]], Integrity] | None = None
    source: str = ""

    def label(self, data: Json, *, tool: str, principal: Principal, at: datetime | None = None) -> Value:
        """Return a result with its labels: a list of rows row by row, an object field by field."""
        return _Labelling(self, tool, principal, at or datetime.now(UTC)).value(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTool:
    """A tool that only reads, inside the house; one that leaves it is an effect (``egress``).

    Attributes:
        name: What plans call it.
        read: The function.
        returns: What its results are worth.
        needs: Arguments that must be given.
        right: The right its caller needs; empty for none beyond the session's.
    """

    name: str
    read: Read
    returns: Returns = Returns()
    needs: tuple[str, ...] = ()
    right: str = ""

    @property
    def required(self) -> tuple[str, ...]:
        """Arguments that must be given."""
        return self.needs

    async def call(self, principal: Principal, args: Mapping[str, Json]) -> Value:
        """Read, and label what came back."""
        found = self.read(**args)
        result = await found if inspect.isawaitable(found) else found
        if isinstance(result, Value):
            return result
        if isinstance(result, Labelled):
            return plain(result.value, result.label)
        return self.returns.label(result, tool=self.name, principal=principal)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActTool:
    """A tool at the door.

    Attributes:
        spec: Its declaration there.
        returns: What comes back is worth; undeclared it is untrusted and for the caller alone.
        needs: Arguments that must be given; the steering ones always.
    """

    spec: EffectSpec
    returns: Returns = Returns()
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What plans call it."""
        return self.spec.tool

    @property
    def required(self) -> tuple[str, ...]:
        """Arguments that must be given."""
        return (*self.spec.steering, *(name for name in self.needs if name not in self.spec.steering))


@wired("agents.failure")
@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFailure:
    """What a model is told of a call that did not happen: stable codes, never a value and never nothing.

    Attributes:
        tool: The tool.
        codes: Why, the error's code first.
    """

    tool: str
    codes: tuple[str, ...]

    @classmethod
    def of(cls, tool: str, error: Exception) -> ToolFailure:
        """Return the failure that an error is."""
        if isinstance(error, DeniedError):
            return cls(tool=tool, codes=tuple(dict.fromkeys((error.code, *error.reasons))))
        if isinstance(error, PilothouseError):
            return cls(tool=tool, codes=(error.code,))
        return cls(tool=tool, codes=("agents.tool_failed",))


class Toolbox:
    """The tools of an agent, by name.

    Raises:
        UsageError: ``agents.tool_twice``.
    """

    def __init__(self, *tools: ReadTool | ActTool) -> None:
        self._tools: dict[str, ReadTool | ActTool] = {}
        for tool in tools:
            if tool.name in self._tools:
                raise UsageError(
                    f"there are two tools {tool.name!r}; name them apart", code="agents.tool_twice"
                )
            self._tools[tool.name] = tool

    def names(self) -> tuple[str, ...]:
        """Return every name, sorted."""
        return tuple(sorted(self._tools))

    def find(self, name: str) -> ReadTool | ActTool | None:
        """Return a tool, or None."""
        return self._tools.get(name)

    def reader(self, name: str) -> ReadTool | None:
        """Return a tool that only reads, or None."""
        tool = self._tools.get(name)
        return tool if isinstance(tool, ReadTool) else None


class _Labelling:
    """Labels one result of one tool."""

    def __init__(self, returns: Returns, tool: str, principal: Principal, at: datetime) -> None:
        self._returns, self._tool, self._at = returns, tool, at
        self._readers = frozenset(acl.format(principal=principal.id) for acl in returns.readers)

    def value(self, data: Json) -> Value:
        if not isinstance(data, list):
            return self._row(data, "")
        rows = [self._row(item, str(i)) for i, item in enumerate(data)]
        version = content_hash(len(data))
        return listed(rows, self._label(version, "", "", self._returns.integrity))

    def _row(self, data: Json, key: str) -> Value:
        integrity, version = self._returns.integrity, content_hash(data)
        if not isinstance(data, dict):
            return plain(data, self._label(version, key, "", integrity))
        if self._returns.row is not None:
            integrity = min(integrity, self._returns.row(data))
        lowered = {name: min(integrity, self._returns.fields.get(name, integrity)) for name in data}
        fields = {
            name: plain(item, self._label(version, key, name, lowered[name])) for name, item in data.items()
        }
        return together(fields, self._label(version, key, "", integrity))

    def _label(self, version: str, key: str, name: str, integrity: Integrity) -> Label:
        row = Row(
            source=self._returns.source or self._tool,
            object=self._tool,
            key={"row": key} if key else {},
            values={name: None},
            version=version,
            read_at=self._at,
            readers=self._readers,
            integrity=integrity,
        )
        return row.labelled(name).label
