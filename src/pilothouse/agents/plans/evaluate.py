"""Owns what an expression of a plan yields: a value and its label, from those of its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from string import Formatter
from typing import Protocol, cast

from pilothouse.agents.plans.expressions import (
    Choose,
    Count,
    Draft,
    Expression,
    Find,
    Fold,
    From,
    Given,
    Item,
    Lookup,
    Pick,
    Question,
    Recall,
    Said,
    Same,
    Several,
    Text,
    Where,
)
from pilothouse.agents.plans.finding import found, only
from pilothouse.agents.plans.picking import holds, pick
from pilothouse.agents.values import Value, listed, plain, pulled, steered
from pilothouse.kernel import DataError, Json, UsageError
from pilothouse.labels import Choice, Integrity, Label, join

__all__ = ["Evaluator", "Quarantine", "Source"]

MOST_OPTIONS = 64
LONGEST = 200_000
NONE = "none of them"


class Quarantine(Protocol):
    """Reads for the plan, without tools; every answer is charged and keeps the label of what was read."""

    async def answer(self, of: Value, question: Question) -> Value:
        """Return the typed answer."""
        ...

    async def write(self, of: Sequence[Value], instruction: str) -> Value:
        """Return a text made of ``of``."""
        ...


Source = Callable[[str, Mapping[str, Value]], Awaitable[Value]]
"""Calls a reading tool with labelled arguments."""


@dataclass(kw_only=True)
class Evaluator:
    """Evaluates the expressions of one plan.

    Attributes:
        said: The label of the person's words.
        read: Calls a tool that only reads.
        quarantine: Answers questions about texts.
        recall: What was noted before.
        results: Of earlier steps, by name.
        given: What came with the request as data.
        item: The item of the step's ``each``.
        choices: Of the last argument: the closed list it was chosen from, with the list's label.
    """

    said: Label
    read: Source
    quarantine: Quarantine
    recall: Callable[[str], Value]
    results: dict[str, Value] = field(default_factory=dict[str, Value])
    given: Mapping[str, Value] = field(default_factory=dict[str, Value])
    item: Value | None = None
    choices: Value | None = None

    async def of(self, form: Expression) -> Value:
        """Return what ``form`` yields.

        Raises:
            DataError: ``agents.nothing``, ``agents.rival``, ``agents.differs``: there is no such value.
            UsageError: ``agents.missing``: a part that is not there.
        """
        match form:
            case Said(value):
                return plain(value, self.said)
            case From(name, path):
                return self.results[name].at(path)
            case Item(path):
                return cast("Value", self.item).at(path)
            case Given(name, path):
                return self._given(name).at(path)
            case Recall(name):
                return self.recall(name)
            case Text() | Fold() | Count() | Several() | Same():
                return await self._made(form)
            case _:
                return await self._found(form)

    async def holds(self, conditions: Sequence[Where]) -> tuple[bool, list[Label]]:
        """Return whether all conditions hold, and what that rests on."""
        labels: list[Label] = []
        for one in conditions:
            left, right = await self.of(one.left), await self.of(one.right)
            labels += [left.whole, right.whole]
            if not holds(left.data, one.op, right.data):
                return False, labels
        return True, labels

    async def _found(self, form: Pick | Lookup | Find | Question | Choose | Draft) -> Value:
        match form:
            case Pick():
                rows = await self.of(form.rows)
                tests = [(one, await self.of(one.right)) for one in form.where]
                return pick(form, rows, tests)
            case Lookup(tool, args, path):
                values = {name: await self.of(one) for name, one in args.items()}
                return (await self.read(tool, values)).at(path)
            case Find():
                return _find(form, await self.of(form.of))
            case Question():
                return await self.quarantine.answer(await self.of(form.of), form)
            case Choose():
                return await self._chosen(form)
            case Draft(of, instruction):
                return await self.quarantine.write([await self.of(one) for one in of], instruction)

    async def _made(self, form: Text | Fold | Count | Several | Same) -> Value:
        match form:
            case Text(template, parts):
                values = {name: await self.of(one) for name, one in parts.items()}
                return _text(template, values, self.said)
            case Fold():
                return _folded(form, [await self.of(one) for one in form.of], self.said)
            case Count(of):
                value = await self.of(of)
                there = [value.label, *(item.label for item in value.items)]
                return plain(len(value.items), join(*there), which=value.chosen)
            case Several(of):
                return listed([await self.of(one) for one in of], self.said)
            case Same(record, said):
                return _agreed(await self.of(record), await self.of(said))

    async def _chosen(self, form: Choose) -> Value:
        rows = await self.of(form.among)
        named = {str(row.at(form.by).data): row for row in rows.items}
        if not 0 < len(named) <= MOST_OPTIONS or len(named) != len(rows.items):
            raise DataError(
                f"there are {len(rows.items)} records to choose from by {form.by!r}; between 1 and "
                f"{MOST_OPTIONS} with different names are needed",
                code="agents.nothing",
            )
        text = await self.of(form.of)
        answer = await self._named(form, text, tuple(sorted(named)))
        self.choices = listed([row.at(form.path) for row in rows.items], rows.whole)
        which = min(answer.whole.integrity, rows.chosen)
        return named[str(answer.data)].at(form.path).under(answer.whole, rows.label, which=which)

    async def _named(self, form: Choose, text: Value, options: tuple[str, ...]) -> Value:
        """Return the name of the chosen one: one answer about all, or the most frequent one about each."""
        if not form.apart:
            return await self.quarantine.answer(text, Question(form.of, form.question, Choice(options)))
        asked = Question(form.of, form.question, Choice((*options, NONE)))
        answers = [await self.quarantine.answer(item, asked) for item in text.items]
        counts = Counter(str(answer.data) for answer in answers if answer.data != NONE).most_common(2)
        if not counts or (len(counts) > 1 and counts[0][1] == counts[1][1]):
            raise DataError(
                "the texts name none of them, or two as often; choose yourself", code="agents.rival"
            )
        return plain(counts[0][0], text.whole, which=steered(text))

    def _given(self, name: str) -> Value:
        if name not in self.given:
            raise UsageError(f"nothing was given as {name!r}; attach it", code="agents.missing")
        return self.given[name]


def _find(form: Find, of: Value) -> Value:
    text = "\n".join(of.texts())[:LONGEST]
    values = found(text, kind=form.kind, pattern=form.pattern, after=form.after)
    label, which = of.whole, steered(of)
    if form.take == "all":
        return listed([plain(one, label, which=which) for one in values], label)
    what = form.kind or repr(form.pattern)
    what += f" after {form.after!r}" if form.after else ""
    return plain(only(values, what=what), label, which=which)


def _text(template: str, values: Mapping[str, Value], said: Label) -> Value:
    try:
        named = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    except ValueError:
        named = {template}
    # Only whole parts: a path into a value is Python's business, not a plan's.
    if not named <= values.keys():
        raise UsageError(
            f"template {template!r} does not fit the parts {sorted(values)!r}", code="agents.plan"
        )
    text = template.format_map({name: _words(value.data) for name, value in values.items()})
    which = pulled(*values.values())
    return plain(text, join(said, *(value.whole for value in values.values())), which=which)


def _words(data: Json) -> str:
    if isinstance(data, list):
        return ", ".join(_words(item) for item in data)
    return str(data)


def _folded(form: Fold, of: Sequence[Value], said: Label) -> Value:
    parts = [
        one.at(form.path)
        for value in of
        for one in (value.items if isinstance(value.data, list) else (value,))
    ]
    label = join(said, *(value.label for value in of), *(part.whole for part in parts))
    numbers = [_number(part.data) for part in parts]
    if not numbers and form.op != "sum":
        raise DataError(f"there is nothing to take the {form.op} of", code="agents.nothing")
    total = numbers[0] if numbers else Decimal(0)
    match form.op:
        case "sum":
            total = sum(numbers, Decimal(0))
        case "mean":
            total = sum(numbers, Decimal(0)) / len(numbers)
        case "min":
            total = min(numbers)
        case "max":
            total = max(numbers)
        case "minus":
            total -= sum(numbers[1:], Decimal(0))
        case "times":
            for number in numbers[1:]:
                total *= number
    figure = int(total) if total == int(total) else float(round(total, 6))
    return plain(figure, label, which=min([Integrity.OPERATOR, *(value.chosen for value in of)]))


def _number(data: Json) -> Decimal:
    try:
        if isinstance(data, bool) or not isinstance(data, int | float | str):
            raise ValueError
        return Decimal(str(data))
    except (InvalidOperation, ValueError) as error:
        kind = type(data).__name__
        raise DataError(
            f"a figure is needed, but a part is {kind} and no number", code="agents.not_a_number"
        ) from error


def _agreed(record: Value, said: Value) -> Value:
    if not holds(record.data, "=", said.data):
        raise DataError(
            "what the text says differs from the record; nothing was called, look at both",
            code="agents.differs",
        )
    return record
