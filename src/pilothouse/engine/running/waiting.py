"""Owns waiting: a run parks in one transaction and leaves nothing in memory; sleep, signals, gates."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from pilothouse.engine.errors import Fenced, ReplayMiss
from pilothouse.engine.ports import NewEntry, OnPark, Parking
from pilothouse.engine.running.labelling import label_from
from pilothouse.engine.running.scope import Scope, here
from pilothouse.engine.running.segment import Segment
from pilothouse.engine.running.values import EMPTY_HASH, dump, load, wire
from pilothouse.engine.types import Entry, EntryKind, Subject, Waited, WaitKind
from pilothouse.kernel import AwaitDecision, Cancelled, UsageError

__all__ = ["park", "park_for_retry", "sealed_wait", "sleep", "top_scope", "wait"]

HOT = 60.0
_ENTRY_KIND: dict[WaitKind, EntryKind] = {
    "gate": "gate",
    "signal": "signal",
    "timer": "sleep",
    "child": "child",
}


def top_scope(verb: str) -> Scope:
    """Return the top scope of the running segment, refusing every other place."""
    scope = here(verb)
    if scope.kind != "top":
        raise UsageError(
            f"{verb}() stands at the top level of a workflow, not in a {scope.kind}; "
            "use a child where a branch needs it",
            code="engine.not_top_level",
        )
    return scope


async def wait(
    kind: WaitKind | Sequence[Subject],
    subject: str | None = None,
    *,
    until: datetime | timedelta | None = None,
    on_park: OnPark | None = None,
    name: str | None = None,
    inputs: Any = None,
    unlabelled: bool = True,
) -> Waited:
    """Park the run until a subject is met or ``until`` has passed; return what it came to.

    Args:
        kind: ``gate``, ``signal``, ``timer``, or several subjects of which the first to come counts.
        subject: The proposal, the signal's name; unused with several subjects.
        until: Deadline by the database clock; a timedelta counts from the end of the previous entry.
        on_park: ``await on_park(tx)`` inside the transaction that parks.
        name: What a replay is matched by, with ``inputs``; default the kind and the signal's name.
        inputs: What must be the same at a replay; a gate's subject is not part of it.
        unlabelled: Whether an answer without a label counts as unknown; False if the caller labels it.

    Raises:
        UsageError: ``engine.not_top_level``.
    """
    scope = top_scope("wait")
    subjects = (Subject(kind=kind, ref=subject or ""),) if isinstance(kind, str) else tuple(kind)
    if not subjects:
        raise UsageError("wait() needs at least one subject", code="engine.subjects")
    deadline = scope.last + until if isinstance(until, timedelta) else until
    entry = await _waited(scope, subjects, deadline, on_park, name or _name(subjects), inputs)
    label = None if entry.label is None else label_from(entry.label)
    if label is not None or unlabelled:
        scope.see(label)
    met = cast("dict[str, Any]", await scope.segment.value(entry) or {})
    outcome: Literal["met", "expired"] = "met" if entry.outcome == "ok" else "expired"
    return Waited(outcome=outcome, value=met.get("value"), subject=int(met.get("subject", 0)), label=label)


def _name(subjects: tuple[Subject, ...]) -> str:
    return " or ".join(s.ref if s.kind == "signal" else s.kind for s in subjects)


async def _waited(
    scope: Scope,
    subjects: tuple[Subject, ...],
    until: datetime | None,
    on_park: OnPark | None,
    name: str,
    inputs: Any,
) -> Entry:
    segment = scope.segment
    text, digest = wire(inputs, path=f"{name} inputs")
    key = scope.take(name)
    parking = Parking(
        key=key, seq=segment.seq, kind=_ENTRY_KIND[subjects[0].kind], name=name, subjects=subjects,
        input_hash=digest, input=text, until=until, on_park=on_park,
    )  # fmt: skip
    try:
        entry = segment.recorded(key, parking.kind, name, digest)
        if entry is None:
            await segment.before_new(scope, key, f"{parking.kind} {name!r}")
            entry = await (sealed_wait if segment.run.sealed else park)(segment, parking)
        scope.recorded += 1
        scope.last = entry.ended or scope.last
        return entry
    finally:
        scope.free()


async def sealed_wait(segment: Segment, parking: Parking) -> Entry:
    """A sealed replay asks nobody: it takes the recorded answer or stops."""
    kind, name, digest = parking.kind, parking.name, parking.input_hash
    found = await segment.journal.sealed_answer(segment.run.root, kind, name, digest)
    if found is None:
        raise segment.leave(
            ReplayMiss(f"{kind} {name!r} at {parking.key!r} was never answered in the original")
        )
    entry = NewEntry(
        key=parking.key, seq=segment.take_seq(), kind=kind, name=name, input_hash=digest,
        output=found.output, outcome=found.outcome, label=found.label,
    )  # fmt: skip
    return await segment.record(entry)


async def park(segment: Segment, parking: Parking) -> Entry:
    """Park the run as told; returns only when the answer was already there."""
    try:
        entry = await segment.journal.park(segment.claim, parking)
    except (Fenced, Cancelled) as signal:
        raise segment.leave(signal) from None
    if entry is None:
        raise segment.leave(AwaitDecision(f"{segment.run.id} waits at {parking.key}"))
    segment.take_seq()
    segment.remember(entry)
    return entry


async def park_for_retry(segment: Segment, key: str, name: str, pause: timedelta, tries: int) -> None:
    """Park the run before another try of the step at ``key``."""
    parking = Parking(
        key=key, seq=segment.seq, kind="sleep", name=name, input_hash=EMPTY_HASH, retry=tries,
        subjects=(Subject(kind="timer", ref=f"retry:{tries}"),), until=segment.top.last + pause,
    )  # fmt: skip
    await park(segment, parking)


async def sleep(duration: timedelta) -> None:
    """Wait ``duration`` from the end of the previous entry; short ones in memory, long ones parked.

    Raises:
        UsageError: ``engine.not_top_level`` for a sleep that would park anywhere but at top level.
    """
    scope = here("sleep")
    if scope.kind == "step":
        await asyncio.sleep(duration.total_seconds())
        return
    if duration.total_seconds() < HOT and not (scope.kind == "top" and scope.segment.limited):
        await _hot_sleep(scope, duration)
        return
    top_scope("sleep")
    seconds = duration.total_seconds()
    await _waited(
        scope, (Subject(kind="timer", ref=str(seconds)),), scope.last + duration, None, "sleep", seconds
    )


async def _hot_sleep(scope: Scope, duration: timedelta) -> None:
    segment = scope.segment
    text, digest = wire(duration.total_seconds(), path="sleep")
    key = scope.take("sleep")
    try:
        entry = segment.recorded(key, "sleep", "sleep", digest)
        if entry is None:
            await segment.before_new(scope, key, "sleep")
            if not segment.run.sealed:
                await asyncio.sleep(duration.total_seconds())
            entry = await segment.record(
                NewEntry(
                    key=key,
                    seq=segment.take_seq(),
                    kind="sleep",
                    name="sleep",
                    input_hash=digest,
                    input=text,
                    output=dump({"value": None}),
                    took=duration.total_seconds(),
                )
            )
        scope.recorded += 1
        scope.last = entry.ended or scope.last
        load(entry.output)
    finally:
        scope.free()
