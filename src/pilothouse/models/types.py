"""Owns the nouns of a model call: what is asked, what streams back, what it cost; every part labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from pilothouse.kernel import Json, Principal, UsageError, wired
from pilothouse.labels import Label, join

__all__ = [
    "Answer",
    "ChatEvent",
    "ChatRequest",
    "Delta",
    "Finished",
    "Limits",
    "Message",
    "Part",
    "Restarted",
    "Started",
    "ToolChoice",
    "ToolSpec",
    "Usage",
]

Role = Literal["system", "user", "assistant", "tool"]


@wired("models.part")
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a prompt; nothing without a label is ever sent."""

    text: str
    label: Label


@wired("models.tool_choice")
@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """A model's choice of a tool; it is data until the agent's loop has checked it."""

    id: str
    tool: str
    arguments: dict[str, Json]


@wired("models.message")
@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a conversation.

    Attributes:
        choices: Of an assistant: the tools it chose.
        answers: Of a tool: the id of the choice that this is the result of.
    """

    role: Role
    parts: tuple[Part, ...] = ()
    choices: tuple[ToolChoice, ...] = ()
    answers: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What a model is told of a tool; ``parameters`` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one call may use; always finite.

    Attributes:
        output_tokens: Most tokens of the answer.
        seconds: Deadline of the whole call, fail-over included.
        money: Most it may cost; None leaves it to the budgets.
    """

    output_tokens: int = 1024
    seconds: float = 60.0
    money: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One call of a model, by task; which model answers is the route's affair.

    Attributes:
        task: Name of a route, such as ``plan`` or ``read``.
        messages: The conversation; every part labelled.
        principal: On whose rights.
        caller: The agent or workflow version that asks, such as ``claims-reader@3``.
        run: The asking run; None outside runs.
        call_id: Stable over attempts, take-over and replay, such as ``run:step``; empty makes a new one.
        tools: What the model may choose; empty for words or ``schema``.
        schema: JSON Schema the answer must fit; None for words.
        language: Language of the text, as far as known (ISO 639-1).
    """

    task: str
    messages: tuple[Message, ...]
    principal: Principal
    caller: str = ""
    run: str | None = None
    call_id: str = ""
    tools: tuple[ToolSpec, ...] = ()
    schema: Mapping[str, Json] | None = None
    limits: Limits = field(default_factory=Limits)
    temperature: float = 0.0
    seed: int = 0
    language: str = ""

    @property
    def label(self) -> Label:
        """The join of the whole prompt; the answer carries it.

        Raises:
            UsageError: ``models.empty``: there is no part, so nobody knows what the answer would rest on.
        """
        labels = [part.label for message in self.messages for part in message.parts]
        if not labels:
            raise UsageError("a model call needs at least one labelled part", code="models.empty")
        return join(labels[0], *labels[1:])


@wired("models.usage")
@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a call used; ``cost`` in the currency of the project's price lists."""

    prompt_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cpu_seconds: float = 0.0
    cost: Decimal = Decimal(0)


@wired("models.answer")
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    Attributes:
        text: The words; with ``schema`` the JSON as the model wrote it.
        value: With ``schema``: the parsed answer, validated.
        choices: Tools it chose, validated against their schemas.
        label: Join of the whole prompt.
        call: Id of the stored call.
        degraded: Why this was not the route's first choice; empty when it was.
    """

    text: str
    label: Label
    provider: str
    model: str
    call: str
    value: Json = None
    choices: tuple[ToolChoice, ...] = ()
    usage: Usage = field(default_factory=Usage)
    degraded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """First event: who answers."""

    provider: str
    model: str
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """What was streamed so far is void; another provider starts anew."""

    provider: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Last event."""

    answer: Answer


ChatEvent = Started | Delta | Restarted | Finished
