"""Owns a model that says what a script says: for tests of agents, in place of the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pilothouse.kernel import Json
from pilothouse.models import Answer, ChatEvent, ChatRequest, Finished, Started, ToolChoice, Usage

__all__ = ["Calls", "Fills", "ScriptedModel", "says"]


@dataclass(frozen=True, slots=True)
class Calls:
    """The model chooses tools, in this order."""

    calls: tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class Fills:
    """The model fills the form that it was given."""

    value: Json


Said = str | Calls | Fills


def says(*calls: tuple[str, Mapping[str, Any]]) -> Calls:
    """Return a turn that calls tools: ``says(("look", {"id": "7"}))``."""
    return Calls(calls)


@dataclass
class ScriptedModel:
    """Answers by a script: turn after turn, or by a function of the request.

    Attributes:
        script: The turns, or the function.
        asked: Every request that came.
        cost: Of each call.
    """

    script: Sequence[Said] | Callable[[ChatRequest], Said]
    asked: list[ChatRequest] = field(default_factory=list[ChatRequest])
    cost: Decimal = Decimal(0)

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatEvent]:
        """Yield the turn as the gateway would."""
        place = len(self.asked)
        self.asked.append(request)
        said = self.script(request) if callable(self.script) else self.script[place]
        yield Started(provider="script", model="script-1", label=request.label)
        text = said if isinstance(said, str) else ""
        calls = said.calls if isinstance(said, Calls) else ()
        choices = tuple(
            ToolChoice(id=f"c{len(request.messages)}-{number}", tool=tool, arguments=dict(args))
            for number, (tool, args) in enumerate(calls)
        )
        letters = sum(len(part.text) for message in request.messages for part in message.parts)
        yield Finished(
            answer=Answer(
                text=text, label=request.label, provider="script", model="script-1", call=f"call-{place}",
                value=said.value if isinstance(said, Fills) else None, choices=choices,
                usage=Usage(prompt_tokens=letters // 4, output_tokens=len(text) // 4 + 10, cost=self.cost),
            )
        )  # fmt: skip
