"""Owns the plan: which tools, in which order, where every argument comes from; fixed before data are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, cast

from pilothouse.agents.plans.expressions import Expression, From, Item, Lookup, Pick, Where, expression
from pilothouse.kernel import LimitError, UsageError, content_hash, wired

if TYPE_CHECKING:
    from pilothouse.agents.tools import Toolbox

__all__ = ["MAX_STEPS", "Plan", "Step", "plan", "step"]

MAX_STEPS = 64


@wired("agents.step")
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One slot of a plan.

    Attributes:
        name: What later steps call its result.
        tool: The tool to call.
        args: How each argument is derived.
        each: A list; the tool is called once for each item, which ``Item`` names.
        when: Conditions, all of which must hold; what they rest on rules the call too.
    """

    name: str
    tool: str
    args: dict[str, Expression] = field(default_factory=dict[str, Expression])
    each: Expression | None = None
    when: tuple[Where, ...] = ()


@wired("agents.plan")
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Ordered slots and the answer, written from the trusted request alone.

    Attributes:
        steps: In order.
        answer: What the person is told at the end; None for what the steps did.
    """

    steps: tuple[Step, ...]
    answer: Expression | None = None

    @property
    def hash(self) -> str:
        """SHA-256 of the plan: what a person or an auditor may compare."""
        return content_hash(self)

    def check(self, tools: Toolbox) -> None:
        """Refuse a plan that cannot run.

        Raises:
            UsageError: ``agents.plan``: names the step and what is wrong with it.
            LimitError: ``agents.plan_long``.
        """
        if len(self.steps) > MAX_STEPS:
            raise LimitError(
                f"the plan has {len(self.steps)} steps, {MAX_STEPS} are allowed; ask for less at once",
                code="agents.plan_long",
            )
        known: set[str] = set()
        for here in self.steps:
            if here.name in known:
                raise _wrong(here, "has the name of an earlier step; name them apart")
            _check_step(here, known, tools)
            known.add(here.name)
        for form in _forms(self.answer):
            if isinstance(form, From) and form.step not in known:
                raise UsageError(f"the answer names no step: {form.step!r}", code="agents.plan")


def step(name: str, tool: str, /, *, each: Expression | None = None, when: Where | tuple[Where, ...] = (),
         **args: object) -> Step:  # fmt: skip
    """Return a slot; arguments that are no expressions are what the person said.

    Raises:
        UsageError: ``agents.plan``.
    """
    conditions = when if isinstance(when, tuple) else (when,)
    if not all(isinstance(one, Where) for one in conditions):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _word(name, "when", conditions)
    if each is not None and not isinstance(each, Expression):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _word(name, "each", each)
    derived = {key: expression(value) for key, value in args.items()}
    return Step(name=name, tool=tool, args=derived, each=each, when=conditions)


def plan(*steps: Step, answer: Expression | None = None) -> Plan:
    """Return a plan of ``steps``."""
    return Plan(steps=steps, answer=answer)


def _check_step(here: Step, known: set[str], tools: Toolbox) -> None:
    declared = tools.find(here.tool)
    if declared is None:
        raise _wrong(here, f"calls {here.tool!r}, which is no tool here; there is {', '.join(tools.names())}")
    missing = [name for name in declared.required if name not in here.args]
    if missing and missing[0] in ("each", "when"):
        raise _word(here.name, missing[0], None)
    if missing:
        raise _wrong(here, f"lacks the argument {missing[0]!r} of {here.tool!r}")
    for form in _of_step(here):
        if isinstance(form, From) and form.step not in known:
            raise _wrong(here, f"uses {form.step!r}, which is no earlier step")
        if isinstance(form, Item) and here.each is None:
            raise _wrong(here, "uses Item without each")
        if isinstance(form, Lookup) and tools.reader(form.tool) is None:
            raise _wrong(here, f"looks up with {form.tool!r}, which is not a tool that only reads")


def _of_step(here: Step) -> Iterator[object]:
    for form in (*here.args.values(), here.each, *here.when):
        yield from _forms(form)


def _forms(form: object) -> Iterator[object]:
    """Yield a form and every form inside it."""
    if isinstance(form, Mapping):
        for part in cast("Mapping[str, object]", form).values():
            yield from _forms(part)
        return
    if isinstance(form, tuple):
        for part in cast("tuple[object, ...]", form):
            yield from _forms(part)
        return
    module = type(form).__module__
    if form is None or module != From.__module__:
        return
    yield form
    for one in fields(cast("Pick", form)):
        yield from _forms(getattr(form, one.name))


def _word(name: str, word: str, value: object) -> UsageError:
    return UsageError(
        f"step {name!r}: {word}={value!r} is a word of plans, not an argument of the tool; give a tool's own "
        f"{word!r} as Step(name=..., tool=..., args={{{word!r}: Said(...)}})",
        code="agents.plan",
    )


def _wrong(here: Step, what: str) -> UsageError:
    return UsageError(f"step {here.name!r} {what}", code="agents.plan")
