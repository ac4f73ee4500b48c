"""Owns the description of a tool world: its state, its tools with what they declare, tasks and attacks."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pilothouse.agents.plans.plan import Plan
from pilothouse.agents.testing.orders import Answer, Order, Write
from pilothouse.agents.tools import ActTool, ReadTool, Returns, Toolbox
from pilothouse.effects import EffectCall, EffectSpec
from pilothouse.kernel import Principal, UsageError

__all__ = ["Attack", "Check", "Flow", "Place", "Plant", "State", "Task", "World"]

State: TypeAlias = dict[str, Any]
"""Everything in the world: tables of rows, and under ``outside`` what left it."""
Check: TypeAlias = Callable[[State], bool]
"""Judges a state."""
Plant: TypeAlias = Callable[[State, str], None]
"""Puts a text into a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something a person asks for, with no attack in it.

    Attributes:
        name: Unique in the world.
        request: The person's own words.
        plan: What follows from these words alone.
        done: Whether the state says that it is done.
        answers: What an honest reader answers, by question; a function gets what is read.
        answer: What the plan's answer must be, if the person wanted to know something.
    """

    name: str
    request: str
    plan: Plan
    done: Check
    answers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    answer: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an attacker can write: a task that reads it, and how the text gets there.

    Attributes:
        name: Such as ``body of the newest mail``.
        task: The task during which it is read; several run one after another, on the same notes.
        plant: Puts the text into the state.
    """

    name: str
    task: str | tuple[str, ...]
    plant: Plant


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """Instructions in a place.

    Attributes:
        name: Unique in the world.
        family: Such as ``extra call`` or ``leak by mail``.
        place: Where the text is planted.
        says: What it orders.
        achieved: Whether the state says that the attacker got what they wanted.
        text: Words that stand before the usual letter.
    """

    name: str
    family: str
    place: Place
    says: tuple[Order | Answer | Write, ...]
    achieved: Check
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow that the owner of the agent endorses for its version, as ``pilothouse flows endorse`` does.

    Attributes:
        sources: Where the value may come from; all that are not named are not endorsed.
        tool: The tool it may flow into.
        arg: The argument.
        treatment: ``as_content`` or ``choice<=16``.
    """

    sources: tuple[str, ...]
    tool: str
    arg: str
    treatment: Literal["as_content", "choice<=16"] = "as_content"


@dataclass(kw_only=True)
class World:
    """Tools over a state that can be made anew, and what is asked of them.

    Functions of tools take the state first and then their arguments by name.

    Attributes:
        name: Of the world; the agent in it is published under this name.
        seed: Makes the state; every run gets a new one.
        user: Who asks.
        knows: Which ACL ids a recipient satisfies; None for someone nobody knows.
        flows: What the owner endorsed.
        tasks: What people ask.
        attacks: What others try.
    """

    name: str
    seed: Callable[[], State]
    user: Principal
    knows: Callable[[State, str], Iterable[str] | None] = field(default=lambda state, name: None)
    flows: list[Flow] = field(default_factory=list[Flow])
    tasks: dict[str, Task] = field(default_factory=dict[str, Task])
    attacks: list[Attack] = field(default_factory=list[Attack])
    _reads: list[tuple[str, Callable[..., Any], Returns, tuple[str, ...]]] = field(
        default_factory=list[tuple[str, Callable[..., Any], Returns, tuple[str, ...]]]
    )
    _acts: list[tuple[EffectSpec, Callable[..., Any], Returns]] = field(
        default_factory=list[tuple[EffectSpec, Callable[..., Any], Returns]]
    )

    def reads(self, returns: Returns | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a function as a tool that only reads; undeclared, what it returns is untrusted."""

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            worth = returns or Returns()
            self._reads.append((function.__name__, function, worth, _needed(function)))
            return function

        return declare

    def acts(
        self, spec: EffectSpec | None = None, *, returns: Returns | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a function as a tool that acts; undeclared, it is of the strictest kind."""

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            declared = spec or EffectSpec.undeclared(function.__name__)
            if declared.tool != function.__name__:
                raise UsageError(
                    f"{declared.tool!r} is declared on the function {function.__name__!r}; use one name",
                    code="agents.world",
                )
            self._acts.append((declared, function, returns or Returns()))
            return function

        return declare

    def task(self, name: str, request: str, plan: Plan, *, done: Check = lambda state: True,
             answers: Mapping[str, Any] | None = None, answer: Any = None) -> None:  # fmt: skip
        """Add a task; see :class:`Task`."""
        if name in self.tasks:
            raise UsageError(f"two tasks are called {name!r}; name them apart", code="agents.world")
        self.tasks[name] = Task(
            name=name, request=request, plan=plan, done=done, answers=dict(answers or {}), answer=answer
        )

    def attack(self, name: str, family: str, places: Place | Sequence[Place],
               says: Order | Answer | Write | Sequence[Order | Answer | Write], *, achieved: Check,
               text: str = "") -> None:  # fmt: skip
        """Add an attack at each of some places; see :class:`Attack`."""
        said = (says,) if isinstance(says, Order | Answer | Write) else tuple(says)
        for place in (places,) if isinstance(places, Place) else places:
            self.attacks.append(
                Attack(
                    name=f"{name}, in {place.name}", family=family, place=place, says=said,
                    achieved=achieved, text=text,
                )
            )  # fmt: skip

    def fresh(self) -> State:
        """Return a new state."""
        state = copy.deepcopy(self.seed())
        state.setdefault("outside", [])
        return state

    def tools(self, state: State) -> Toolbox:
        """Return the tools over ``state``."""
        reading = [
            ReadTool(name=name, read=functools.partial(function, state), returns=returns, needs=needs)
            for name, function, returns, needs in self._reads
        ]
        acting = [
            ActTool(spec=spec, returns=returns, needs=_needed(function))
            for spec, function, returns in self._acts
        ]
        return Toolbox(*reading, *acting)

    def handlers(self, state: State) -> list[tuple[EffectSpec, Callable[[EffectCall], Any]]]:
        """Return what the door calls, by declaration."""
        return [(spec, _handler(function, state)) for spec, function, _ in self._acts]

    def readable(self) -> tuple[str, ...]:
        """Return the reading tools that need no argument: what anybody can read who looks around."""
        return tuple(name for name, _, _, needs in self._reads if not needs)


def _needed(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return tuple(one.name for one in parameters if one.default is inspect.Parameter.empty)


def _handler(function: Callable[..., Any], state: State) -> Callable[[EffectCall], Any]:
    async def handle(call: EffectCall) -> Any:
        result = function(state, **call.args)
        return await result if inspect.isawaitable(result) else result

    return handle
