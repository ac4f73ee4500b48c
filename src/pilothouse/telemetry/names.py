"""Owns the names of spans and attributes that more than one part must spell alike."""

from __future__ import annotations

from typing import Final

__all__ = ["OUTCOME", "SEGMENT", "STEP", "STEP_KEY"]

SEGMENT: Final = "segment"
"""A span of the engine: one uninterrupted stretch of a run in one process."""
STEP: Final = "step"
"""A span of the engine: one step whose body ran."""
STEP_KEY: Final = "pilothouse.step"
"""Key of the step in the journal."""
OUTCOME: Final = "pilothouse.outcome"
"""What it came to, in the part's own word."""
