"""Owns the ports around the engine: the journal beneath a segment, payloads, and the executor of segments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pilothouse.engine.types import Entry, EntryKind, QueueSpec, Run, Subject
from pilothouse.kernel import Principal

__all__ = [
    "ChildResult",
    "ChildSpec",
    "Claim",
    "Ending",
    "Executor",
    "Handler",
    "Journal",
    "NewEntry",
    "OnPark",
    "Parking",
    "Payloads",
    "Principals",
    "Submission",
]

Handler = Callable[[UUID, int], Awaitable[str]]
OnPark = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A segment that this process may run: the run under its new epoch, its arguments and its journal."""

    run: Run
    args: str
    entries: Sequence[Entry] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """What is to be recorded; run, epoch and segment come from the claim, times from the database.

    Attributes:
        took: Seconds since the call began.
        finishing: Recorded even while the run is being cancelled: an effect in flight ends properly.
    """

    key: str
    seq: int
    kind: EntryKind
    name: str
    version: str = "1"
    input_hash: bytes
    input: str | None = None
    output: str | None = None
    outcome: str = "ok"
    error: str | None = None
    label: str | None = None
    cost: str | None = None
    evidence: tuple[bytes, ...] = ()
    attempts: int = 1
    took: float = 0.0
    finishing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One child run to start: its workflow, arguments and labels as wire text, and where it goes."""

    workflow: str
    version: str
    args: str
    queue: str
    priority: int = 100
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """How a run is to wait.

    Attributes:
        until: Deadline, or None.
        on_park: Runs inside the transaction that parks.
        retry: The pause before another try of a step; it leaves no entry.
    """

    key: str
    seq: int
    name: str
    kind: EntryKind
    subjects: tuple[Subject, ...]
    input_hash: bytes
    input: str | None = None
    until: datetime | None = None
    on_park: OnPark | None = None
    children: tuple[ChildSpec, ...] = ()
    retry: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a segment leaves its run for good, or until a person looks at it.

    Attributes:
        label: Label of result or error, as wire text.
        then: Arguments, as wire text, of a new run of the same workflow that goes on.
        then_label: The labels that run begins with.
    """

    state: str
    result: str | None = None
    error: str | None = None
    reason: str | None = None
    label: str | None = None
    then: str | None = None
    then_label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildResult:
    """A finished child."""

    run: UUID
    workflow: str
    state: str
    result: str | None
    error: str | None
    label: str | None = None


class Journal(Protocol):
    """What a running segment needs of the store; every write is guarded by the claim's epoch."""

    async def claim(self, run: UUID, segment: int, *, owner: str, attempts: int) -> Claim | None:
        """Take the segment under a new epoch, or return None because it is over or poisoned."""
        ...

    async def record(self, claim: Claim, entry: NewEntry) -> Entry:
        """Write one entry; raises Fenced or Cancelled and writes nothing if the claim is not current."""
        ...

    async def adopt(self, claim: Claim, entry: NewEntry, version: str) -> Entry:
        """Record that the run goes on under another version of its workflow."""
        ...

    async def park(self, claim: Claim, parking: Parking) -> Entry | None:
        """Park the run, or return the entry of a signal that was kept for it."""
        ...

    async def end(self, claim: Claim, ending: Ending) -> bool:
        """Leave the run done, failed, blocked or cancelled; False if the claim is not current."""
        ...

    async def give_back(self, claim: Claim, *, delay: float, reason: str) -> None:
        """Leave the run ready for another process."""
        ...

    async def text(self, text: str | None, ref: bytes | None) -> str | None:
        """Return a value that was stored inline or as a payload."""
        ...

    async def children(self, run: UUID, key: str) -> Sequence[ChildResult]:
        """Return the children started at ``key``, in order."""
        ...

    async def retries(self, run: UUID, key: str) -> int:
        """Return how many long pauses a step at ``key`` has already taken."""
        ...

    async def sealed_answer(self, root: UUID, kind: str, name: str, input_hash: bytes) -> Entry | None:
        """Return what the original of a sealed fork recorded for this call."""
        ...


class Payloads(Protocol):
    """Bytes by their SHA-256; shared by everything that keeps large bodies."""

    async def put(self, body: bytes, *, media_type: str = "application/json") -> bytes:
        """Store ``body`` once and return its hash."""
        ...

    async def get(self, ref: bytes) -> bytes:
        """Return the bytes of ``ref``; raises DataError if they are gone or do not fit the hash."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A segment to be called."""

    run: UUID
    segment: int
    queue: str
    partition: str | None = None
    priority: int = 100


class Executor(Protocol):
    """Calls ``handler(run, segment)`` at least once for everything submitted, within the queues' limits."""

    async def serve(self, handler: Handler, *, owner: str, queues: Sequence[QueueSpec]) -> None:
        """Start working as ``owner``; an empty ``queues`` means submitting only."""
        ...

    async def submit(self, submissions: Sequence[Submission]) -> None:
        """Make the segments callable; submitting the same segment twice is harmless."""
        ...

    async def held(self, owner: str) -> Sequence[tuple[UUID, int]]:
        """Return the segments that ``owner`` had taken and not ended."""
        ...

    async def drop(self, segments: Iterable[tuple[UUID, int]]) -> None:
        """Forget segments that must not be called any more, freeing their places in the queues."""
        ...

    async def forget(self, *, older_than: float) -> int:
        """Delete the records of segments that ended ``older_than`` seconds ago; at most a batch."""
        ...

    async def holders(self) -> set[str]:
        """Return the owners that have taken segments and not ended them."""
        ...

    async def pause(self) -> None:
        """Claim nothing more; what runs may end, and the other verbs still work."""
        ...

    async def stop(self) -> None:
        """Close."""
        ...


class Principals(Protocol):
    """Tells the rights that a run's owner has now; bound above the engine."""

    async def now(self, stored: Principal) -> Principal | None:
        """Return the owner with the rights of today, or None if the owner is gone."""
        ...
