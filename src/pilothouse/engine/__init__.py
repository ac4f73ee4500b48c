"""Engine owns durable runs (segments, journal, payloads, leases, queues, schedules) and confined processes.

Authors use :mod:`pilothouse.workflows`; ``app.py`` opens the engine with :func:`open_engine`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.engine.checking import Checked
from pilothouse.engine.confine import (
    Bounds,
    Cage,
    Confined,
    Confinement,
    ConfineMissing,
    Ended,
    Mount,
    confined,
    confinement,
    open_confined,
)
from pilothouse.engine.engine import Engine
from pilothouse.engine.errors import ChildError, Diverged, Fenced, ReplayMiss, StepError
from pilothouse.engine.journal import Answered
from pilothouse.engine.opening import open_engine
from pilothouse.engine.ports import Executor, Payloads, Principals
from pilothouse.engine.registry import CATALOG, Catalog, Definition
from pilothouse.engine.running.children import ChildCall, child
from pilothouse.engine.running.gathering import gather
from pilothouse.engine.running.labelling import RunLabels
from pilothouse.engine.running.scoping import scope
from pilothouse.engine.running.steps import effect_key, step
from pilothouse.engine.running.waiting import sleep, wait
from pilothouse.engine.types import (
    DEFAULT_RETRY,
    Entry,
    QueueSpec,
    Rate,
    Retry,
    Run,
    Schedule,
    Subject,
    Trigger,
    Wait,
    Waited,
    WaitRef,
)
from pilothouse.engine.verbs import (
    acting,
    beginning,
    continue_as,
    current_run,
    emit,
    flow,
    fresh,
    in_run,
    label_result,
    low_water,
    new_id,
    next_key,
    now,
    patched,
    place,
    random,
    resources,
    running_version,
    see,
)

if TYPE_CHECKING:
    from pilothouse.engine.settings import EngineSettings

__all__ = [
    "CATALOG",
    "DEFAULT_RETRY",
    "Answered",
    "Bounds",
    "Cage",
    "Catalog",
    "Checked",
    "ChildCall",
    "ChildError",
    "ConfineMissing",
    "Confined",
    "Confinement",
    "Definition",
    "Diverged",
    "Ended",
    "Engine",
    "EngineSettings",
    "Entry",
    "Executor",
    "Fenced",
    "Mount",
    "Payloads",
    "Principals",
    "QueueSpec",
    "Rate",
    "ReplayMiss",
    "Retry",
    "Run",
    "RunLabels",
    "Schedule",
    "StepError",
    "Subject",
    "Trigger",
    "Wait",
    "WaitRef",
    "Waited",
    "acting",
    "beginning",
    "child",
    "confined",
    "confinement",
    "continue_as",
    "current_run",
    "effect_key",
    "emit",
    "flow",
    "fresh",
    "gather",
    "in_run",
    "label_result",
    "low_water",
    "new_id",
    "next_key",
    "now",
    "open_confined",
    "open_engine",
    "patched",
    "place",
    "random",
    "resources",
    "running_version",
    "scope",
    "see",
    "sleep",
    "step",
    "wait",
]


def __getattr__(name: str) -> object:
    """Import the settings only when asked for: Pydantic is costly to start."""
    if name == "EngineSettings":
        from pilothouse.engine.settings import EngineSettings

        return EngineSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
