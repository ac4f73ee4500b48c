"""Owns what an agent may call: tools that only read, and tools that act through the door; each declared."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from pilothouse.agents.values import Value, listed, plain, together
from pilothouse.connectors import Row
from pilothouse.kernel import (
    ConflictError,
    DataError,
    DeniedError,
    Json,
    LimitError,
    PilothouseError,
    Principal,
    UnavailableError,
    UsageError,
    content_hash,
    wired,
)
from pilothouse.labels import Integrity, Label, Labelled

if TYPE_CHECKING:
    from pilothouse.effects import EffectSpec

__all__ = ["CALLER", "ActTool", "Read", "ReadTool", "Returns", "ToolFailure", "Toolbox", "own_failure"]

FAILED = "agents.tool_failed"
_KINDS = (UsageError, DeniedError, DataError, LimitError, ConflictError, UnavailableError)

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
        fields: Fields that are worth less, such as the free text of a booking: a name or the end of a dotted
            path, matched exactly and at any depth. A nested list or object that no path names is worth the
            least of them, and so is the whole result if one of them matches nothing in it.
        row: Tells a row's integrity from its trusted fields, such as who put it there; it only lowers, and
            a row that it fails on is untrusted.
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

    def worst(self, *, tool: str, principal: Principal) -> Label:
        """Return the label of whatever such a tool may say, that it failed among it."""
        return _Labelling(self, tool, principal, datetime.now(UTC)).least()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTool:
    """A tool that only reads, inside the house; one that leaves it is an effect (``egress``).

    Attributes:
        name: What plans call it.
        read: The function.
        returns: What its results are worth.
        needs: Arguments that must be given.
        right: The right its caller needs; empty for none beyond the session's.
        description: What a model is told of it.
        parameters: JSON Schema of its arguments; default what its signature says.
        told: Label of the description where somebody else wrote a part of it; who hears it has seen that.
    """

    name: str
    read: Read
    returns: Returns = Returns()
    needs: tuple[str, ...] = ()
    right: str = ""
    description: str = ""
    parameters: Mapping[str, Json] | None = None
    told: Label | None = None

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
        # A copy: nobody changes a result that was labelled.
        return self.returns.label(deepcopy(result), tool=self.name, principal=principal)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActTool:
    """A tool at the door.

    Attributes:
        spec: Its declaration there.
        returns: What comes back is worth; undeclared it is untrusted and for the caller alone.
        needs: Arguments that must be given; the steering ones always.
        description: What a model is told of it; words that a person approved.
        parameters: JSON Schema of its arguments; default what must be given.
    """

    spec: EffectSpec
    returns: Returns = Returns()
    needs: tuple[str, ...] = ()
    description: str = ""
    parameters: Mapping[str, Json] | None = None

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
        if isinstance(error, PilothouseError) and error.code == FAILED:
            return cls(tool=tool, codes=(FAILED, *(kind.code for kind in _KINDS if isinstance(error, kind))))
        if isinstance(error, DeniedError):
            return cls(tool=tool, codes=tuple(dict.fromkeys((error.code, *error.reasons))))
        if isinstance(error, PilothouseError):
            return cls(tool=tool, codes=(error.code,))
        return cls(tool=tool, codes=(FAILED,))


def own_failure(tool: str, error: Exception) -> PilothouseError:
    """Return what may be told of an error that a tool made itself: its kind; its words and codes are data."""
    message = f"{tool!r} failed by itself; its log says why"
    for kind in _KINDS:
        if isinstance(error, kind):
            return kind(message, code=FAILED)
    return PilothouseError(message, code=FAILED)


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

    def __iter__(self) -> Iterator[ReadTool | ActTool]:
        return iter(self._tools.values())

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
    """Labels one result of one tool; what its declaration does not cover is worth the least it names."""

    def __init__(self, returns: Returns, tool: str, principal: Principal, at: datetime) -> None:
        self._returns, self._tool, self._at = returns, tool, at
        self._readers = frozenset(acl.format(principal=principal.id) for acl in returns.readers)
        self._least = min((returns.integrity, *returns.fields.values()))
        self._key, self._version = "", ""

    def least(self) -> Label:
        return self._label("", self._least if self._returns.row is None else Integrity.UNTRUSTED)

    def value(self, data: Json) -> Value:
        integrity = self._returns.integrity
        if not _bare(data) and not self._all_matched(data):
            integrity = self._least
        known = not self._returns.fields
        if not isinstance(data, list):
            self._version = content_hash(data)
            return self._part(data, "", self._of_row(data, integrity), known=known)
        rows: list[Value] = []
        for place, item in enumerate(data):
            self._key, self._version = str(place), content_hash(item)
            rows.append(self._item(item, "", integrity, known=known))
        self._key, self._version = "", content_hash(len(data))
        return listed(rows, self._label("", integrity))

    def _part(self, data: Json, path: str, integrity: Integrity, *, known: bool) -> Value:
        """Return a part; ``known`` says that the declaration covers all that is inside."""
        label = self._label(path, integrity)
        if isinstance(data, list):
            return listed([self._item(item, path, integrity, known=known) for item in data], label)
        if not isinstance(data, dict):
            return plain(data, label)
        paths = {name: f"{path}.{name}" if path else name for name in data}
        # An object that holds a declared field is a row; one that only holds rows is an envelope.
        row = any(self._worth(one) is not None for one in paths.values())
        fields: dict[str, Value] = {}
        for name, item in data.items():
            worth, here = self._worth(paths[name]), integrity
            inside = known or worth is not None
            if worth is not None:
                here = min(integrity, worth)
            elif not (inside or self._covers(item, paths[name], row)):
                here, inside = min(integrity, self._least), True
            fields[name] = self._part(item, paths[name], here, known=inside)
        return together(fields, label)

    def _item(self, data: Json, path: str, integrity: Integrity, *, known: bool) -> Value:
        """Return an item of a list: a row of its own, or a bare value that no field name covers."""
        integrity = self._of_row(data, integrity)
        if known or (isinstance(data, dict | list) and self._holds(data, path)):
            return self._part(data, path, integrity, known=known)
        return self._part(data, path, min(integrity, self._least), known=True)

    def _of_row(self, data: Json, integrity: Integrity) -> Integrity:
        if self._returns.row is None or not isinstance(data, dict):
            return integrity
        try:
            return min(integrity, self._returns.row(data))
        except (LookupError, TypeError, ValueError, AttributeError):
            # It does not know rows of this shape, so nobody says who put this one there.
            return Integrity.UNTRUSTED

    def _worth(self, path: str) -> Integrity | None:
        """Return what a place is declared to be worth; the end of its path is compared, exactly."""
        found = [worth for name, worth in self._returns.fields.items() if _ends(path, name)]
        return min(found, default=None)

    def _covers(self, data: Json, path: str, row: bool) -> bool:
        """Whether a field is a plain value, or named on the way to another, or an envelope around rows."""
        if not isinstance(data, dict | list) or _bare(data):
            return True
        if not self._holds(data, path):
            return False
        ways = [name[:end] for name in self._returns.fields for end in _dots(name)]
        return not row or any(_ends(path, way) for way in ways)

    def _holds(self, data: Json, path: str) -> bool:
        return any(self._worth(one) is not None for one in _paths(data, path))

    def _all_matched(self, data: Json) -> bool:
        there = set(_paths(data, ""))
        return all(any(_ends(path, name) for path in there) for name in self._returns.fields)

    def _label(self, name: str, integrity: Integrity) -> Label:
        row = Row(
            source=self._returns.source or self._tool,
            object=self._tool,
            key={"row": self._key} if self._key else {},
            values={name: None},
            version=self._version,
            read_at=self._at,
            readers=self._readers,
            integrity=integrity,
        )
        return row.labelled(name).label


def _paths(data: Json, path: str) -> Iterator[str]:
    """Yield the path of every field inside; the places of lists are no part of it."""
    if isinstance(data, list):
        for item in data:
            yield from _paths(item, path)
    elif isinstance(data, dict):
        for name, item in data.items():
            here = f"{path}.{name}" if path else name
            yield here
            yield from _paths(item, here)


def _ends(path: str, name: str) -> bool:
    return path == name or path.endswith(f".{name}")


def _dots(name: str) -> list[int]:
    return [place for place, sign in enumerate(name) if sign == "."]


def _bare(data: Json) -> bool:
    """Whether a result says nothing: no row, no value."""
    if isinstance(data, dict):
        return all(_bare(item) for item in data.values())
    return not any(not _bare(item) for item in data) if isinstance(data, list) else data is None
