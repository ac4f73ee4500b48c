"""Owns the control flow of a workflow's body: its places, what follows what, and what decides what."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

__all__ = ["Graph", "Place", "Unreadable", "graph_of"]


class Unreadable(Exception):
    """The body has a construct that is not followed; then everything seen so far flows everywhere."""


@dataclass(slots=True)
class Place:
    """One point of the body: what is evaluated there, what is bound, and where it may go on.

    Attributes:
        uses: Expressions evaluated here, in order.
        binds: Targets and what they get; a target is an expression or a bare name.
        after: Places that may follow.
        deciders: Places whose outcome decides whether this one is reached.
        returned: The expression whose value leaves the function here.
        fragile: Whether an error here is caught in the workflow, so that it decides what follows.
        ended: Whether the value of ``returned`` leaves here; also for a bare ``return``.
    """

    uses: list[ast.expr] = field(default_factory=list[ast.expr])
    binds: list[tuple[ast.expr | str, list[ast.expr]]] = field(
        default_factory=list[tuple[ast.expr | str, list[ast.expr]]]
    )
    after: set[int] = field(default_factory=set[int])
    deciders: set[int] = field(default_factory=set[int])
    returned: ast.expr | None = None
    fragile: bool = False
    ended: bool = False


@dataclass(slots=True)
class _Loop:
    head: int
    leaving: set[int] = field(default_factory=set[int])


class Graph:
    """The places of one function; place 0 is where it begins, place 1 where it ends."""

    def __init__(self) -> None:
        self.places: list[Place] = [Place(), Place()]
        self._loops: list[_Loop] = []
        self._catching: list[int] = []

    def build(self, body: Sequence[ast.stmt]) -> Graph:
        """Read the statements of a function body.

        Raises:
            Unreadable: A construct is not followed.
        """
        for last in self._block(body, {0}):
            self.places[last].after.add(1)
        self._decide()
        return self

    def _add(self, before: Iterable[int], uses: Iterable[ast.expr | None] = (), **more: object) -> int:
        number = len(self.places)
        place = Place(uses=[one for one in uses if one is not None])
        for name, value in more.items():
            setattr(place, name, value)
        self.places.append(place)
        for one in before:
            self.places[one].after.add(number)
        if self._catching:
            place.fragile = True
            place.after.add(self._catching[-1])
        return number

    def _block(self, body: Sequence[ast.stmt], before: set[int]) -> set[int]:
        for statement in body:
            before = self._statement(statement, before)
        return before

    def _statement(self, node: ast.stmt, before: set[int]) -> set[int]:
        match node:
            case ast.If():
                test = self._add(before, [node.test])
                return self._block(node.body, {test}) | self._block(node.orelse, {test})
            case ast.While():
                return self._loop(node, self._add(before, [node.test]))
            case ast.For():
                return self._loop(node, self._add(before, [node.iter], binds=[(node.target, [node.iter])]))
            case ast.Match():
                return self._match(node, before)
            case ast.Try():
                return self._try(node, before)
            case _:
                return self._simple(node, before)

    def _simple(self, node: ast.stmt, before: set[int]) -> set[int]:
        match node:
            case ast.Expr():
                return {self._add(before, [node.value])}
            case ast.Assign():
                return {self._add(before, [node.value], binds=[(one, [node.value]) for one in node.targets])}
            case ast.AnnAssign() | ast.AugAssign():
                given: list[ast.expr] = [] if node.value is None else [node.value]
                binds: list[tuple[ast.expr | str, list[ast.expr]]] = [(node.target, given)]
                if isinstance(node, ast.AugAssign):
                    # In place where the object can: whoever shares it sees it too.
                    given.append(node.target)
                    inside = ast.Attribute(value=node.target, attr="", ctx=ast.Store())
                    binds.append((ast.copy_location(inside, node), given))
                return {self._add(before, given, binds=binds)}
            case ast.Return():
                place = self._add(before, [node.value], returned=node.value, ended=True)
                self.places[place].after.add(1)
                return set()
            case ast.Raise():
                place = self._add(before, [node.exc, node.cause])
                self.places[place].after.add(self._catching[-1] if self._catching else 1)
                return set()
            case ast.Assert():
                place = self._add(before, [node.test, node.msg])
                self.places[place].after.add(self._catching[-1] if self._catching else 1)
                return {place}
            case ast.Break():
                self._loops[-1].leaving.add(self._add(before))
                return set()
            case ast.Continue():
                self.places[self._add(before)].after.add(self._loops[-1].head)
                return set()
            case ast.Delete():
                parts = [one for one in node.targets if not isinstance(one, ast.Name)]
                return {self._add(before, binds=[(one, list[ast.expr]()) for one in parts])}
            case ast.Pass() | ast.Import() | ast.ImportFrom():
                return before
            case _:
                raise Unreadable(f"line {node.lineno}: {type(node).__name__}")

    def _loop(self, node: ast.While | ast.For, head: int) -> set[int]:
        loop = _Loop(head)
        self._loops.append(loop)
        for last in self._block(node.body, {head}):
            self.places[last].after.add(head)
        self._loops.pop()
        return self._block(node.orelse, {head}) | loop.leaving

    def _match(self, node: ast.Match, before: set[int]) -> set[int]:
        last = self._add(before, [node.subject])
        ends: set[int] = set()
        for case in node.cases:
            asked = [one for one in ast.walk(case.pattern) if isinstance(one, ast.expr)]
            names = [name for one in ast.walk(case.pattern) for name in _captured(one)]
            binds: list[tuple[str, list[ast.expr]]] = [(name, [node.subject]) for name in names]
            last = self._add({last}, [node.subject, *asked, case.guard], binds=binds)
            ends |= self._block(case.body, {last})
        return ends | {last}

    def _try(self, node: ast.Try, before: set[int]) -> set[int]:
        if node.finalbody:
            return self._finally(node, before)
        catch = self._add(())
        self._catching.append(catch)
        ends = self._block(node.body, before)
        self._catching.pop()
        ends = self._block(node.orelse, ends)
        inside = [one for statement in node.body for one in _expressions(statement)]
        for handler in node.handlers:
            binds = [] if handler.name is None else [(handler.name, inside)]
            place = self._add({catch}, [handler.type], binds=binds)
            ends |= self._block(handler.body, {place})
        return ends

    def _finally(self, node: ast.Try, before: set[int]) -> set[int]:
        """Ways in and out of a ``finally`` meet; so what follows depends on everything inside."""
        if any(isinstance(one, ast.Return | ast.Break | ast.Continue | ast.Raise) for one in _inner(node)):
            raise Unreadable(f"line {node.lineno}: a `finally` that is left in several ways")
        start = self._add(())
        self._catching.append(start)
        if node.handlers:
            bare = ast.Try(body=node.body, handlers=node.handlers, orelse=node.orelse, finalbody=[])
            ends = self._try(ast.copy_location(bare, node), before)
        else:
            ends = self._block(node.body, before)
        self._catching.pop()
        for last in ends:
            self.places[last].after.add(start)
        inside = [one for statement in (*node.body, *node.orelse) for one in _expressions(statement)]
        inside += [one for handler in node.handlers for kept in handler.body for one in _expressions(kept)]
        joined = self._add({start}, inside)
        return self._block(node.finalbody, {joined})

    def _decide(self) -> None:
        """Find for every place those whose outcome decides whether it is reached, to a fixed point."""
        sure = self._surely_after()
        for number, place in enumerate(self.places):
            if len(place.after) < 2:
                continue
            for following in place.after:
                for one in sure[following] - (sure[number] - {number}):
                    self.places[one].deciders.add(number)
        changed = True
        while changed:
            changed = False
            for place in self.places:
                more = {two for one in place.deciders for two in self.places[one].deciders}
                if not more <= place.deciders:
                    place.deciders |= more
                    changed = True

    def _surely_after(self) -> list[set[int]]:
        """Return for every place those that every way to the end passes, itself included."""
        everything = set(range(len(self.places)))
        sure = [set(everything) for _ in self.places]
        sure[1] = {1}
        changed = True
        while changed:
            changed = False
            for number in range(len(self.places) - 1, -1, -1):
                if number == 1:
                    continue
                ways = [sure[following] for following in self.places[number].after]
                found = (set[int].intersection(*ways) if ways else set[int]()) | {number}
                if found != sure[number]:
                    sure[number] = found
                    changed = True
        return sure


def graph_of(body: Sequence[ast.stmt]) -> Graph:
    """Return the control flow of a function body.

    Raises:
        Unreadable: A construct is not followed.
    """
    return Graph().build(body)


def _captured(node: ast.AST) -> list[str]:
    if isinstance(node, ast.MatchAs | ast.MatchStar):
        return [] if node.name is None else [node.name]
    if isinstance(node, ast.MatchMapping):
        return [] if node.rest is None else [node.rest]
    return []


def _inner(node: ast.Try) -> Iterator[ast.AST]:
    for part in (*node.body, *node.orelse, *(one for h in node.handlers for one in h.body), *node.finalbody):
        yield from ast.walk(part)


def _expressions(node: ast.AST) -> list[ast.expr]:
    """Return the outermost expressions of a statement, whatever stands around them."""
    found: list[ast.expr] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            found.append(child)
        else:
            found.extend(_expressions(child))
    return found
