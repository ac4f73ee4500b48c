"""Owns the step: a body that runs until its one record stands in the journal, and never again after that."""

from __future__ import annotations

import asyncio
import random as random_module
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pilothouse.engine.errors import ReplayMiss, error_text, rebuild_error
from pilothouse.engine.ports import NewEntry
from pilothouse.engine.running.labelling import label_from, label_text
from pilothouse.engine.running.scope import CURRENT, Scope, here
from pilothouse.engine.running.segment import Segment
from pilothouse.engine.running.values import dump, wire
from pilothouse.engine.types import DEFAULT_RETRY, Entry, EntryKind, Retry
from pilothouse.kernel import Cancelled, UnavailableError, UsageError, content_hash
from pilothouse.labels import Label
from pilothouse.telemetry import STEP, STEP_KEY, SpanRecord, span

__all__ = ["PARK_PAUSE", "Step", "effect_key", "step"]

PARK_PAUSE = 60.0

Body = Callable[[], Awaitable[Any]]
Labelling = Label | Callable[[], Label | None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How one step is to be recorded.

    Attributes:
        kind: ``step``, ``model`` or ``tool``; a sealed replay never runs a ``tool``.
        once: After a crash the body is not simply run again but told so, and a cancellation lets it end.
        evidence: Hashes of the evidence used; mandatory for ``model`` and ``tool`` together with the label.
    """

    name: str
    version: str = "1"
    kind: EntryKind = "step"
    label: Labelling = None
    evidence: tuple[bytes, ...] = ()
    retry: Retry = DEFAULT_RETRY
    once: bool = False

    @property
    def found(self) -> Label | None:
        """The label of the result, asked for once the body has ended."""
        return self.label() if callable(self.label) else self.label


async def step(
    name: str,
    body: Body,
    *,
    inputs: Any = None,
    label: Labelling = None,
    retry: Retry = DEFAULT_RETRY,
    once: bool = False,
    kind: EntryKind = "step",
    version: str = "1",
    evidence: tuple[bytes, ...] = (),
    on_label: Callable[[Label | None], None] | None = None,
) -> Any:
    """Answer from the journal, or run ``body`` and record what it came to.

    Args:
        name: Registered name; a replay must ask for the same.
        body: Async function without arguments; inside another step it is simply run.
        inputs: What the body depends on; hashed, and compared at replay.
        label: Label of the result, or a function that tells it once the body has ended; mandatory for
            ``model`` and ``tool``.
        retry: How unavailable outsides are asked again.
        once: The body causes an effect; see :class:`Step`.
        kind: ``step``, ``model`` or ``tool``.
        version: Version of the step's own code, for the record only.
        evidence: Hashes of the evidence used.
        on_label: Gets the recorded label, at the first run and at every replay, also of a recorded error.

    Raises:
        PilothouseError: What the body raised, as one of the six kinds or as StepError.
    """
    scope = here(name)
    if scope.kind == "step":
        return await body()
    spec = Step(name=name, version=version, kind=kind, label=label, evidence=evidence, retry=retry, once=once)
    text, digest = wire(inputs, path=f"{name} inputs")
    key = scope.take(name)
    try:
        entry = scope.segment.recorded(key, kind, name, digest)
        if entry is None:
            entry = await _new(scope, key, spec, body, text, digest)
        scope.recorded += 1
        scope.last = entry.ended or scope.last
        _labelled(scope, entry, on_label)
        return await scope.segment.value(entry)
    finally:
        scope.free()


def _labelled(scope: Scope, entry: Entry, tell: Callable[[Label | None], None] | None) -> None:
    label = None if entry.label is None else label_from(entry.label)
    scope.see(label)
    if tell is not None:
        tell(label)


async def _new(scope: Scope, key: str, spec: Step, body: Body, text: str, digest: bytes) -> Entry:
    segment = scope.segment
    await segment.before_new(scope, key, f"{spec.kind} {spec.name!r}")
    if spec.kind in ("model", "tool") and spec.label is None:
        raise UsageError(f"{spec.kind} {spec.name!r} has no label", code="engine.unlabelled")
    if segment.run.sealed and (spec.once or spec.kind == "tool"):
        return await _sealed(segment, key, spec, text, digest)
    return await _perform(scope, key, spec, body, text, digest)


async def _sealed(segment: Segment, key: str, spec: Step, text: str, digest: bytes) -> Entry:
    """Answer an effect of a sealed replay from what the original recorded."""
    found = await segment.journal.sealed_answer(segment.run.root, spec.kind, spec.name, digest)
    if found is None:
        raise segment.leave(
            ReplayMiss(f"{spec.kind} {spec.name!r} at {key!r} was never recorded with these arguments")
        )
    output = await segment.journal.text(found.output, found.output_ref)
    entry = _entry(segment, key, spec, text, digest)
    return await segment.record(
        _with(
            entry, output=output, outcome=found.outcome, error=found.error, label=found.label or entry.label
        )
    )


def _entry(segment: Segment, key: str, spec: Step, text: str, digest: bytes) -> NewEntry:
    return NewEntry(
        key=key, seq=segment.take_seq(), kind=spec.kind, name=spec.name, version=spec.version,
        input_hash=digest, input=text, label=_label_text(spec),
        evidence=spec.evidence, finishing=spec.once,
    )  # fmt: skip


def _label_text(spec: Step) -> str | None:
    label = spec.found
    return None if label is None else label_text(label)


def _with(entry: NewEntry, **changes: Any) -> NewEntry:
    import dataclasses

    return dataclasses.replace(entry, **changes)


async def _perform(scope: Scope, key: str, spec: Step, body: Body, text: str, digest: bytes) -> Entry:
    segment = scope.segment
    with span(STEP) as written:
        began = time.monotonic()
        output, error, tries = await _try(scope, key, spec, body)
        if not (spec.once and isinstance(segment.over, Cancelled)):
            # An effect that ended while its run was being cancelled is still recorded.
            segment.check_live()
        entry = _with(
            _entry(segment, key, spec, text, digest),
            output=output, outcome="ok" if error is None else "error", error=error,
            attempts=tries, took=time.monotonic() - began,
        )  # fmt: skip
        recorded = await segment.record(entry)
        if written.id:
            _tell(written, key, spec, recorded, tries)
        return recorded


def _tell(written: SpanRecord, key: str, spec: Step, entry: Entry, tries: int) -> None:
    """Say in the step's span what a reader of traces needs: names, codes, counts; no value."""
    written.attributes = {
        STEP_KEY: key, "pilothouse.step.name": spec.name, "pilothouse.step.kind": spec.kind,
        "pilothouse.tries": tries,
    }  # fmt: skip
    written.label = None if entry.label is None else label_from(entry.label)
    if entry.error is not None:
        written.status = "error"
        written.message = rebuild_error(entry.error).code


async def _try(scope: Scope, key: str, spec: Step, body: Body) -> tuple[str | None, str | None, int]:
    """Run the body until it answers, fails for good, or is out of tries."""
    segment = scope.segment
    paused = await segment.journal.retries(segment.run.id, key) if spec.retry.longest > PARK_PAUSE else 0
    for number in range(1 + paused, spec.retry.tries + 1):
        try:
            value = await _inside(scope, key, body, spec)
            return dump(value, path=f"{spec.name} result"), None, number
        except UnavailableError as error:
            if number >= spec.retry.tries:
                return None, error_text(error), number
            await _pause(scope, key, spec, number, error)
        except Exception as error:
            return None, error_text(error), number
    raise UsageError(f"step {spec.name!r} allows no try: {spec.retry!r}", code="engine.retry")


async def _inside(scope: Scope, key: str, body: Body, spec: Step) -> Any:
    inner = Scope(scope.segment, kind="step", path=key, last=scope.last)
    token = CURRENT.set(inner)
    try:
        if spec.once:
            return await _unhurried(body)
        return await body()
    finally:
        CURRENT.reset(token)


async def _unhurried(body: Body) -> Any:
    """Let an effect in flight end although the run is being cancelled; its outcome is recorded."""
    task = asyncio.ensure_future(body())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.cancelled():
            raise
        return await task


async def _pause(scope: Scope, key: str, spec: Step, number: int, error: UnavailableError) -> None:
    ceiling = min(spec.retry.longest, spec.retry.first * 2 ** (number - 1))
    pause = max(random_module.uniform(0, ceiling), min(error.retry_after, spec.retry.longest))  # noqa: S311
    if pause <= PARK_PAUSE or scope.kind != "top":
        await asyncio.sleep(min(pause, PARK_PAUSE))
        return
    from pilothouse.engine.running.waiting import park_for_retry

    await park_for_retry(scope.segment, key, spec.name, timedelta(seconds=pause), number)


def effect_key() -> str:
    """Return ``run:key`` of the step whose body is running: the idempotency key of its effect.

    Raises:
        UsageError: ``engine.outside_step``.
    """
    scope = here("effect_key")
    if scope.kind != "step":
        raise UsageError("effect_key() works only inside a step", code="engine.outside_step")
    return f"{scope.segment.run.id}:{scope.path}"


def evidence_hash(value: object) -> bytes:
    """Return the hash by which an entry points to evidence."""
    return bytes.fromhex(content_hash(value))
