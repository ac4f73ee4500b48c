"""Owns the names of spans and attributes that more than one part must spell alike."""

from __future__ import annotations

from typing import Final

__all__ = ["AGENT", "CALLS", "OPERATION", "OUTCOME", "SEGMENT", "STEP", "STEP_KEY", "SUMMED"]

SEGMENT: Final = "segment"
"""A span of the engine: one uninterrupted stretch of a run in one process."""
STEP: Final = "step"
"""A span of the engine: one step whose body ran."""
STEP_KEY: Final = "pilothouse.step"
"""Key of the step in the journal."""
OUTCOME: Final = "pilothouse.outcome"
"""What it came to, in the part's own word."""
OPERATION: Final = "gen_ai.operation.name"
"""What a GenAI span does, by OpenTelemetry's conventions."""
AGENT: Final = "gen_ai.agent.name"
"""Which agent; a call inside of an agent's span has it too."""
CALLS: Final = frozenset({"chat", "embeddings", "generate_content", "text_completion"})
"""Operations whose tokens are counted."""
SUMMED: Final = "pilothouse.summed"
"""Set on a call that has calls inside, each with tokens of its own: it is not counted again."""
