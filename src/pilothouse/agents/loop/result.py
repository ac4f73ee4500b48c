"""Owns what a run of an agent comes to: its answer with labels, and what it took."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from pilothouse.agents.values import Value
from pilothouse.kernel import Json, wired
from pilothouse.labels import Label

__all__ = ["AgentResult", "AgentUse", "Ended"]


@wired("agents.use")
@dataclass(frozen=True, slots=True, kw_only=True)
class AgentUse:
    """What a run used, its sub-agents included."""

    calls: int = 0
    tool_calls: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)


@wired("agents.result")
@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResult:
    """The answer of an agent.

    Attributes:
        agent: Name and version.
        answer: Its answer; every part under its own label.
        use: What it took.
        effects: Ids of the effects of its plan that happened.
        files: What its working directory held at the end, by path; each under its own label.
        degraded: Why some answer was not of the first choice; empty when all were.
        failed: Code of the error for which there is no answer; empty when there is one.
    """

    agent: str
    answer: Value
    use: AgentUse
    files: dict[str, Value] = field(default_factory=dict[str, Value])
    degraded: str = ""
    failed: str = ""

    @property
    def value(self) -> Json:
        """The answer as plain JSON; pass :attr:`label` on with it."""
        return self.answer.data

    @property
    def label(self) -> Label:
        """The label of the whole answer."""
        return self.answer.whole


@wired("agents.ended")
@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a run leaves in the journal: its answer, and all that whoever goes on must know.

    Attributes:
        result: The answer.
        pc: What its context had seen in clear.
        touched: What its family had obtained.
        asked: Questions that were put to people.
        refused: Calls that a person rejected.
        spent: Bits learned, by source.
    """

    result: AgentResult
    pc: Label
    touched: Label
    asked: int = 0
    refused: tuple[str, ...] = ()
    spent: dict[str, float] = field(default_factory=dict[str, float])
