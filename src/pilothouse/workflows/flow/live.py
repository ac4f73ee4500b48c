"""Owns the labels of a running workflow: what each call in its source has given so far in this run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pilothouse import engine
from pilothouse.engine import RunLabels
from pilothouse.labels import Label, join, signed, unknown
from pilothouse.workflows.flow.slice import Site, Slice

__all__ = ["Live", "live"]


class Live:
    """The labels of one segment; a replay builds them again from the journal.

    Args:
        slice: Of the workflow that runs.
        name: The workflow.
        version: Its version; what stands in its source was signed with it.
    """

    __slots__ = ("_beginning", "_constant", "_given", "_results", "_sites", "_slice")

    def __init__(self, slice: Slice, name: str, version: str) -> None:
        self._slice = slice
        self._constant = signed(f"workflow:{name}", version)
        self._beginning = engine.beginning()
        for label in (self._beginning.pc, *self._beginning.params.values()):
            engine.see(label)
        self._sites: dict[int, Label] = {}
        self._given: dict[int, dict[str, Label]] = {}
        self._results: dict[int, Label] = {}

    def note(self, site: Site | None, label: Label | None) -> None:
        """Take in what came out of a call; without a label it is unknown."""
        found = label if label is not None else self.unknown()
        engine.see(found)
        if site is not None:
            before = self._sites.get(site.index)
            self._sites[site.index] = found if before is None else join(before, found)

    def unknown(self) -> Label:
        """Return the label of what nobody declared."""
        return unknown(engine.current_run().principal.id)

    def asked(self, site: Site | None, given: Mapping[str, Label]) -> None:
        """Note the labels of the arguments that a person was asked about."""
        if site is not None:
            kept = self._given.setdefault(site.index, {})
            for name, label in given.items():
                kept[name] = join(kept[name], label) if name in kept else label

    def performed(self, site: Site | None, state: Label, result: Label) -> None:
        """Take in an outcome: its state is a record of ours, its result is worth what the receiver is."""
        self.note(site, state)
        engine.see(result)
        if site is not None:
            before = self._results.get(site.index)
            self._results[site.index] = result if before is None else join(before, result)

    def label(self, atoms: Iterable[str]) -> Label:
        """Return the join of what ``atoms`` stand for; of nothing, that of the source's own words."""
        found: Label | None = None
        for atom in self._slice.spread(atoms):
            label = self._atom(atom)
            if label is not None:
                found = label if found is None else join(found, label)
        return self._constant if found is None else found

    def _atom(self, atom: str) -> Label | None:
        kind, _, rest = atom.partition(":")
        match kind:
            case "param":
                return self._beginning.of(rest)
            case "site":
                return self._sites.get(int(rest))
            case "result":
                return self._results.get(int(rest))
            case "args":
                given = self._given.get(int(rest))
                return self.label_of(given.values()) if given else None
            case _:
                return engine.low_water()

    def label_of(self, labels: Iterable[Label]) -> Label:
        """Return the join of labels."""
        found = list(labels)
        return join(*found) if found else self._constant

    def pc(self, site: Site | None) -> Label:
        """Return the label of the choice to come to a call, the start of the run included."""
        here = engine.low_water() if site is None else self.label(site.pc)
        return join(self._beginning.pc, here)

    def inputs(self, site: Site | None) -> Label:
        """Return the label of everything that flows into a call."""
        if site is None:
            return engine.low_water()
        return join(self._beginning.pc, self.label(site.inputs))

    def arguments(
        self, site: Site | None, names: Iterable[str], order: Mapping[str, int]
    ) -> dict[str, Label]:
        """Return the label of each named argument of a call."""
        if site is None:
            low = engine.low_water()
            return dict.fromkeys(names, low)
        return {name: self.label(site.of(order.get(name, -1), name)) for name in names}

    def bound_call(
        self, made: Site | None, used: Site | None, position: int, word: str, names: Iterable[str], order: Any
    ) -> dict[str, Label]:
        """Return the labels of the arguments of a call that was put together earlier.

        What else flows into the expression that names the call (which of several it is) flows into all.
        """
        labels = self.arguments(made, names, order)
        if used is None or made is None:
            low = engine.low_water()
            return {name: join(label, low) for name, label in labels.items()}
        others = {atom for atom in used.of(position, word) if not atom.startswith("bind:")} | made.pc
        if not others:
            return labels
        which = self.label(others)
        return {name: join(label, which) for name, label in labels.items()}

    def answered_args(self, atoms: Iterable[str], names: Iterable[str]) -> dict[str, Label]:
        """Return the labels of arguments that come back from a question."""
        found: dict[str, Label] = {}
        for atom in atoms:
            kind, _, rest = atom.partition(":")
            given = self._given.get(int(rest), {}) if kind == "args" else {}
            for name in names:
                if name in given:
                    found[name] = join(found[name], given[name]) if name in found else given[name]
        return found

    def beginning_of(self, site: Site | None, names: Iterable[str], order: Mapping[str, int]) -> RunLabels:
        """Return what a child, or a run that goes on, begins with."""
        return RunLabels(pc=self.pc(site), params=self.arguments(site, names, order))

    def returned(self) -> Label:
        """Return the label of the run's result."""
        return join(self._beginning.pc, self.label(self._slice.returned))


def live() -> Live:
    """Return the labels of the running workflow; one whose body has not begun knows nothing."""
    return engine.flow(lambda: Live(Slice(unread="not a workflow of ours"), "", ""))
