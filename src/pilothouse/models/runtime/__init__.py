"""Runtime owns local models as child processes of ours: started on the first call, gone with us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.models.runtime.lane import Lane
from pilothouse.models.runtime.machine import missing_instructions
from pilothouse.models.runtime.speech import HeardWord, Transcript, needs_confirmation

if TYPE_CHECKING:
    from pilothouse.models.runtime.local import CALLER_HEADER, Adapter, LocalRuntime, Weights

__all__ = [
    "CALLER_HEADER",
    "Adapter",
    "HeardWord",
    "Lane",
    "LocalRuntime",
    "Transcript",
    "Weights",
    "missing_instructions",
    "needs_confirmation",
]


def __getattr__(name: str) -> object:
    """Import the runtime only when asked for: httpx2 is heavy."""
    if name in __all__:
        from pilothouse.models.runtime import local

        return getattr(local, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
