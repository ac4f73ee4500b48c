"""Owns child runs: a run of its own for each, one wait of the parent for all of a gather."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from pilothouse.engine.errors import ChildError, rebuild_error
from pilothouse.engine.ports import ChildResult, ChildSpec, Parking
from pilothouse.engine.running.labelling import RunLabels, label_from, run_labels_text
from pilothouse.engine.running.scope import Scope, here
from pilothouse.engine.running.values import dump, load, wire
from pilothouse.engine.running.waiting import park, sealed_wait
from pilothouse.engine.types import Entry, Subject
from pilothouse.kernel import UsageError
from pilothouse.labels import Label

__all__ = ["ChildCall", "await_children", "child"]


class ChildCall:
    """A child that starts when it is awaited, alone or in a gather of children."""

    __slots__ = ("args", "labels", "name", "on_label", "queue")

    def __init__(
        self,
        name: str,
        args: Mapping[str, Any],
        queue: str | None,
        *,
        labels: Callable[[], RunLabels] | None = None,
        on_label: Callable[[Label | None], None] | None = None,
    ) -> None:
        self.name = name
        self.args = dict(args)
        self.queue = queue
        self.labels = labels
        self.on_label = on_label

    def __await__(self) -> Generator[Any, None, Any]:
        return self._alone().__await__()

    async def _alone(self) -> Any:
        return (await await_children(here("child"), [self]))[0]


def child(
    name: str,
    args: Mapping[str, Any],
    *,
    queue: str | None = None,
    labels: Callable[[], RunLabels] | None = None,
    on_label: Callable[[Label | None], None] | None = None,
) -> ChildCall:
    """Return a child run of workflow ``name``: await it, or pass many to ``gather``.

    The child has its own journal, version and retries. It is started in the transaction that parks
    its parent, so either both have happened or neither.

    Args:
        name: Registered workflow.
        args: Keyword arguments.
        queue: Default the workflow's.
        labels: Tells what the child begins with, when it is started; default unknown.
        on_label: Gets the label of the child's result, or of its error; None is unknown.
    """
    return ChildCall(name, args, queue, labels=labels, on_label=on_label)


async def await_children(scope: Scope, calls: Sequence[ChildCall]) -> list[Any]:
    """Start ``calls`` as child runs, wait for all of them and return their results in order."""
    segment = scope.segment
    if scope.kind != "top":
        raise UsageError("children are awaited at the top level of a workflow", code="engine.not_top_level")
    specs = tuple(_spec(scope, call) for call in calls)
    names = sorted({call.name for call in calls})
    text, digest = wire([[spec.workflow, spec.args] for spec in specs], path="child arguments")
    key = scope.take("child")
    try:
        entry = segment.recorded(key, "child", ",".join(names), digest)
        if entry is None:
            await segment.before_new(scope, key, f"child {names!r}")
            parking = Parking(
                key=key, seq=segment.seq, kind="child", name=",".join(names), input_hash=digest, input=text,
                subjects=(Subject(kind="child", ref=key),), children=specs,
            )  # fmt: skip
            if segment.run.sealed:
                entry = await sealed_wait(segment, parking)
            else:
                entry = await park(segment, parking)
        scope.recorded += 1
        scope.last = entry.ended or scope.last
        return _told(scope, calls, await _results(scope, entry))
    finally:
        scope.free()


def _told(scope: Scope, calls: Sequence[ChildCall], found: Sequence[ChildResult]) -> list[Any]:
    for call, result in zip(calls, found, strict=False):
        label = None if result.label is None else label_from(result.label)
        scope.see(label)
        if call.on_label is not None:
            call.on_label(label)
    return [_result(result) for result in found]


async def _results(scope: Scope, entry: Entry) -> Sequence[ChildResult]:
    """Read the children's results; a sealed replay starts no children and reads those of its original."""
    segment = scope.segment
    if not segment.run.sealed:
        return await segment.journal.children(segment.run.id, entry.key)
    found = await segment.journal.sealed_answer(segment.run.root, "child", entry.name, entry.input_hash)
    return () if found is None else await segment.journal.children(found.run, found.key)


def _spec(scope: Scope, call: ChildCall) -> ChildSpec:
    catalog = scope.segment.catalog
    definition = catalog.find(call.name)
    args = dict(definition.accept(call.args))
    queue = call.queue or definition.queue
    catalog.queue(queue, partition=None)
    return ChildSpec(
        workflow=call.name, version=definition.version, args=dump(args, path="child arguments"),
        queue=queue, priority=scope.segment.run.priority,
        label=run_labels_text(None if call.labels is None else call.labels()),
    )  # fmt: skip


def _result(found: ChildResult) -> Any:
    if found.state == "done":
        return load(found.result)
    if found.error is not None:
        error = rebuild_error(found.error)
        raise ChildError(f"child {found.workflow!r} ({found.run}) failed: {error.message}", code=error.code)
    raise ChildError(f"child {found.workflow!r} ({found.run}) is {found.state}")
