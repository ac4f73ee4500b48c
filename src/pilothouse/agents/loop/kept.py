"""Owns the stored form of a labelled result: its data once, each label once, and which part has which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from pilothouse.agents.values import Value
from pilothouse.kernel import DataError, Json, wired
from pilothouse.labels import Integrity, Label

__all__ = ["Kept", "kept", "value_of"]


@wired("agents.kept")
@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A result as the journal has it.

    Attributes:
        data: The whole.
        labels: Every label in it, each once.
        tree: A number for a part that has one label all through, else ``{"l", "w", "p"}``: the part's own
            label, who chose it, and its parts.
    """

    data: Json
    labels: tuple[Label, ...]
    tree: Json


def kept(value: Value) -> Kept:
    """Return the stored form of ``value``."""
    labels: dict[Label, int] = {}
    tree = _tree(value, labels)
    return Kept(data=value.data, labels=tuple(labels), tree=tree)


def value_of(stored: object) -> Value:
    """Return the value that was stored.

    Raises:
        DataError: ``agents.kept``: something else was stored.
    """
    if not isinstance(stored, Kept):
        raise DataError(f"{type(stored).__name__} is no stored result", code="agents.kept")
    return _value(stored.data, stored.tree, stored.labels)


def _tree(value: Value, labels: dict[Label, int]) -> Json:
    place = labels.setdefault(value.label, len(labels))
    parts = {name: _tree(part, labels) for name, part in value.parts.items()}
    if value.which is Integrity.OPERATOR and all(part == place for part in parts.values()):
        return place
    return {"l": place, "w": int(value.which), "p": parts}


def _value(data: Json, tree: Json, labels: tuple[Label, ...]) -> Value:
    items = _items(data)
    if isinstance(tree, int):
        label = labels[tree]
        parts = {name: _value(item, tree, labels) for name, item in items.items()}
        return Value(data=data, label=label, parts=parts)
    node = cast("dict[str, Json]", tree)
    inside = cast("dict[str, Json]", node["p"])
    return Value(
        data=data,
        label=labels[cast("int", node["l"])],
        parts={name: _value(items[name], inside[name], labels) for name in inside},
        which=Integrity(cast("int", node["w"])),
    )


def _items(data: Json) -> Mapping[str, Json]:
    if isinstance(data, dict):
        return data
    return {str(place): item for place, item in enumerate(data)} if isinstance(data, list) else {}
