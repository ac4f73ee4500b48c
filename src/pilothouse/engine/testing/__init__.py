"""What tests of durable workflows need: a fake journal with chosen crashes, the suite of every executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.engine.testing.fakes import Crash, FakeExecutor, FakeJournal
from pilothouse.engine.testing.story import TESTER, eventually

if TYPE_CHECKING:
    from pilothouse.engine.testing.conformance import ExecutorConformance

__all__ = ["TESTER", "Crash", "ExecutorConformance", "FakeExecutor", "FakeJournal", "eventually"]


def __getattr__(name: str) -> object:
    """Import the suite only when asked for: it needs pytest."""
    if name == "ExecutorConformance":
        from pilothouse.engine.testing.conformance import ExecutorConformance

        return ExecutorConformance
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
