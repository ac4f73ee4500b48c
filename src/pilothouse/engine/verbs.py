"""Owns the verbs of a running workflow that are not calls: time, chance, ids, events, patches."""

from __future__ import annotations

import random as random_module
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn, TypeVar, cast
from uuid import UUID

from pilothouse.engine.errors import ContinueAs
from pilothouse.engine.ports import NewEntry
from pilothouse.engine.running.labelling import RunLabels, run_labels, run_labels_text
from pilothouse.engine.running.scope import CURRENT, here
from pilothouse.engine.running.values import EMPTY_HASH, dump
from pilothouse.engine.types import Run
from pilothouse.kernel import Principal, UsageError, encode
from pilothouse.labels import Label, join, unknown

__all__ = [
    "acting",
    "beginning",
    "continue_as",
    "current_run",
    "emit",
    "flow",
    "fresh",
    "in_run",
    "label_result",
    "low_water",
    "new_id",
    "next_key",
    "now",
    "patched",
    "place",
    "random",
    "resources",
    "running_version",
    "see",
]

T = TypeVar("T")


def in_run() -> bool:
    """Whether the caller runs inside a workflow or one of its steps."""
    return CURRENT.get() is not None


def current_run() -> Run:
    """Return the run that the caller is part of."""
    return here("current_run").segment.run


def acting() -> Principal:
    """Return the principal the run acts for, with the rights of the start of this segment."""
    return here("acting").segment.principal


def place() -> str:
    """Return where the caller stands: ``outside`` a run, ``top``, ``branch`` of a gather, or ``step``."""
    scope = CURRENT.get()
    return "outside" if scope is None else scope.kind


def resources() -> Any:
    """Return what the parts above the engine bound for the workflows of this process."""
    services = here("resources").segment.services
    return None if services is None else services.resources


def running_version() -> str:
    """Return the version of the workflow's code that is running now, which may have adopted the run."""
    return here("running_version").segment.definition.version


def next_key() -> str:
    """Return the key that the next call of this scope will get."""
    scope = here("next_key")
    return scope.at(scope.position)


def fresh() -> bool:
    """Whether the next call of this scope is new and really happens: neither recorded, checked nor sealed."""
    segment = here("fresh").segment
    return not (segment.knows(next_key()) or segment.dry or segment.run.sealed)


def now() -> datetime:
    """Return the end of the previous entry of this scope, by the database clock; at first the run's start."""
    return here("now").last


def random() -> random_module.Random:
    """Return a generator that gives the same numbers at every replay of this place."""
    return here("random").generator()


def new_id() -> UUID:
    """Return an id that is the same at every replay of this place; not a secret."""
    return here("new_id").identifier()


async def patched(name: str) -> bool:
    """Tell old runs from new ones where the code of a workflow was changed.

    Returns:
        False for a run that had already passed this point when the change was released, else True.
        The answer True is recorded and stays.
    """
    scope = here("patched")
    if scope.kind == "step":
        raise UsageError("patched() stands in a workflow, not in a step", code="engine.patched")
    segment = scope.segment
    key = f"patch:{scope.path}:{name}"
    if segment.patch_entry(key) is not None:
        return True
    if segment.positions.last(scope.path) >= scope.position or segment.positions.beyond(scope.path):
        return False
    await segment.before_new(scope, key, f"patch {name!r}")
    entry = NewEntry(
        key=key, seq=segment.take_seq(), kind="patch", name=name, input_hash=EMPTY_HASH, output=dump(True)
    )
    await segment.record(entry)
    return True


def continue_as(labels: RunLabels | None = None, /, **args: Any) -> NoReturn:
    """End this run and let a new run of the same workflow go on with ``args``; for loops without end.

    The new run's key is ``<this run>:next``. The result of this run is None.

    Raises:
        UsageError: ``engine.not_top_level``, or ``engine.child_continues`` in a child.
    """
    scope = here("continue_as")
    if scope.kind != "top":
        raise UsageError("continue_as() stands at the top level of a workflow", code="engine.not_top_level")
    segment = scope.segment
    if segment.run.parent is not None:
        raise UsageError(
            f"{segment.run.workflow!r} is a child here and its parent waits for a result; start it by itself",
            code="engine.child_continues",
        )
    label = run_labels_text(labels)
    raise segment.leave(ContinueAs(segment.definition.accept(args), label=label))


def low_water() -> Label:
    """Return the join of what the run began with and everything recorded in it so far."""
    segment = here("low_water").segment
    begun = beginning()
    start = join(begun.pc, *begun.params.values())
    return start if segment.seen is None else join(start, segment.seen)


def see(label: Label) -> None:
    """Join a label into what the running segment has seen: of a value that the engine did not label."""
    here("see").segment.see(label)


def beginning() -> RunLabels:
    """Return the labels that the current run began with; unknown ones are untrusted."""
    run = here("beginning").segment.run
    if run.label is None:
        return RunLabels(pc=unknown(run.principal.id))
    return run_labels(run.label)


def flow(make: Callable[[], T]) -> T:
    """Return what the parts above keep with the running segment, made at the first call."""
    segment = here("flow").segment
    if segment.flow is None:
        segment.flow = make()
    return cast("T", segment.flow)


def label_result(label: Label) -> None:
    """Say how far the run's result may be trusted and who may read it."""
    here("label_result").segment.result_label = label


async def emit(topic: str, value: Any) -> None:
    """Append an event to the change feed; silent while the journal is being replayed.

    After a crash an event may be emitted again; it is news, not a record.
    """
    scope = here("emit")
    segment = scope.segment
    if scope.kind != "step" and segment.positions.last(scope.path) >= scope.position:
        return
    if segment.run.sealed or segment.services is None:
        return
    await segment.services.emit(topic, {"run": str(segment.run.id), "value": encode(value)})
