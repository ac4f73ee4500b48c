"""The reference: labels as plain tuples of sets, a program counter, a little language over both.

Nothing here is fast, cached or shared. The tests run the same things on the real labels and compare.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from pilothouse.labels import Context, Label, join, leaves

Plain = tuple[frozenset[str], int, frozenset[Any]]


def plain(label: Label) -> Plain:
    """Return what a real label says, as the model says it."""
    return (label.readers, int(label.integrity), frozenset(leaves(label)))


def plain_join(*labels: Plain) -> Plain:
    """Return readers united, the lowest integrity, leaves united."""
    readers = {acl for label in labels for acl in label[0]}
    origins = {leaf for label in labels for leaf in label[2]}
    return (frozenset(readers), min(label[1] for label in labels), frozenset(origins))


def plain_flows(a: Plain, b: Plain) -> bool:
    """Return whether every reader of ``a`` is asked by ``b`` and trust is no less."""
    return all(acl in b[0] for acl in a[0]) and not a[1] < b[1]


class PlainContext:
    """A program counter as a list of everything seen."""

    def __init__(self, *seen: Plain) -> None:
        self.seen = list(seen)
        self.inside: list[list[Plain]] = []

    @property
    def pc(self) -> Plain:
        """Everything seen, and the branches around here."""
        return plain_join(*self.seen, *(label for branch in self.inside for label in branch))

    def see(self, label: Plain) -> None:
        """Remember what was seen, with the branches it was seen in."""
        self.seen.append(plain_join(label, self.pc))

    def child(self) -> PlainContext:
        """Return a context that starts from here and reports nothing back."""
        return PlainContext(self.pc)

    @contextmanager
    def branch(self, label: Plain) -> Iterator[None]:
        """Stand inside a branch on a labelled value."""
        self.inside.append([label])
        yield
        self.inside.pop()


class Algebra(Protocol):
    """What the language needs of labels: the real ones and the plain ones both give it."""

    def join(self, *labels: Any) -> Any: ...
    def context(self, pc: Any) -> Any: ...


class Real:
    """The labels of the platform."""

    def join(self, *labels: Label) -> Label:
        """Join real labels."""
        return join(*labels)

    def context(self, pc: Label) -> Context:
        """Return a real context."""
        return Context.of(pc)


class Naive:
    """The labels of this file."""

    def join(self, *labels: Plain) -> Plain:
        """Join plain labels."""
        return plain_join(*labels)

    def context(self, pc: Plain) -> PlainContext:
        """Return a plain context."""
        return PlainContext(pc)


# A program is a list of statements; an expression is nested tuples:
#   ("const", n) ("var", name) ("add", e, e) ("pick", e, e, e)
#   ("let", name, e) ("out", e) ("see", e) ("if", e, block, block) ("child", name, block, e)
@dataclass
class Machine:
    """Runs a program: every value is a pair of number and label."""

    algebra: Any
    constant: Any
    variables: dict[str, tuple[int, Any]]
    outputs: list[tuple[int, Any]] = field(default_factory=list)

    def value(self, expression: Any) -> tuple[int, Any]:
        """Return number and label of an expression; every part read is joined."""
        kind, *rest = expression
        if kind == "const":
            return rest[0], self.constant
        if kind == "var":
            return self.variables[rest[0]]
        read = [self.value(part) for part in rest]
        label = self.algebra.join(*(one[1] for one in read))
        if kind == "add":
            return read[0][0] + read[1][0], label
        return (read[1][0] if read[0][0] % 2 else read[2][0]), label

    def run(self, program: Any, context: Any) -> None:
        """Run every statement under the context's program counter."""
        for statement in program:
            getattr(self, statement[0] + "_")(context, *statement[1:])

    def let_(self, context: Any, name: str, expression: Any) -> None:
        number, label = self.value(expression)
        self.variables[name] = number, self.algebra.join(label, context.pc)

    def out_(self, context: Any, expression: Any) -> None:
        number, label = self.value(expression)
        self.outputs.append((number, self.algebra.join(label, context.pc)))

    def see_(self, context: Any, expression: Any) -> None:
        context.see(self.value(expression)[1])

    def if_(self, context: Any, condition: Any, then: Any, other: Any) -> None:
        number, label = self.value(condition)
        with context.branch(label):
            self.run(then if number % 2 else other, context)
        # Also what the branch not taken would have written depends on the condition.
        for name in sorted({*written(then), *written(other)}):
            kept, old = self.variables[name]
            self.variables[name] = kept, self.algebra.join(old, label)

    def child_(self, context: Any, name: str, block: Any, answer: Any) -> None:
        inner, below = context.child(), dict(self.variables)
        self.run(block, inner)
        number, label = self.value(answer)
        self.variables = {**below, name: (number, self.algebra.join(label, inner.pc))}


def written(program: Any) -> Iterator[str]:
    """Every variable that a program may assign."""
    for statement in program:
        if statement[0] in ("let", "child"):
            yield statement[1]
        if statement[0] == "if":
            yield from written(statement[2])
            yield from written(statement[3])
