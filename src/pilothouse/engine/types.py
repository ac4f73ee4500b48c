"""Owns the frozen nouns of the engine: run, entry, wait, queue, schedule, trigger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pilothouse.kernel import Principal
from pilothouse.labels import Label

__all__ = [
    "DEFAULT_RETRY",
    "LIVE",
    "Entry",
    "EntryKind",
    "QueueSpec",
    "Rate",
    "Retry",
    "Run",
    "RunState",
    "Schedule",
    "Subject",
    "Trigger",
    "Wait",
    "WaitKind",
    "WaitRef",
    "Waited",
]

RunState = Literal["ready", "running", "parked", "done", "failed", "blocked", "cancelling", "cancelled"]
EntryKind = Literal["step", "model", "tool", "scope", "sleep", "signal", "gate", "child", "patch", "adopt"]
WaitKind = Literal["gate", "signal", "timer", "child"]
WaitState = Literal["open", "met", "expired", "withdrawn"]

LIVE: frozenset[str] = frozenset({"ready", "running", "parked", "blocked", "cancelling"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One durable execution of a workflow.

    Attributes:
        id: UUIDv7; not an authority by itself.
        workflow: Registered name.
        version: Declared tag, ``+``, and the first 12 digits of the hash of its source.
        key: Unique per workflow; the same key again returns the same run.
        root: First run of a family of forks; derived ids and random numbers depend on it.
        segment: Number of the segment that runs next or now.
        epoch: Fencing token; only grows.
        reason: Why it is blocked, failed or cancelled, in words.
        sealed: A replay that must not touch the world.
        label: Wire JSON of the labels it began with; None means unknown: untrusted, for its principal alone.
        result_label: Wire JSON of the label of its result, or of its error.
    """

    id: UUID
    workflow: str
    version: str
    key: str
    principal: Principal
    root: UUID
    queue: str = "default"
    partition: str | None = None
    priority: int = 100
    dedup: str | None = None
    state: RunState = "ready"
    segment: int = 0
    epoch: int = 0
    owner: str | None = None
    attempts: int = 0
    parent: UUID | None = None
    parent_key: str | None = None
    created: datetime
    ended: datetime | None = None
    deadline: datetime | None = None
    wake_at: datetime | None = None
    reason: str | None = None
    sealed: bool = False
    label: str | None = None
    result_label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal, written once.

    Attributes:
        key: ``scope.position`` in the order of the calls, such as ``1.2.0``.
        seq: Order of recording inside the run.
        input_hash: SHA-256 of the RFC 8785 form of the inputs.
        outcome: ``ok``, ``error``, ``expired`` or ``withdrawn``.
        output: Wire JSON as text, or None when it lies in a payload (``output_ref``).
        error: Wire JSON of the error, when the outcome is ``error``.
        label: Wire JSON of the label of what it came to.
    """

    run: UUID
    key: str
    seq: int
    segment: int
    epoch: int
    kind: EntryKind
    name: str
    version: str
    input_hash: bytes
    input: str | None = None
    input_ref: bytes | None = None
    outcome: str = "ok"
    output: str | None = None
    output_ref: bytes | None = None
    error: str | None = None
    label: str | None = None
    cost: str | None = None
    evidence: tuple[bytes, ...] = ()
    executor: str | None = None
    attempts: int = 1
    started: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRef:
    """Where an answer is to be delivered: a run and the key of its wait."""

    run: UUID
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One thing a wait may be met by: a gate's proposal, a signal's name, a timer, children."""

    kind: WaitKind
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A run waiting for one of its subjects; one row a subject."""

    run: UUID
    key: str
    position: int
    kind: WaitKind
    subject: str
    state: WaitState
    until: datetime | None = None
    answer: str | None = None
    after: datetime | None = None
    remaining: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """What a wait came to.

    Attributes:
        outcome: ``met`` or ``expired``.
        value: The answer; None when expired.
        subject: Index of the subject that met it.
        label: Of the answer, where whoever gave it said one.
    """

    outcome: Literal["met", "expired"]
    value: Any = None
    subject: int = 0
    label: Label | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how far apart an unavailable outside is asked again.

    Attributes:
        tries: In all, at least 1.
        first: Seconds before the second try; doubled each time, full jitter.
        longest: Upper bound of one pause; a pause over 60 seconds parks the run.
    """

    tries: int = 3
    first: float = 1.0
    longest: float = 30.0


DEFAULT_RETRY = Retry()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most ``limit`` claims in any rolling window of ``period`` seconds."""

    limit: int
    period: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSpec:
    """Limits of a queue, over all machines.

    Attributes:
        name: Stable name.
        concurrency: Live segments over all machines; None is no limit.
        per_partition: Live segments in one partition; makes the queue partitioned.
        per_process: Live segments in one process.
        rate: Claims in a rolling window.
    """

    name: str
    concurrency: int | None = None
    per_partition: int | None = None
    per_process: int | None = None
    rate: Rate | None = None

    @property
    def limited(self) -> bool:
        """Whether any limit over all machines holds, so that only the executor may claim."""
        return not (self.concurrency is None and self.per_partition is None and self.rate is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A cron rule that starts a run at each planned time exactly once.

    Attributes:
        missed: What happens to ticks that nobody was there for: none, the last one, or each.
        label: Of the arguments, which stand in the code; None means unknown.
    """

    name: str
    cron: str
    workflow: str
    timezone: str = "UTC"
    args: dict[str, Any] = field(default_factory=dict[str, Any])
    missed: Literal["skip", "one", "all"] = "one"
    queue: str = "default"
    label: Label | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Starts a run for every event of a topic of the change feed, exactly once.

    Attributes:
        name: Stable name of its cursor.
        key: Identity of an event's value; None takes its position in the feed.
        args: The run's arguments from the event's value.
    """

    name: str
    topic: str
    workflow: str
    args: Callable[[Any], Mapping[str, Any]]
    key: Callable[[Any], str] | None = None
