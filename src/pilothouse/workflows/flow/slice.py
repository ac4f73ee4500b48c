"""Owns the slice of a workflow's source: which calls and arguments flow into each argument and choice.

Flow-insensitive: a variable holds whatever is ever bound to it. What may be the same object shares what is
put into it. Choices flow into everything that they decide, by control dependence. What cannot be followed
counts as everything seen so far.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pilothouse.workflows.flow.graph import Unreadable, graph_of
from pilothouse.workflows.flow.reading import Reading

__all__ = ["LOW", "Site", "Slice", "slice_of"]

LOW = "low"
"""Stands for everything seen so far."""
Atoms = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One call in the source of a workflow.

    ``site:<index>`` is what comes out of it, ``args:<index>`` what a question was asked about,
    ``bind:<index>`` a call that was put together there, ``param:<name>`` an argument of the workflow.

    Attributes:
        index: Order in the source.
        kind: ``step child decide wait perform bind continue`` or empty for another call.
        line: In the file.
        target: The step, workflow or tool that is called, if the source tells.
        args: Atoms of each argument, by position or name.
        star: Atoms of what is unpacked into arguments.
        pc: Atoms of the choice to come here.
    """

    index: int
    kind: str
    line: int
    target: object
    args: Mapping[int | str, Atoms]
    star: Atoms
    pc: Atoms

    def of(self, position: int, name: str) -> Atoms:
        """Return what flows into one parameter."""
        if name in self.args:
            return self.args[name] | self.star
        return self.args.get(position, frozenset()) | self.star

    @property
    def inputs(self) -> Atoms:
        """Everything that flows into the call."""
        return self.star.union(self.pc, *self.args.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The flows of one workflow.

    Attributes:
        sites: Every call, in the order of the source.
        ends: The call that ends at a line and column of the file.
        returned: What flows into the result.
        unread: Why the source was not followed; empty if it was.
    """

    sites: tuple[Site, ...] = ()
    ends: Mapping[tuple[int, int], Site] = field(default_factory=dict[tuple[int, int], Site])
    returned: Atoms = frozenset({LOW})
    unread: str = ""
    _spread: dict[Atoms, Atoms] = field(default_factory=dict[Atoms, Atoms], repr=False, compare=False)

    def spread(self, atoms: Iterable[str]) -> Atoms:
        """Return ``atoms`` with what flows into a call instead of the call that was put together of it."""
        key = frozenset(atoms)
        found = self._spread.get(key)
        if found is None:
            found = self._spread[key] = frozenset(self._inside(key))
        return found

    def _inside(self, atoms: Atoms) -> set[str]:
        found, done, waiting = set[str](), set[str](), list(atoms)
        while waiting:
            atom = waiting.pop()
            if atom in done:
                continue
            done.add(atom)
            if atom.startswith("bind:"):
                waiting += self.sites[int(atom[5:])].inputs
            else:
                found.add(atom)
        return found


def slice_of(function: Callable[..., Any]) -> Slice:
    """Return the slice of an async function; an unreadable one has no sites."""
    try:
        text, first, indent = _source(function)
        tree = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError, IndexError) as error:
        return Slice(unread=f"no source: {error}")
    if not isinstance(tree, ast.AsyncFunctionDef):
        return Slice(unread="not an async function")
    try:
        reading = Reading(function, tree, graph_of(tree.body)).settle()
    except Unreadable as error:
        return Slice(unread=str(error))
    sites = [
        Site(
            index=number, kind=call.kind, line=call.node.lineno + first, target=call.target,
            args={key: frozenset(found) for key, found in call.args.items()},
            star=frozenset(call.star), pc=frozenset(call.pc),
        )
        for number, call in enumerate(reading.calls)
    ]  # fmt: skip
    ends = {
        ((call.node.end_lineno or 0) + first, (call.node.end_col_offset or 0) + indent): sites[number]
        for number, call in enumerate(reading.calls)
    }
    return Slice(sites=tuple(sites), ends=ends, returned=frozenset(reading.returned))


def _source(function: Callable[..., Any]) -> tuple[str, int, int]:
    """Return the source of a function, what to add to its line numbers, and to its columns."""
    lines, first = inspect.getsourcelines(function)
    text = textwrap.dedent("".join(lines))
    indent = len(lines[0]) - len(text.split("\n", 1)[0]) - 1
    return text, first - 1, indent
