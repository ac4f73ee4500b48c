"""Owns what a run of an agent has used, its sub-agents included, and where it must stop."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pilothouse.kernel import LimitError

if TYPE_CHECKING:
    from pilothouse.agents.specs.spec import AgentBudget
    from pilothouse.models import Usage

__all__ = ["Meter"]


class Meter:
    """Counts calls, tools, tokens, money and seconds; what a sub-agent uses counts for all above it.

    Args:
        agent: Whose budget it is; errors name it.
        budget: The budget.
        began: When the run began.
        above: The meter of the agent that asked this one.
    """

    def __init__(self, agent: str, budget: AgentBudget, began: float, above: Meter | None = None) -> None:
        self._agent, self._budget, self._began, self._above = agent, budget, began, above
        self.calls = 0
        self.tools = 0
        self.prompt_tokens = 0
        self.output_tokens = 0
        self.cached_tokens = 0
        self.cost = Decimal(0)
        self._waited = 0.0

    @property
    def depth(self) -> int:
        """How deep this agent runs below the first."""
        return 0 if self._above is None else self._above.depth + 1

    @property
    def tokens(self) -> int:
        """Of all prompts and answers."""
        return self.prompt_tokens + self.output_tokens

    def left(self, now: float) -> float:
        """Return the seconds that are left to this agent and all above it."""
        mine = self._budget.seconds - (now - self._began - self._waited)
        return mine if self._above is None else min(mine, self._above.left(now))

    def deeper(self) -> None:
        """Refuse a sub-agent below the depth allowed.

        Raises:
            LimitError: ``agents.depth``.
        """
        below, here = 0, self
        while True:
            below += 1
            if below > here._budget.depth:
                raise here._over("depth", below - 1, here._budget.depth, code="agents.depth")
            if here._above is None:
                return
            here = here._above

    def before_call(self, now: float) -> None:
        """Refuse a call of a model that the budget does not hold.

        Raises:
            LimitError: ``agents.calls``, ``agents.tokens``, ``agents.money``, ``agents.seconds``.
        """
        budget = self._budget
        if self.calls >= budget.calls:
            raise self._over("calls", self.calls, budget.calls, code="agents.calls")
        if self.tokens >= budget.tokens:
            raise self._over("tokens", self.tokens, budget.tokens, code="agents.tokens")
        if budget.money is not None and self.cost >= budget.money:
            raise self._over("money", self.cost, budget.money, code="agents.money")
        self._in_time(now)
        if self._above is not None:
            self._above.before_call(now)

    def before_tool(self, now: float) -> None:
        """Refuse a call of a tool that the budget does not hold.

        Raises:
            LimitError: ``agents.tool_calls``, ``agents.seconds``.
        """
        if self.tools >= self._budget.tool_calls:
            raise self._over("tool_calls", self.tools, self._budget.tool_calls, code="agents.tool_calls")
        self._in_time(now)
        if self._above is not None:
            self._above.before_tool(now)

    def called(self, usage: Usage) -> None:
        """Count a call of a model."""
        self.calls += 1
        self.prompt_tokens += usage.prompt_tokens
        self.output_tokens += usage.output_tokens
        self.cached_tokens += usage.cached_tokens
        self.cost += usage.cost
        if self._above is not None:
            self._above.called(usage)

    def used_tool(self) -> None:
        """Count a call of a tool."""
        self.tools += 1
        if self._above is not None:
            self._above.used_tool()

    def took(self, calls: int, tools: int, prompt: int, output: int, cost: Decimal) -> None:
        """Count what a run used that ended before this process began."""
        self.calls += calls
        self.tools += tools
        self.prompt_tokens += prompt
        self.output_tokens += output
        self.cost += cost
        if self._above is not None:
            self._above.took(calls, tools, prompt, output, cost)

    def waited(self, seconds: float) -> None:
        """Leave out what was waited for a person."""
        self._waited += seconds
        if self._above is not None:
            self._above.waited(seconds)

    def _in_time(self, now: float) -> None:
        worked = now - self._began - self._waited
        if worked >= self._budget.seconds:
            raise self._over("seconds", round(worked, 1), self._budget.seconds, code="agents.seconds")

    def _over(self, name: str, used: object, most: object, *, code: str) -> LimitError:
        return LimitError(
            f"agent {self._agent!r} has used {used} of {most} {name}; raise budget.{name} of its spec, "
            "or ask for less at once",
            code=code,
        )
