"""Pilothouse: durable workflows, evidence, human decisions and one audited door for effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilothouse.workflows import (
        Answer,
        Evidence,
        Retry,
        child,
        continue_as,
        decide,
        effect,
        effect_call,
        emit,
        gather,
        new_id,
        now,
        patched,
        perform,
        random,
        read_document,
        schedule,
        sleep,
        source,
        step,
        trigger,
        wait_for,
        workflow,
    )

__all__ = [
    "Answer",
    "Evidence",
    "Retry",
    "child",
    "continue_as",
    "decide",
    "effect",
    "effect_call",
    "emit",
    "gather",
    "new_id",
    "now",
    "patched",
    "perform",
    "random",
    "read_document",
    "schedule",
    "sleep",
    "source",
    "step",
    "trigger",
    "wait_for",
    "workflow",
]


def __getattr__(name: str) -> object:
    """Import the authors' face only when it is used, so that ``import pilothouse`` stays cheap."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pilothouse import workflows

    return getattr(workflows, name)


def __dir__() -> list[str]:
    return __all__
