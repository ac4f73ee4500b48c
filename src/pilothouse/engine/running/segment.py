"""Owns one segment: it runs the author's function from the first line and lets the journal answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pilothouse.engine.errors import (
    ContinueAs,
    Diverged,
    Fenced,
    JournalLost,
    ReplayMiss,
    error_text,
    rebuild_error,
)
from pilothouse.engine.ports import Claim, Ending, Journal, NewEntry
from pilothouse.engine.registry import Catalog, Definition
from pilothouse.engine.running.labelling import join_seen, label_text
from pilothouse.engine.running.scope import CURRENT, Positions, Scope
from pilothouse.engine.running.values import EMPTY_HASH, dump, load
from pilothouse.engine.types import Entry, EntryKind, Run
from pilothouse.kernel import (
    AwaitDecision,
    Cancelled,
    DataError,
    LimitError,
    PilothouseError,
    Principal,
    Waiting,
)
from pilothouse.labels import Label
from pilothouse.telemetry import OUTCOME, SEGMENT, span

__all__ = ["MAX_ENTRIES", "Edge", "Segment", "run_claim"]

MAX_ENTRIES = 5000


class Edge(BaseException):
    """A check replay reached the first call that is not recorded."""


class Segment:
    """The state of one running segment; everything in it is thrown away at its end."""

    __slots__ = (
        "_entries", "adopted", "catalog", "claim", "definition", "dry", "ending", "flow", "journal",
        "last_call", "limited", "over", "positions", "principal", "result_label", "seen", "seq", "services",
        "top",
    )  # fmt: skip

    def __init__(
        self, claim: Claim, definition: Definition, *, journal: Journal, catalog: Catalog,
        principal: Principal, dry: bool = False, services: Any = None,
    ) -> None:  # fmt: skip
        self.claim = claim
        self.definition = definition
        self.journal = journal
        self.catalog = catalog
        self.principal = principal
        self.dry = dry
        self.services = services
        # What the parts above know of the flow of labels here; the engine never looks inside.
        self.flow: Any = None
        # The join of everything this segment has recorded or been told: the low-water mark.
        self.seen: Label | None = None
        self.result_label: Label | None = None
        self.over: BaseException | None = None
        self.ending: Ending | None = None
        self.last_call: tuple[str, str, str, bytes] | None = None
        self.adopted = claim.run.version == definition.version
        self.limited = catalog.queues[claim.run.queue].limited if claim.run.queue in catalog.queues else False
        self._entries = {entry.key: entry for entry in claim.entries}
        self.seq = 1 + max((entry.seq for entry in claim.entries), default=-1)
        self.positions = Positions(self._entries)
        self.top = Scope(self, kind="top", path="", last=claim.run.created)

    @property
    def run(self) -> Run:
        """The run under the epoch of this claim."""
        return self.claim.run

    def see(self, label: Label) -> None:
        """Join ``label`` into what this segment has seen."""
        self.seen = join_seen(self.seen, label)

    def check_live(self) -> None:
        """Raise what ended this segment again, in case a tool swallowed it."""
        if self.over is not None:
            raise self.over

    def leave(self, signal: BaseException) -> BaseException:
        """Mark the segment as over and return ``signal`` to be raised."""
        if self.over is None:
            self.over = signal
        return self.over

    def recorded(self, key: str, kind: EntryKind, name: str, input_hash: bytes) -> Entry | None:
        """Return the entry at ``key`` after matching it with the call; None if nothing is recorded.

        Raises:
            Diverged: The entry belongs to another call.
        """
        entry = self._entries.get(key)
        self.last_call = (key, kind, name, input_hash)
        called = f"{kind} {name!r}"
        if entry is None:
            if self.positions.has_inside(key):
                raise self.leave(Diverged(key, "a gather", called))
            return None
        if entry.kind != kind or entry.name != name:
            raise self.leave(Diverged(key, f"{entry.kind} {entry.name!r}", called))
        if entry.input_hash != input_hash:
            raise self.leave(Diverged(key, f"{called} with other arguments", f"{called} with new ones"))
        return entry

    def knows(self, key: str) -> bool:
        """Whether something is recorded at ``key``."""
        return key in self._entries

    def scope_entry(self, key: str) -> Entry | None:
        """Return the finished scope at ``key``."""
        entry = self._entries.get(key)
        if entry is not None and entry.kind != "scope":
            raise self.leave(Diverged(key, f"{entry.kind} {entry.name!r}", "a gather branch"))
        return entry

    def patch_entry(self, key: str) -> Entry | None:
        """Return the answer that ``patched`` gave before."""
        return self._entries.get(key)

    async def before_new(self, scope: Scope, key: str, called: str) -> None:
        """Make sure that something new may start at ``key``: nothing later is recorded, version adopted."""
        if self.positions.last(scope.path) >= scope.position or self.positions.beyond(scope.path):
            raise self.leave(Diverged(key, "nothing here but later entries", called))
        if self.dry:
            raise self.leave(Edge(f"{key} {called}"))
        if self.seq >= MAX_ENTRIES:
            raise LimitError(
                f"run {self.run.id} has {self.seq} entries, the limit is {MAX_ENTRIES}; "
                "make steps larger, use children, or end with continue_as()",
                code="engine.journal_full",
            )
        if not self.adopted:
            await self._adopt()

    async def _adopt(self) -> None:
        self.adopted = True
        old, new = self.run.version, self.definition.version
        entry = NewEntry(
            key=f"adopt:{self.run.segment}:{self.run.epoch}",
            seq=self.take_seq(),
            kind="adopt",
            name=self.run.workflow,
            version=new,
            input_hash=EMPTY_HASH,
            output=dump({"from": old, "to": new}),
        )
        try:
            await self.journal.adopt(self.claim, entry, new)
        except (Fenced, Cancelled) as signal:
            raise self.leave(signal) from None

    def take_seq(self) -> int:
        """Return the next number in the order of recording."""
        self.seq += 1
        return self.seq - 1

    async def record(self, entry: NewEntry) -> Entry:
        """Write ``entry`` and remember it."""
        try:
            written = await self.journal.record(self.claim, entry)
        except (Fenced, Cancelled) as signal:
            raise self.leave(signal) from None
        self.remember(written)
        return written

    def remember(self, entry: Entry) -> None:
        """Note an entry that a transaction of the journal wrote."""
        self._entries[entry.key] = entry
        self.positions.add(entry.key)

    async def end(self, ending: Ending) -> bool:
        """Leave the run as ``ending`` says; False when a newer claim exists."""
        if not await self.journal.end(self.claim, ending):
            return False
        self.ending = ending
        return True

    async def value(self, entry: Entry) -> Any:
        """Return what ``entry`` came to, raising the recorded error."""
        if entry.outcome == "error" and entry.error is not None:
            raise rebuild_error(entry.error)
        return load(await self.journal.text(entry.output, entry.output_ref))


async def run_claim(segment: Segment, *, args: Mapping[str, Any]) -> str:
    """Run the author's function once and leave its run in the state that it reached.

    Returns:
        One word for the executor: done, failed, parked, blocked, cancelled, fenced or lost.
    """
    token = CURRENT.set(segment.top)
    run = segment.run
    try:
        if segment.dry:
            return await _run(segment, args)
        with span(SEGMENT, trace=run.id.hex, run=run.id.hex, workflow=run.workflow) as written:
            word = await _run(segment, args)
            written.attributes = {
                "pilothouse.segment": run.segment, "pilothouse.epoch": run.epoch,
                "pilothouse.version": run.version, "pilothouse.executor": run.owner or "", OUTCOME: word,
            }  # fmt: skip
            if word in ("failed", "blocked"):
                written.status = "error"
            return word
    finally:
        CURRENT.reset(token)


async def _run(segment: Segment, args: Mapping[str, Any]) -> str:
    try:
        result = await segment.definition.body(**args)
        segment.check_live()
        _check_complete(segment)
        text = dump(result, path="result")
    except Exception as error:
        return await _failed(segment, error)
    except (Waiting, asyncio.CancelledError) as signal:
        return await _signalled(segment, signal)
    if not await _adopt_at_end(segment):
        return "fenced"
    ending = Ending(state="done", result=text, label=_text(segment.result_label))
    return "done" if await segment.end(ending) else "fenced"


def _text(label: Label | None) -> str | None:
    return None if label is None else label_text(label)


async def _adopt_at_end(segment: Segment) -> bool:
    """A run that only had to be replayed still notes the version it ended under."""
    if segment.adopted:
        return True
    try:
        await segment._adopt()  # pyright: ignore[reportPrivateUsage]
    except (Fenced, Cancelled):
        return False
    return True


def _check_complete(segment: Segment) -> None:
    top = segment.top
    if segment.positions.last("") < top.position:
        return
    key = top.at(top.position)
    raise segment.leave(Diverged(key, "more entries", "the end of the function"))


async def _failed(segment: Segment, error: Exception) -> str:
    if segment.over is not None:
        return await _signalled(segment, segment.over)
    if isinstance(error, DataError) and error.code == "engine.payload_corrupt":
        return await _end(segment, "blocked", reason=str(error))
    return await _end(segment, "failed", reason=str(error), error=error_text(error))


async def _signalled(segment: Segment, signal: BaseException) -> str:
    """Leave the run as ``signal`` says; what ended the segment first counts, not what a tool made of it."""
    signal = segment.over or signal
    match signal:
        case AwaitDecision():
            return "parked"
        case Fenced():
            return "fenced"
        case JournalLost():
            return "lost"
        case Cancelled():
            return await _end(segment, "cancelled", reason="cancelled")
        case ContinueAs():
            ending = Ending(
                state="done", result="null", then=dump(signal.with_args), then_label=signal.label,
                label=_text(segment.seen),
            )  # fmt: skip
            return "done" if await segment.end(ending) else "fenced"
        case Diverged():
            return await _end(segment, "blocked", reason=f"version: {signal}")
        case ReplayMiss():
            return await _end(segment, "failed", reason=f"replay miss: {signal}", error=_miss(signal))
        case _:
            raise signal


def _miss(signal: BaseException) -> str:
    return error_text(PilothouseError(str(signal), code="engine.replay_miss"))


async def _end(segment: Segment, state: str, *, reason: str, error: str | None = None) -> str:
    ending = Ending(state=state, error=error, reason=reason[:2000], label=_text(segment.seen))
    return state if await segment.end(ending) else "fenced"
