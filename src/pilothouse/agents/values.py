"""Owns labelled results: JSON in which every part knows where it comes from and who may read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from pilothouse.kernel import Json, UsageError, wired
from pilothouse.labels import Integrity, Label, join

__all__ = ["Value", "listed", "plain", "pulled", "steered", "together"]


@wired("agents.value")
@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """JSON with labels: one of its own, and one for every part.

    Attributes:
        data: The whole, as plain JSON.
        label: Of the value itself: of a scalar its label; of a list or an object the label of its being
            there, its length and its keys.
        parts: The fields of an object, or the items of a list under ``"0"``, ``"1"``, ...
        which: How far what chose *this* value may be trusted, apart from what it says: a stranger's letter
            that the person named was chosen by the person; a letter named by a stranger's letter was not.
    """

    data: Json
    label: Label
    parts: dict[str, Value] = field(default_factory=dict[str, "Value"])
    which: Integrity = Integrity.OPERATOR

    @property
    def whole(self) -> Label:
        """The label of everything inside."""
        return join(self.label, *(part.whole for part in self.parts.values()))

    @property
    def chosen(self) -> Integrity:
        """``which`` of everything inside."""
        return min(self.which, *(part.chosen for part in self.parts.values()), Integrity.OPERATOR)

    @property
    def items(self) -> tuple[Value, ...]:
        """The items of a list, in order; nothing for everything else."""
        return tuple(self.parts.values()) if isinstance(self.data, list) else ()

    def at(self, path: str) -> Value:
        """Return the part at a dotted path such as ``"customer.mail"`` or ``"0.id"``.

        A part carries the label of what it stands in: that it is there at all is part of what it says.

        Raises:
            UsageError: ``agents.missing``: there is no such part; names those there are, never values.
        """
        here = self
        for name in path.split(".") if path else ():
            if name not in here.parts:
                there = ", ".join(sorted(here.parts)[:12]) or "no parts"
                raise UsageError(
                    f"there is no part {name!r} of {path!r}; there is {there}", code="agents.missing"
                )
            # The place in a list is a choice, the name of a field is none.
            which = min(here.which, here.label.integrity) if isinstance(here.data, list) else here.which
            here = here.parts[name].under(here.label, which=which)
        return here

    def under(self, *labels: Label, which: Integrity = Integrity.OPERATOR) -> Value:
        """Return the same value that also depends on ``labels`` and was chosen by ``which``."""
        label = join(self.label, *labels)
        return Value(data=self.data, label=label, parts=self.parts, which=min(self.which, which))

    def texts(self) -> Iterator[str]:
        """Yield every text inside, depth first."""
        if isinstance(self.data, str):
            yield self.data
        for part in self.parts.values():
            yield from part.texts()

    def mapped(self, change: Callable[[Label], Label]) -> Value:
        """Return the same value with every label passed through ``change``."""
        parts = {name: part.mapped(change) for name, part in self.parts.items()}
        return Value(data=self.data, label=change(self.label), parts=parts, which=self.which)


def plain(data: Json, label: Label, *, which: Integrity = Integrity.OPERATOR) -> Value:
    """Return ``data`` with one label for every part."""
    parts: dict[str, Value] = {}
    if isinstance(data, Mapping):
        parts = {name: plain(item, label) for name, item in data.items()}
    elif isinstance(data, list):
        parts = {str(i): plain(item, label) for i, item in enumerate(data)}
    return Value(data=data, label=label, parts=parts, which=which)


def listed(items: Sequence[Value], label: Label) -> Value:
    """Return the list of ``items``; ``label`` is of which there are and in what order."""
    data = cast("Json", [item.data for item in items])
    return Value(data=data, label=label, parts={str(i): item for i, item in enumerate(items)})


def steered(*values: Value) -> Integrity:
    """Return who chose what a reader takes out of ``values``.

    A stranger's text may choose among what its own readers may read, and never pull in more.
    """
    labels = {(label.readers, label.integrity) for value in values for label in _labels(value)}
    chose = [
        integrity
        for readers, integrity in labels
        if integrity < Integrity.RECORD and any(not others <= readers for others, _ in labels)
    ]
    return min([Integrity.OPERATOR, *chose, *(value.chosen for value in values)])


def pulled(*values: Value) -> Integrity:
    """Return who chose what a text made of ``values`` holds: a stranger's words pull from all beside them.

    A text made of one stranger's words alone, or with what everybody may read, pulled nothing in.
    """
    inputs = [one for value in values for one in (value.items or (value,))]
    wholes = [one.whole for one in inputs]
    strangers = {place for place, label in enumerate(wholes) if label.integrity < Integrity.RECORD}
    closed = {place for place, label in enumerate(wholes) if label.readers}
    beside = any(closed - {place} for place in strangers)
    return min(steered(*values), Integrity.UNTRUSTED) if beside else steered(*values)


def _labels(value: Value) -> Iterator[Label]:
    yield value.label
    for part in value.parts.values():
        yield from _labels(part)


def together(fields: Mapping[str, Value], label: Label) -> Value:
    """Return the object of ``fields``; ``label`` is of its being there."""
    data = cast("Json", {name: item.data for name, item in fields.items()})
    return Value(data=data, label=label, parts=dict(fields))
