"""Owns the timeline of a run: its journal, what it waited for, who answered, and its spans, as one story."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Protocol, cast
from uuid import UUID

from pilothouse.kernel import Authority, DeniedError, Principal, decode
from pilothouse.labels import Label
from pilothouse.telemetry import CALLS, OPERATION, OUTCOME, SEGMENT, STEP, STEP_KEY, SUMMED
from pilothouse.traces.types import StoredSpan, scope_of

if TYPE_CHECKING:
    from pilothouse.decisions import Inbox
    from pilothouse.engine import Engine, Entry, Run

__all__ = ["Moment", "Timeline", "timeline"]

WAITS = {"sleep": "timer", "signal": "signal", "gate": "person", "child": "child"}
DEEPEST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of the story.

    Attributes:
        kind: ``segment``, the kind of a journal entry, ``answer`` (a person's), ``wait`` (still open), or
            ``span``.
        name: What it is called in the code; empty where the reader may not know.
        key: Of a journal entry.
        at: When it began.
        until: When it ended; None while it lasts.
        depth: 0 for the run's own steps, more for what happened inside.
        outcome: ``ok``, ``error``, ``expired``, ``open``, or a person's verdict.
        code: Stable code of what went wrong.
        who: Who answered, or which account sent a foreign span.
        foreign: Whether another program says so: untrusted.
        withheld: ACL ids that the reader lacks; then outcome, code, counts and names inside are left out.
        integrity: How far what it came to may be trusted, 0 to 3; None where nothing was said.
    """

    kind: str
    name: str
    key: str = ""
    at: datetime
    until: datetime | None
    depth: int = 0
    outcome: str = ""
    code: str = ""
    attempts: int = 1
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)
    integrity: int | None = None
    readers: tuple[str, ...] = ()
    who: str = ""
    foreign: bool = False
    withheld: tuple[str, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether nothing was running: a person, a timer, a signal or a child was waited for."""
        return self.kind in WAITS or self.kind == "wait"

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it lasts."""
        return None if self.until is None else (self.until - self.at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What happened in one run.

    Attributes:
        children: Runs that this one started; each has a timeline of its own.
        complete: Whether every span is here; a very long run shows its first 20,000.
    """

    run: UUID
    workflow: str
    version: str
    state: str
    reason: str
    principal: str
    started: datetime
    ended: datetime | None
    moments: tuple[Moment, ...]
    children: tuple[UUID, ...] = ()
    complete: bool = True

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens in and out of all own model calls."""
        own = [one for one in self.moments if not one.foreign]
        return sum(one.tokens_in for one in own), sum(one.tokens_out for one in own)

    @property
    def cost(self) -> Decimal:
        """Cost of all own model calls."""
        return sum((one.cost for one in self.moments if not one.foreign), Decimal(0))


class SpanReader(Protocol):
    """Where the spans come from."""

    async def of_run(
        self, principal: Principal, run: UUID, *, also: Sequence[str] = ()
    ) -> tuple[list[StoredSpan], bool]:
        """Return the spans of a run, and whether that is all."""
        ...


@dataclass(slots=True)
class _Story:
    """The moments as they are put together."""

    inside: Mapping[str | None, list[StoredSpan]]
    steps: Mapping[str, list[StoredSpan]]
    closed: frozenset[str]
    moments: list[Moment] = field(default_factory=list[Moment])


async def timeline(
    spans: SpanReader, by: Principal, engine: Engine, id: UUID, *, authority: Authority, inbox: Inbox | None
) -> Timeline:
    """Return what happened in a run; see :meth:`pilothouse.traces.Traces.timeline`."""
    run = await engine.get(id)
    scope = scope_of(run.workflow)
    _require(by, run, scope, authority)
    found, complete = await spans.of_run(by, id, also=(scope,))
    entries = [entry async for entry in engine.history(id)]
    labels = {entry.key: _label(entry) for entry in entries}
    acls = {acl for label in labels.values() if label is not None for acl in label.readers}
    story = _Story(*_arranged(found), closed=frozenset(acl for acl in acls if not authority.reads(by, acl)))
    tops: list[tuple[datetime, list[Moment]]] = [_segment(one) for one in found if _is(one, SEGMENT)]
    tops += [_entry(story, entry, labels[entry.key]) for entry in entries]
    tops += _strays(story, found)
    tops += [_open(wait.kind, wait.key, wait.until, run) for wait in await engine.waits(id)]
    if inbox is not None:
        tops += await _answers(inbox, by, id)
    tops.sort(key=lambda top: top[0])
    children = await engine.runs(parent=id, limit=1000)
    return Timeline(
        run=id, workflow=run.workflow, version=run.version, state=run.state, reason=_reason(run, story),
        principal=run.principal.id, started=run.created, ended=run.ended,
        moments=tuple(moment for _, moments in tops for moment in moments),
        children=tuple(child.id for child in children), complete=complete,
    )  # fmt: skip


def _require(by: Principal, run: Run, scope: str, authority: Authority) -> None:
    """Let in who may read the workflow's traces, and whom the run acts for."""
    own = by.id == run.principal.id and (by.agent is None or by.agent.may(scope))
    if own or authority.reads(by, scope):
        return
    raise DeniedError(
        f"{by.id!r} may not read what happened in run {run.id}; ask for the right {scope!r}",
        code="policy.denied",
        reasons=(f"missing:{scope}",),
    )


def _reason(run: Run, story: _Story) -> str:
    # Words of an error may hold what was read.
    return "" if story.closed else run.reason or ""


def _label(entry: Entry) -> Label | None:
    return None if entry.label is None else cast("Label", decode(json.loads(entry.label)))


def _is(span: StoredSpan, name: str) -> bool:
    return not span.foreign and span.name == name


def _arranged(
    spans: Sequence[StoredSpan],
) -> tuple[dict[str | None, list[StoredSpan]], dict[str, list[StoredSpan]]]:
    """Return the spans inside each span, and the spans of each step."""
    inside: dict[str | None, list[StoredSpan]] = defaultdict(list)
    steps: dict[str, list[StoredSpan]] = defaultdict(list)
    for span in spans:
        inside[span.parent].append(span)
        if _is(span, STEP):
            steps[str(span.attributes.get(STEP_KEY, ""))].append(span)
    return inside, steps


def _segment(span: StoredSpan) -> tuple[datetime, list[Moment]]:
    number = span.attributes.get("pilothouse.segment", "?")
    executor = str(span.attributes.get("pilothouse.executor", ""))
    word = str(span.attributes.get(OUTCOME, span.status))
    moment = Moment(
        kind=SEGMENT, name=f"segment {number}", at=span.began, until=_until(span), outcome=word,
        code=span.message if span.status == "error" else "", who=executor,
    )  # fmt: skip
    return span.began, [moment]


def _entry(story: _Story, entry: Entry, label: Label | None) -> tuple[datetime, list[Moment]]:
    readers = tuple(sorted(label.readers)) if label is not None else ()
    withheld = tuple(acl for acl in readers if acl in story.closed)
    at = entry.started or entry.ended
    assert at is not None
    moment = Moment(
        kind=entry.kind, name=entry.name, key=entry.key, at=at, until=entry.ended,
        outcome="" if withheld else entry.outcome, code="" if withheld else _code(entry),
        attempts=entry.attempts, integrity=None if label is None else int(label.integrity), readers=readers,
        withheld=withheld,
    )  # fmt: skip
    inner = _Story(story.inside, story.steps, story.closed)
    for step in story.steps.get(entry.key, ()):
        if not withheld:
            _walk(inner, step.id, 1)
    return at, [moment, *inner.moments]


def _code(entry: Entry) -> str:
    if entry.error is None:
        return ""
    fields = json.loads(entry.error)
    return str(fields.get("code") or fields.get("class") or "")


def _walk(story: _Story, parent: str, depth: int) -> None:
    for span in story.inside.get(parent, ()):
        story.moments.append(_inner(span, depth))
        if depth < DEEPEST:
            _walk(story, span.id, depth + 1)


def _inner(span: StoredSpan, depth: int) -> Moment:
    read = span.attributes
    counted = read.get(OPERATION) in CALLS and not read.get(SUMMED)
    return Moment(
        kind="span",
        name=_title(span),
        at=span.began,
        until=_until(span),
        depth=depth,
        outcome="error" if span.status == "error" else "ok",
        code=span.message if span.status == "error" else "",
        model=str(read.get("gen_ai.response.model") or read.get("gen_ai.request.model") or ""),
        tokens_in=_count(read.get("gen_ai.usage.input_tokens")) if counted else 0,
        tokens_out=_count(read.get("gen_ai.usage.output_tokens")) if counted else 0,
        cost=_money(read.get("pilothouse.cost")) if counted else Decimal(0),
        integrity=span.integrity,
        who=span.account,
        foreign=span.foreign,
    )


def _title(span: StoredSpan) -> str:
    """Return the name with what it is about, where the name says only what is done."""
    names = (
        "gen_ai.agent.name",
        "gen_ai.tool.name",
        "pilothouse.tool",
        "pilothouse.source",
        "pilothouse.task",
    )
    about = next((str(span.attributes[name]) for name in names if name in span.attributes), "")
    return f"{span.name} {about}" if about and about not in span.name else span.name


def _strays(story: _Story, spans: Sequence[StoredSpan]) -> list[tuple[datetime, list[Moment]]]:
    """Return what belongs to no recorded step: an attempt that was killed, or a program that was called."""
    known = {span.id: span for span in spans}
    found: list[tuple[datetime, list[Moment]]] = []
    entries = {step.id for steps in story.steps.values() for step in steps}
    for span in spans:
        above = known.get(span.parent or "")
        if _is(span, SEGMENT) or span.id in entries or (above is not None and not _is(above, SEGMENT)):
            continue
        inner = _Story(story.inside, story.steps, story.closed, [_inner(span, 0)])
        _walk(inner, span.id, 1)
        found.append((span.began, inner.moments))
    return found


def _open(kind: str, key: str, until: datetime | None, run: Run) -> tuple[datetime, list[Moment]]:
    now = datetime.now(UTC)
    what = {"gate": "a person", "signal": "a signal", "timer": "a timer", "child": "a child run"}.get(
        kind, kind
    )
    words = f"waits for {what}" + ("" if until is None else f" until {until:%Y-%m-%d %H:%M} UTC")
    return now, [Moment(kind="wait", name=words, key=key, at=now, until=None, outcome="open")]


async def _answers(inbox: Inbox, by: Principal, run: UUID) -> list[tuple[datetime, list[Moment]]]:
    """Return who answered what; only what the reader sees in the inbox too."""
    from pilothouse.decisions import InboxFilter

    page = await inbox.list(by, InboxFilter(state=None, run=str(run), snoozed=True, limit=200))
    found: list[tuple[datetime, list[Moment]]] = []
    for item in page.items:
        if item.answer is None:
            continue
        at, answer = item.answer.at, item.answer
        moment = Moment(
            kind="answer", name=item.title, at=at, until=at, outcome=answer.verdict, who=answer.by,
            withheld=("?",) if item.hidden else (),
        )  # fmt: skip
        found.append((at, [moment]))
    return found


def _until(span: StoredSpan) -> datetime:
    return span.began + timedelta(microseconds=span.took // 1000)


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _money(value: object) -> Decimal:
    try:
        found = Decimal(str(value)) if value is not None else Decimal(0)
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() and found >= 0 else Decimal(0)
