"""Owns the labels of a workflow that does not run: the worst, or the best, that its sources promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from pilothouse.decisions import Answer, answer_label
from pilothouse.effects import outcome_label
from pilothouse.labels import Label, join, signed, unknown
from pilothouse.workflows.declare import Step, Workflow
from pilothouse.workflows.flow.reads import ANYTHING, reads_of
from pilothouse.workflows.flow.sites import known_slice
from pilothouse.workflows.flow.slice import Site, Slice
from pilothouse.workflows.tools import Tool

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

__all__ = ["Promised", "Symbolic"]

Promised = Mapping[str, Label]
_NOBODY: Final = UUID(int=0)
_SAID: Final = Answer(
    approved=True, verdict="approve", proposal=_NOBODY, approval=_NOBODY, by="?", reason="", args={},
    edited=False, at=datetime(1970, 1, 1, tzinfo=UTC),
)  # fmt: skip


class Symbolic:
    """The same rules as of a running workflow, over what is declared instead of what happened.

    Args:
        slice: Of the workflow.
        name: Its name.
        version: Its version.
        promised: The least that each declared source promises.
        begin: Label of every argument and of the choice to start.
        worst: Whether whatever is not known counts as untrusted; else as if it were never there.
        above: Workflows that wait for this one as their child.
    """

    def __init__(
        self,
        slice: Slice,
        name: str,
        version: str,
        promised: Promised,
        *,
        begin: Label,
        worst: bool,
        params: Mapping[str, Label] | None = None,
        above: AbstractSet[str] = frozenset(),
    ) -> None:
        self._slice = slice
        self._name = name
        self._constant = signed(f"workflow:{name}", version)
        self._promised = promised
        self._begin = begin
        self._params = dict(params or {})
        self._worst = worst
        self._above = above
        self._sites: dict[int, Label] = {}
        self._results: dict[int, Label] = {}
        self._asked: dict[int, dict[str, Label]] = {}

    def settle(self) -> Symbolic:
        """Compute until nothing gets worse."""
        before: object = None
        while before != (now := (dict(self._sites), dict(self._results), self._asked_now())):
            before = now
            for site in self._slice.sites:
                self._site(site)
        return self

    def _asked_now(self) -> dict[int, dict[str, Label]]:
        return {index: dict(labels) for index, labels in self._asked.items()}

    # -- labels --------------------------------------------------------------------------------

    def label(self, atoms: Iterable[str]) -> Label:
        """Return the join of what ``atoms`` may stand for."""
        labels = [label for atom in sorted(self._slice.spread(atoms)) for label in self._atom(atom)]
        return join(*labels) if labels else self._constant

    def pc(self, site: Site) -> Label:
        """Return the label of the choice to come to a call."""
        return join(self._begin, self.label(site.pc))

    def inputs(self, site: Site) -> Label:
        """Return the label of all that flows into a call."""
        return join(self._begin, self.label(site.inputs))

    def everything(self) -> list[Label]:
        """Return every label that was computed."""
        return [self._begin, *self._sites.values(), *self._results.values(), *self._params.values()]

    def returned(self) -> Label:
        """Return the label of the result."""
        return join(self._begin, self.label(self._slice.returned))

    def arguments(self, made: Site, used: Site, tool: Tool) -> dict[str, Label]:
        """Return the label of each argument of a call put together at ``made`` and used at ``used``."""
        order = tool.signature.order
        atoms = used.of(-1, "of") if used.kind == "decide" else used.of(0, "call")
        others = {atom for atom in atoms if not atom.startswith("bind:")} | made.pc
        labels = {
            name: self.label(made.of(order.get(name, -1), name) | others)
            for name in tool.signature.parameters.parameters
        }
        back = [int(atom[5:]) for atom in used.of(1, "answer") if atom.startswith("args:")]
        for index in back:
            for name, label in self._asked.get(index, {}).items():
                labels[name] = join(labels[name], label) if name in labels else label
        if back and self._worst:
            said = self.label(atom for atom in used.of(1, "answer") if not atom.startswith("args:"))
            labels = {name: join(label, said) for name, label in labels.items()}
        return labels

    def _atom(self, atom: str) -> list[Label]:
        kind, _, rest = atom.partition(":")
        match kind:
            case "param":
                return [self._params.get(rest, self._begin)]
            case "site":
                return [self._sites[int(rest)]] if int(rest) in self._sites else []
            case "result":
                return [self._results[int(rest)]] if int(rest) in self._results else []
            case "args":
                return list(self._asked.get(int(rest), {}).values())
            case _:
                return self._anything() if self._worst else []

    def _anything(self) -> list[Label]:
        return [unknown("?"), *self._promised.values(), *self.everything()]

    # -- calls ---------------------------------------------------------------------------------

    def _site(self, site: Site) -> None:
        handlers: dict[str, Callable[[Site], Label]] = {
            "step": self._step, "child": self._child, "wait": self._wait,
            "decide": self._decide, "perform": self._perform,
        }  # fmt: skip
        if site.kind in handlers:
            self._keep(self._sites, site.index, handlers[site.kind](site))
        elif not site.kind and site.target is None and self._worst:
            # A step in a variable may record here.
            self._keep(self._sites, site.index, join(*self._anything()))

    def _keep(self, into: dict[int, Label], index: int, label: Label) -> None:
        into[index] = join(into[index], label) if index in into else label

    def _step(self, site: Site) -> Label:
        found, step = self.inputs(site), site.target
        if not isinstance(step, Step):
            return join(found, *self._anything()) if self._worst else found
        reading: Step[..., Any] = step
        if reading.declared is not None:
            found = join(found, reading.declared)
        return join(found, *self._read({*reading.reads, *reads_of(reading.function)}))

    def _read(self, names: Iterable[str]) -> list[Label]:
        found: list[Label] = []
        for name in sorted(names):
            if name == ANYTHING:
                found += [*self._promised.values()] or [unknown("?")] if self._worst else []
            else:
                found.append(self._promised.get(name) or unknown("?"))
        return found

    def _child(self, site: Site) -> Label:
        workflow = site.target
        if not isinstance(workflow, Workflow) or workflow.name in self._above or workflow.name == self._name:
            return join(self.inputs(site), *self._anything()) if self._worst else self.inputs(site)
        called = cast("Workflow[..., Any]", workflow)
        order = called.signature.order
        params = {
            name: self.label(site.of(order.get(name, -2) + 1, name))
            for name in called.signature.parameters.parameters
        }
        inner = Symbolic(
            known_slice(called.function), called.name, called.version, self._promised,
            begin=self.pc(site), params=params, worst=self._worst, above={*self._above, self._name},
        ).settle()  # fmt: skip
        # A child that fails tells everything it has seen.
        return join(inner.returned(), *(inner.everything() if self._worst else ()))

    def _wait(self, site: Site) -> Label:
        return join(self.inputs(site), unknown("?")) if self._worst else self.inputs(site)

    def _decide(self, site: Site) -> Label:
        labels = self._bound(site, "of", -1)
        kept = self._asked.setdefault(site.index, {})
        for name, label in labels.items():
            kept[name] = join(kept[name], label) if name in kept else label
        about = join(self.inputs(site), *labels.values())
        if not self._worst:
            return answer_label(about, _SAID)
        # Time may run out, or a signal take the question back: then nobody vouches for anything.
        return join(about, unknown("?")) if "unless" in site.args else about

    def _perform(self, site: Site) -> Label:
        labels = self._bound(site, "call", 0)
        made_of = join(self.pc(site), *labels.values())
        asked = 1 in site.args or "answer" in site.args
        state = outcome_label(made_of, "?", "?", approved=asked and not self._worst)
        self._keep(self._results, site.index, join(state, unknown("?")) if self._worst else state)
        return state

    def _bound(self, site: Site, word: str, position: int) -> dict[str, Label]:
        found: dict[str, Label] = {}
        for atom in sorted(site.of(position, word)):
            if not atom.startswith("bind:"):
                continue
            made = self._slice.sites[int(atom[5:])]
            if isinstance(made.target, Tool):
                for name, label in self.arguments(made, site, made.target).items():
                    found[name] = join(found[name], label) if name in found else label
        return found or {"call": self.label(site.of(position, word))}
