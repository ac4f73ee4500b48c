"""Owns the language in which a plan says where an argument comes from: small, closed, each form with a label.

A form's label follows from its parts and is written beside it below; no form raises integrity, none lowers
readers. Everything a plan writes out (values, patterns, questions, templates, predicates) was said by the
person or follows from what they said alone, so it is ``operator``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from pilothouse.kernel import Json, UsageError, wired
from pilothouse.labels import Boolean, Choice, Number

__all__ = [
    "Choose",
    "Count",
    "Draft",
    "Expression",
    "Find",
    "Fold",
    "From",
    "Given",
    "Item",
    "Lookup",
    "Operator",
    "Pick",
    "Question",
    "Recall",
    "Said",
    "Same",
    "Several",
    "Text",
    "Where",
    "expression",
    "lookup",
    "text",
    "where",
]

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "in", "has", "starts"]


@wired("agents.said")
@dataclass(frozen=True, slots=True)
class Said:
    """A value from the trusted request. Label: ``operator``, public."""

    value: Json


@wired("agents.from")
@dataclass(frozen=True, slots=True)
class From:
    """An earlier step's result, or a part of it. Label: the part's own, and of what it stands in."""

    step: str
    path: str = ""


@wired("agents.item")
@dataclass(frozen=True, slots=True)
class Item:
    """The item of the step's ``each``. Label: the item's own, and of the list."""

    path: str = ""


@wired("agents.where")
@dataclass(frozen=True, slots=True)
class Where:
    """One condition: a field (dotted path), or for a step's ``when`` an expression, against a value.

    ``has`` and ``starts`` compare texts without regard to case; ``in`` wants the field in a list.
    """

    left: Expression
    op: Operator
    right: Expression


@wired("agents.pick")
@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """Rows chosen by a predicate in code. Label: the chosen rows' own, of the list, of every field tested.

    A row that a stranger may have put there counts only if it is chosen: else it is as if it were absent.

    Attributes:
        rows: A list of objects.
        where: Conditions, all of which hold; their ``left`` is the name of a field.
        order: Field to sort by before taking; a leading ``-`` sorts from large to small.
        take: ``only`` (there must be exactly one), ``first``, or ``all``.
        path: The part wanted of each row; empty for the row.
    """

    rows: Expression = field(kw_only=False)
    where: tuple[Where, ...] = ()
    order: str = ""
    take: Literal["only", "first", "all"] = "only"
    path: str = ""


@wired("agents.lookup")
@dataclass(frozen=True, slots=True)
class Lookup:
    """A record read by key. Label: the record's own copy, joined with the key's.

    So a look-up keyed by what the person said yields the record's trust, and one keyed by a stranger's text
    stays untrusted.
    """

    tool: str
    args: dict[str, Expression] = field(default_factory=dict[str, "Expression"])
    path: str = ""


@wired("agents.find")
@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """The only value of its kind in a text, found by code. Label: the text's.

    Two different values of the kind are none: a text that holds a rival proves nothing and asks nobody.

    Attributes:
        of: The text.
        kind: A recogniser of ``labels`` such as ``iban`` or ``email``, or ``number``, ``amount``, ``date``,
            ``url``.
        pattern: A regular expression instead; its first group, if it has one, is the value.
        after: Words that must stand right before the value on its line.
        take: ``only``, or ``all`` for a list.
    """

    of: Expression = field(kw_only=False)
    kind: str = ""
    pattern: str = ""
    after: str = ""
    take: Literal["only", "all"] = "only"


@wired("agents.question")
@dataclass(frozen=True, slots=True)
class Question:
    """A typed question to a reader without tools. Label: of what it reads; charged to the bit budget."""

    of: Expression
    question: str
    answer: Boolean | Choice | Number


@wired("agents.choose")
@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    """A reader's choice among records; the record's copy goes on. Label: of the text, joined with the list's.

    Attributes:
        of: What the reader reads.
        question: What it is asked.
        among: A list of objects, at most 64.
        by: The field that names one to the reader.
        path: The part wanted of the chosen one.
        apart: Read each item of a list alone and take what most of them name, so that one planted item has
            one voice. A tie is no answer.
    """

    of: Expression = field(kw_only=False)
    question: str = field(kw_only=False)
    among: Expression
    by: str
    path: str = ""
    apart: bool = False


@wired("agents.draft")
@dataclass(frozen=True, slots=True)
class Draft:
    """Text that a writer without tools makes of others. Label: the join of all it reads."""

    of: tuple[Expression, ...]
    instruction: str


@wired("agents.text")
@dataclass(frozen=True, slots=True)
class Text:
    """A template such as ``"Rent for {month}"``. Label: the join of its parts."""

    template: str
    parts: dict[str, Expression] = field(default_factory=dict[str, "Expression"])


@wired("agents.fold")
@dataclass(frozen=True, slots=True)
class Fold:
    """A figure made of several. Label: the join of all.

    ``minus`` and ``times`` take the first with each following one; the others take any number.
    """

    op: Literal["sum", "minus", "times", "min", "max", "mean"]
    of: tuple[Expression, ...]
    path: str = ""


@wired("agents.count")
@dataclass(frozen=True, slots=True)
class Count:
    """How many items a list has. Label: the list's and of every item's being there."""

    of: Expression


@wired("agents.several")
@dataclass(frozen=True, slots=True)
class Several:
    """A list of what several forms say. Label: each its own."""

    of: tuple[Expression, ...]


@wired("agents.same")
@dataclass(frozen=True, slots=True)
class Same:
    """A record's value that a text must agree with. Label: the record's alone.

    What the text says decides only whether the plan goes on: if the two differ the step stops and nobody is
    asked, so what goes out is the record's copy or nothing.
    """

    record: Expression
    said: Expression


@wired("agents.recall")
@dataclass(frozen=True, slots=True)
class Recall:
    """What was noted before under a name. Label: the one it was noted with."""

    name: str


@wired("agents.given")
@dataclass(frozen=True, slots=True)
class Given:
    """Data that came with the request: an attachment, a pasted block. Label: the one it came with."""

    name: str
    path: str = ""


Expression: TypeAlias = (
    Said | From | Item | Pick | Lookup | Find | Question | Choose | Draft | Text | Fold | Count
    | Several | Same | Recall | Given
)  # fmt: skip
_FORMS = (
    Said, From, Item, Pick, Lookup, Find, Question, Choose, Draft, Text, Fold, Count, Several, Same, Recall,
    Given,
)  # fmt: skip


def expression(value: object) -> Expression:
    """Return an expression as it is, and JSON as what the person said.

    Raises:
        UsageError: ``agents.plan``: something that is neither; an expression hidden inside JSON.
    """
    if isinstance(value, _FORMS):
        return value
    if _hides(value):
        raise UsageError(
            f"{value!r} holds an expression inside a list or an object; write Text or Several",
            code="agents.plan",
        )
    return Said(cast("Json", value))


def where(left: object, op: Operator, right: object) -> Where:
    """Return a condition; what is no expression is what the person said.

    Args:
        left: The name of a field of a ``Pick``'s rows, or for a step's ``when`` what is compared.
        op: How.
        right: With what.
    """
    return Where(expression(left), op, expression(right))


def lookup(tool: str, path: str = "", /, **args: object) -> Lookup:
    """Return a look-up with a reading tool; arguments that are no expressions are what the person said."""
    return Lookup(tool, {name: expression(value) for name, value in args.items()}, path)


def text(template: str, /, **parts: object) -> Text:
    """Return a template with its parts."""
    return Text(template, {name: expression(value) for name, value in parts.items()})


def _hides(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_hides(item) for item in cast("Mapping[str, object]", value).values())
    if isinstance(value, list | tuple):
        return any(_hides(item) for item in cast("list[object]", value))
    return not (value is None or isinstance(value, str | int | float | bool))
