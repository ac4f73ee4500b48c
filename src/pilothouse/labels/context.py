"""Owns the program counter of one agent context: the join of all it has seen."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from pilothouse.labels.lattice import join
from pilothouse.labels.types import Label

__all__ = ["Context"]


class Context:
    """What one agent context has seen. It belongs to one run: never share it, never keep it in a global.

    It is stored as its label: ``Context.of(stored.pc)`` goes on where it stopped.
    """

    __slots__ = ("_pc", "_seen")

    def __init__(self, pc: Label) -> None:
        self._pc = pc
        self._seen = False

    @classmethod
    def of(cls, pc: Label) -> Context:
        """Return a context that has seen what ``pc`` says."""
        return cls(pc)

    @property
    def pc(self) -> Label:
        """The join of all that was seen; every call made here carries it."""
        return self._pc

    def see(self, label: Label) -> None:
        """Take in a value: from now on everything done here may depend on it."""
        self._pc = join(self._pc, label)
        self._seen = True

    def child(self) -> Context:
        """Return a context of its own, for a reader or sub-agent; what it sees does not come back here.

        Its answer carries its own label: see that, or hold it as a handle.
        """
        return Context(self._pc)

    @contextmanager
    def branch(self, label: Label) -> Generator[None]:
        """Raise pc inside a branch on a labelled value.

        Afterwards pc is as before, unless something was seen inside: that it was seen depends on the branch.
        What a branch not taken would have changed must be labelled by the caller.
        """
        before, seen = self._pc, self._seen
        self._pc, self._seen = join(before, label), False
        try:
            yield
        finally:
            if not self._seen:
                self._pc, self._seen = before, seen
