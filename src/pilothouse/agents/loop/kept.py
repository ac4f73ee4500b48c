"""Owns the stored form of a labelled result: its data once, each label once, and which part has which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pilothouse.agents.values import Value
from pilothouse.kernel import DataError, Json
from pilothouse.labels import Integrity, Label

__all__ = ["kept", "value_of"]


def kept(value: Value, label: Label) -> dict[str, Any]:
    """Return the stored form of ``value``; ``label`` stands on its entry and is not stored again.

    ``data`` is the whole, ``labels`` every label in it once, ``tree`` a number for a part that has one label
    all through, else ``{"l", "w", "p"}``: the part's own label, who chose it, and its parts.
    """
    labels: dict[Label, int] = {}
    tree = _tree(value, labels)
    if tree == 0 and tuple(labels) == (label,):
        return {"data": value.data}
    return {"data": value.data, "labels": list(labels), "tree": tree}


def value_of(stored: Any, label: Label) -> Value:
    """Return the value that was stored with an entry of this label.

    Raises:
        DataError: ``agents.kept``: something else was stored.
    """
    if not isinstance(stored, dict) or "data" not in stored:
        kind = type(cast("object", stored)).__name__
        raise DataError(f"{kind} is no stored result", code="agents.kept")
    found = cast("dict[str, Any]", stored)
    if "tree" not in found:
        return _value(found["data"], 0, (label,))
    return _value(found["data"], found["tree"], tuple(found["labels"]))


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
