"""Owns the stored form of labels in the journal and on runs, and what a segment knows of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pilothouse.engine.running.values import dump, load
from pilothouse.kernel import wired
from pilothouse.labels import Label, join

__all__ = ["RunLabels", "join_seen", "label_from", "label_text", "run_labels", "run_labels_text"]


@wired("engine.run_labels")
@dataclass(frozen=True, slots=True, kw_only=True)
class RunLabels:
    """The labels a run begins with.

    Attributes:
        pc: Of the choice to start it, and of every argument without a label of its own.
        params: Of single arguments.
    """

    pc: Label
    params: Mapping[str, Label] = field(default_factory=dict[str, Label])

    def of(self, param: str) -> Label:
        """Return the label of one argument."""
        return self.params.get(param, self.pc)


@lru_cache(maxsize=4096)
def label_text(label: Label) -> str:
    """Return the stored form of a label; labels repeat, so the text is kept."""
    return dump(label)


@lru_cache(maxsize=4096)
def label_from(text: str) -> Label:
    """Return the label of a stored form."""
    return load(text)


def run_labels_text(labels: RunLabels | None) -> str | None:
    """Return the stored form of what a run begins with; None stays None."""
    if labels is None:
        return None
    # Put together from the kept texts of the labels: children by the thousand share them.
    params = ",".join(
        f"{json.dumps(name, ensure_ascii=False)}:{label_text(label)}"
        for name, label in sorted(labels.params.items())
    )
    return f'{{"$t":"engine.run_labels@1","v":{{"params":{{{params}}},"pc":{label_text(labels.pc)}}}}}'


@lru_cache(maxsize=1024)
def run_labels(text: str) -> RunLabels:
    """Return the labels of a stored form."""
    found: Any = load(text)
    return found


def join_seen(before: Label | None, seen: Label) -> Label:
    """Return what was seen so far with one more."""
    return seen if before is None else join(before, seen)
