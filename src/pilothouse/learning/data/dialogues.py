"""Owns examples as question and answer, for learners of text: the form a reader asks a model to fill."""

from __future__ import annotations

import json

from pilothouse.documents.claims import Task, instructions_for
from pilothouse.kernel import DataError
from pilothouse.learning.data.examples import Examples
from pilothouse.learning.data.splits import held_out
from pilothouse.learning.data.wordings import Reading, collect, prepare_all, units_of

__all__ = ["as_dialogues"]

Row = dict[str, str]


def as_dialogues(task: Task, examples: Examples, *, seed: int = 0) -> tuple[list[Row], list[Row]]:
    """Return prompts and completions to train on and, of other layouts, to measure on.

    Raises:
        DataError: ``learning.too_few``: no layout could be kept aside.
    """
    types = tuple(one.name for one in task.types if not one.mention)
    readings = prepare_all(examples, task)
    wordings = collect(readings, types)
    units = units_of(wordings)
    kept = held_out(wordings, units, types, share=0.2, seed=seed)
    train: list[Row] = []
    held: list[Row] = []
    for one in readings:
        aside = any(units[name] in kept for name in one.said.values())
        (held if aside else train).append(_row(task, types, one))
    if not held or not train:
        raise DataError(
            f"{len(examples)} examples have too few wordings to keep a layout aside", code="learning.too_few"
        )
    return train, held


def _row(task: Task, types: tuple[str, ...], one: Reading) -> Row:
    said = {
        n: marked.sentence.text
        for n, marked in enumerate(one.prepared.marked)
        if marked.sentence.kind == "said"
    }
    claims: list[dict[str, str]] = []
    for type_ in sorted(one.example.labels & set(types)):
        met = [m.sentence for m in one.prepared.met if m.rule.type == type_ and m.sentence in said]
        quote = one.example.quotes.get(type_) or said.get(met[0] if met else next(iter(said), -1), "")
        if quote:
            claims.append({"type": type_, "quote": quote})
    text = "\n".join(marked.sentence.text for marked in one.prepared.marked)
    first = next(iter(one.said.values()), "")
    return {
        "prompt": f"{instructions_for(task, types)}\n\n{text}\n",
        "completion": json.dumps({"claims": claims}, ensure_ascii=False),
        "layout": one.example.group or first[:60],
    }
