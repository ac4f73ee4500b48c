"""Owns reading a body to a fixed point: what flows into every variable, argument and choice."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pilothouse.workflows.flow.graph import Graph, Place, Unreadable
from pilothouse.workflows.flow.names import (
    ALIASING,
    MUTATORS,
    PLAIN,
    READERS,
    UNKNOWN,
    Names,
    constructs,
    verb_of,
)

__all__ = ["ReadCall", "Reading"]

OWN: Final = {
    "decide": frozenset({"approved", "verdict", "by", "reason", "edited", "at", "approval", "proposal"}),
    "perform": frozenset({"state", "effect_id", "reasons"}),
}
"""What of an answer a person says (its ``args`` are what was asked about), of an outcome the door."""
_WORDS: Final = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
_FOREIGN: Final = ("args:", "result:")
RECORDED: Final = frozenset({"step", "child", "decide", "wait", "perform"})


@dataclass(slots=True, eq=False)
class ReadCall:
    """One call while the source is read; see :class:`~pilothouse.workflows.flow.Site`."""

    number: int
    node: ast.Call
    kind: str
    target: object
    args: dict[int | str, set[str]] = field(default_factory=dict[int | str, set[str]])
    star: set[str] = field(default_factory=set[str])
    pc: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class Value:
    """What flows into a value, and the variables it may share objects with."""

    atoms: set[str] = field(default_factory=set[str])
    names: set[str] = field(default_factory=set[str])

    def add(self, other: Value) -> Value:
        """Join another value into this one."""
        self.atoms |= other.atoms
        self.names |= other.names
        return self


class Reading:
    """The state of reading one function; :meth:`settle` repeats until nothing more flows."""

    def __init__(self, function: Callable[..., Any], tree: ast.AsyncFunctionDef, graph: Graph) -> None:
        parameters = [one.arg for one in ast.walk(tree.args) if isinstance(one, ast.arg)]
        self.calls: list[ReadCall] = []
        self.returned: set[str] = set()
        self._graph = graph
        self._vars: dict[str, set[str]] = {name: {f"param:{name}"} for name in parameters}
        self._put: dict[str, set[str]] = {}
        self._same: dict[str, str] = {}
        self._answers: dict[str, str] = {}
        self._names = Names(function, frozenset({*parameters, *_bound(tree)}))
        self._known: dict[int, ReadCall] = {}
        self._grown = 0
        for node in sorted(
            (one for part in tree.body for one in ast.walk(part) if isinstance(one, ast.Call)),
            key=lambda call: (call.lineno, call.col_offset, call.end_lineno, call.end_col_offset),
        ):
            self._known[id(node)] = self._call(node)
        plain = _plain_names(graph, set(parameters))
        for name, values in _values(graph).items():
            kinds = {self._asks(one) for one in values}
            if name in plain and len(kinds) == 1 and kinds <= OWN.keys():
                self._answers[name] = kinds.pop()

    def settle(self) -> Reading:
        """Read all places until nothing changes."""
        before = -1
        while before != self._grown:
            before = self._grown
            for place in self._graph.places:
                self._place(place)
        return self

    # -- places --------------------------------------------------------------------------------

    def _place(self, place: Place) -> None:
        pc: set[str] = set()
        for number in place.deciders:
            for node in self._graph.places[number].uses:
                pc |= self._value(node, set(), quiet=True).atoms
        if place.fragile:
            for node in place.uses:
                pc |= self._value(node, set(), quiet=True).atoms if _several_calls(place) else set()
        for node in place.uses:
            self._value(node, pc)
        for target, given in place.binds:
            value = Value(set(pc))
            for node in given:
                value.add(self._value(node, pc, quiet=True))
            self._bind(target, value, pc)
        if place.ended:
            self._grow(self.returned, pc)
            if place.returned is not None:
                self._grow(self.returned, self._value(place.returned, pc, quiet=True).atoms)

    def _bind(self, target: ast.expr | str, value: Value, pc: set[str]) -> None:
        match target:
            case str():
                self._assign(target, value)
            case ast.Name():
                self._assign(target.id, value)
            case ast.Tuple() | ast.List():
                for one in target.elts:
                    self._bind(one, value, pc)
            case ast.Starred():
                self._bind(target.value, value, pc)
            case ast.Attribute():
                self._mutate(self._value(target.value, pc).names, value)
            case ast.Subscript():
                index = self._value(target.slice, pc)
                self._mutate(
                    self._value(target.value, pc).names, Value(value.atoms | index.atoms, value.names)
                )
            case _:
                raise Unreadable(f"line {target.lineno}: {type(target).__name__} as a target")

    def _assign(self, name: str, value: Value) -> None:
        self._grow(self._vars.setdefault(name, set()), value.atoms)
        for other in value.names:
            self._unite(name, other)

    def _mutate(self, names: Iterable[str], value: Value) -> None:
        """Put ``value`` into whatever the variables ``names`` may hold."""
        for name in names:
            for other in value.names:
                self._unite(name, other)
            self._grow(self._put.setdefault(self._root(name), set()), value.atoms)

    def _grow(self, into: set[str], atoms: set[str]) -> None:
        if not atoms <= into:
            into |= atoms
            self._grown += 1

    def _root(self, name: str) -> str:
        while name in self._same:
            name = self._same[name]
        return name

    def _unite(self, one: str, two: str) -> None:
        first, second = self._root(one), self._root(two)
        if first != second:
            self._same[second] = first
            self._put.setdefault(first, set()).update(self._put.pop(second, set()))
            self._grown += 1

    # -- values --------------------------------------------------------------------------------

    def _value(self, node: ast.expr, pc: set[str], *, quiet: bool = False) -> Value:
        """Return what flows into an expression; ``quiet`` leaves the calls inside as they are."""
        match node:
            case ast.Constant():
                return Value()
            case ast.Name():
                return self._variable(node.id)
            case ast.Attribute():
                return self._attribute(node, pc, quiet)
            case ast.Await():
                found = self._value(node.value, pc, quiet=quiet)
                return found if self._recorded(node.value) else Value(found.atoms | {"low"}, found.names)
            case ast.Call():
                return self._called(node, pc, quiet)
            case ast.IfExp():
                test = self._value(node.test, pc, quiet=quiet)
                inner = pc | test.atoms
                found = self._value(node.body, inner, quiet=quiet).add(
                    self._value(node.orelse, inner, quiet=quiet)
                )
                return Value(found.atoms | test.atoms, found.names)
            case ast.BoolOp() | ast.Compare() | ast.JoinedStr() | ast.FormattedValue() | ast.UnaryOp():
                return self._in_order(node, pc, quiet)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node, pc, quiet)
            case ast.NamedExpr():
                found = self._value(node.value, pc, quiet=quiet)
                self._bind(node.target, Value(found.atoms | pc, found.names), pc)
                return found
            case ast.Lambda():
                return self._lambda(node)
            case _:
                return self._parts(node, pc, quiet)

    def _parts(self, node: ast.AST, pc: set[str], quiet: bool) -> Value:
        found = Value()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Yield | ast.YieldFrom):
                raise Unreadable(f"line {child.lineno}: yield")
            if isinstance(child, ast.expr):
                found.add(self._value(child, pc, quiet=quiet))
            elif not isinstance(
                child, ast.expr_context | ast.operator | ast.unaryop | ast.boolop | ast.cmpop
            ):
                found.add(self._parts(child, pc, quiet))
        return found

    def _in_order(self, node: ast.expr, pc: set[str], quiet: bool) -> Value:
        """Parts of which a later one may not be reached; what comes out of all but ``or`` is fresh."""
        found, seen = Value(), set(pc)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                part = self._value(child, seen, quiet=quiet)
                seen = seen | part.atoms
                found.add(part)
        return found if isinstance(node, ast.BoolOp) else Value(found.atoms)

    def _variable(self, name: str) -> Value:
        atoms = self._vars.get(name, set()) | self._put.get(self._root(name), set())
        return Value(set(atoms), {name})

    def _attribute(self, node: ast.Attribute, pc: set[str], quiet: bool) -> Value:
        found = self._value(node.value, pc, quiet=quiet)
        if isinstance(node.value, ast.Name) and node.attr in OWN.get(
            self._answers.get(node.value.id, ""), ()
        ):
            return Value({atom for atom in found.atoms if not atom.startswith(_FOREIGN)})
        return found

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, pc: set[str], quiet: bool
    ) -> Value:
        found, seen = Value(), set(pc)
        for part in node.generators:
            given = self._value(part.iter, seen, quiet=quiet)
            seen = seen | given.atoms
            self._bind(part.target, Value(given.atoms | pc, given.names), seen)
            found.add(given)
            for test in part.ifs:
                asked = self._value(test, seen, quiet=quiet)
                seen = seen | asked.atoms
                found.atoms |= asked.atoms
        shown = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for one in shown:
            found.add(self._value(one, seen, quiet=quiet))
        return found

    def _lambda(self, node: ast.Lambda) -> Value:
        own = {one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)}
        found = Value()
        for one in ast.walk(node.body):
            if isinstance(one, ast.NamedExpr | ast.Lambda) or (
                isinstance(one, ast.Call) and not self._harmless(one)
            ):
                raise Unreadable(f"line {node.lineno}: a lambda that calls more than plain functions")
            if isinstance(one, ast.Name) and one.id not in own:
                found.add(self._variable(one.id))
        return found

    def _harmless(self, node: ast.Call) -> bool:
        resolved = self._names.resolve(node.func)
        method = isinstance(node.func, ast.Attribute) and node.func.attr in READERS
        return method or _one_of(resolved, PLAIN) or _one_of(resolved, ALIASING)

    # -- calls ---------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> ReadCall:
        resolved = self._names.resolve(node.func)
        kind, target = verb_of(resolved), resolved
        if kind == "child" and node.args:
            target = self._names.resolve(node.args[0])
        if not kind and isinstance(node.func, ast.Attribute) and node.func.attr == "bind":
            tool = self._names.resolve(node.func.value)
            if verb_of(tool) == "tool":
                kind, target = "bind", tool
        call = ReadCall(len(self.calls), node, kind, None if target is UNKNOWN else target)
        self.calls.append(call)
        return call

    def _recorded(self, node: ast.expr) -> bool:
        """Whether awaiting ``node`` gives exactly what its call recorded."""
        return isinstance(node, ast.Call) and self._known[id(node)].kind in (*RECORDED, "gather", "constant")

    def _asks(self, node: ast.expr) -> str:
        """Return the kind of the recorded call that ``node`` awaits."""
        if not isinstance(node, ast.Await) or not isinstance(node.value, ast.Call):
            return ""
        return self._known[id(node.value)].kind

    def _called(self, node: ast.Call, pc: set[str], quiet: bool) -> Value:
        call = self._known[id(node)]
        given = self._arguments(call, pc, quiet)
        if call.kind == "gather":
            return self._gathered(node, given)
        if call.kind in ("constant", "continue"):
            return Value()
        if call.kind == "decide":
            return Value({f"site:{call.number}", f"args:{call.number}"})
        if call.kind == "perform":
            return Value({f"site:{call.number}", f"result:{call.number}"})
        if call.kind == "bind":
            return Value({f"bind:{call.number}"}, given.names)
        if call.kind in RECORDED:
            return Value({f"site:{call.number}"})
        return self._plain(call, given, pc, quiet)

    def _arguments(self, call: ReadCall, pc: set[str], quiet: bool) -> Value:
        found = Value()
        values: list[tuple[int | str | None, Value]] = []
        for position, node in enumerate(call.node.args):
            value = self._value(node.value if isinstance(node, ast.Starred) else node, pc, quiet=quiet)
            unpacked = any(isinstance(one, ast.Starred) for one in call.node.args[: position + 1])
            values.append((None if unpacked else position, value))
        for keyword in call.node.keywords:
            values.append((keyword.arg, self._value(keyword.value, pc, quiet=quiet)))
        if not quiet:
            self._grow(call.pc, pc)
        for key, value in values:
            found.add(value)
            if not quiet:
                self._grow(call.star if key is None else call.args.setdefault(key, set()), value.atoms)
        return found

    def _gathered(self, node: ast.Call, given: Value) -> Value:
        for argument in node.args:
            inner = argument.value if isinstance(argument, ast.Starred) else argument
            if isinstance(inner, ast.GeneratorExp | ast.ListComp):
                inner = inner.elt
            if not self._recorded(inner):
                return Value(given.atoms | {"low"}, given.names)
        return Value(given.atoms)

    def _plain(self, call: ReadCall, given: Value, pc: set[str], quiet: bool) -> Value:
        """A call of something that is not recorded: it may put what it gets into what it gets."""
        function = call.node.func
        if isinstance(function, ast.Attribute):
            held = self._value(function.value, pc, quiet=quiet)
            resolved = self._names.resolve(function)
            if resolved is UNKNOWN:
                return self._method(function.attr, held, given, pc)
        else:
            held, resolved = self._value(function, pc, quiet=quiet), self._names.resolve(function)
        atoms = given.atoms | held.atoms
        # A step held in a variable records at this very place.
        atoms |= {f"site:{call.number}"} if resolved is UNKNOWN else set()
        if _one_of(resolved, PLAIN):
            return Value(atoms)
        if not _one_of(resolved, ALIASING) and not constructs(resolved):
            self._mutate(given.names | held.names, Value(atoms | pc, given.names))
        return Value(atoms, given.names | held.names)

    def _method(self, name: str, held: Value, given: Value, pc: set[str]) -> Value:
        atoms = held.atoms | given.atoms
        if name not in READERS:
            self._mutate(held.names, Value(given.atoms | pc, given.names))
            if name not in MUTATORS:
                self._mutate(given.names, Value(atoms | pc, held.names))
        return Value(atoms, held.names | given.names)


def _one_of(found: object, known: frozenset[Any]) -> bool:
    return any(found is one for one in known)


def _several_calls(place: Place) -> bool:
    return sum(isinstance(one, ast.Call) for node in place.uses for one in ast.walk(node)) > 1


def _values(graph: Graph) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for place in graph.places:
        for target, given in place.binds:
            name = target if isinstance(target, str) else getattr(target, "id", "")
            found.setdefault(name, []).extend(given or [ast.Constant(value=None)])
    return found


def _plain_names(graph: Graph, parameters: set[str]) -> set[str]:
    """Return the names that are bound by plain assignments only."""
    loose: set[str] = set(parameters)
    plain: set[str] = set()
    for place in graph.places:
        for target, _ in place.binds:
            if isinstance(target, ast.Name):
                plain.add(target.id)
            elif not isinstance(target, str):
                loose |= {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}
            else:
                loose.add(target)
        for node in place.uses:
            loose |= {
                one.id
                for one in ast.walk(node)
                if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
            }
    return plain - loose


def _bound(tree: ast.AsyncFunctionDef) -> set[str]:
    names = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    names |= {one.name for one in ast.walk(tree) if isinstance(one, ast.ExceptHandler) and one.name}
    names |= {one.name for one in ast.walk(tree) if isinstance(one, ast.MatchAs | ast.MatchStar) and one.name}
    names |= {one.rest for one in ast.walk(tree) if isinstance(one, ast.MatchMapping) and one.rest}
    names |= {
        (one.asname or one.name).partition(".")[0] for one in ast.walk(tree) if isinstance(one, ast.alias)
    }
    return names
